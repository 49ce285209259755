"""What differs in code between Keras's backends: differentiation and the training loop.

A module per backend; only that of the active one is imported. Each has two functions:

``differentiator(model, loss)``
    A function of one batch, ``(x, y, noise) -> loss, tensors, gradients``, in NumPy arrays by full
    name: the model's outputs where it returns them by name, and the gradients of those and of the
    trained weights. An output that the loss does not depend on has none. ``loss(y, outputs)`` is a
    scalar, to which the penalties of regularizers are added; `noise` are the model's further
    inputs. What training changes in weights that are not trained is left in the model.
``updater(optimizer)``
    A function ``(gradients, variables) -> None`` that updates the variables that the optimizer was
    built for, all of them, in their order.
``compile_epochs(...)``
    A function that trains whole epochs, see `keras_baseline.training.train`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import keras

from scratchnet.types import Array

NoiseSource = Callable[[int, int], list[Array]]
"""``(number of updates made before, samples)`` -> what random layers are given in that step."""


class NotANumberError(ArithmeticError):
    """The backend refuses a prediction that is not a number, where others return such a loss."""


def active(dtype: str) -> Any:
    """Import the module of the backend that Keras runs on.

    Parameters
    ----------
    dtype
        In which it is to compute.

    Raises
    ------
    RuntimeError
        If the backend cannot: JAX computes in float64 only where that was enabled before its
        import, by ``JAX_ENABLE_X64=1``.
    """
    name = keras.config.backend()
    if name == "jax" and dtype == "float64":
        import jax

        if not jax.config.jax_enable_x64:
            raise RuntimeError("float64 on JAX: set JAX_ENABLE_X64=1 before Keras is imported")
    return importlib.import_module(f"{__name__}.{name}")


def forget() -> None:
    """Give back the memory of models that are no longer in use: Keras's state, JAX's programs."""
    keras.utils.clear_session()
    if keras.config.backend() == "jax":
        import jax

        jax.clear_caches()


def require(backend: str) -> None:
    """Require that Keras runs on the backend whose conventions a network follows.

    Raises
    ------
    RuntimeError
        If it does not.
    """
    if keras.config.backend() != backend:
        raise RuntimeError(
            f"backend = {backend!r}, but Keras runs on {keras.config.backend()!r}; set "
            f"KERAS_BACKEND={backend} before Keras is imported"
        )
