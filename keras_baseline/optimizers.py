"""The Keras twins of the optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_baseline.backends import active
from keras_baseline.weights import get_weights, trained
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from scratchnet.types import Array

_CLASSES: dict[type[Optimizer], Any] = {
    SGD: keras.optimizers.SGD,
    RMSprop: keras.optimizers.RMSprop,
    Adam: keras.optimizers.Adam,
    AdamW: keras.optimizers.AdamW,
}


def build_optimizer(optimizer: Optimizer, dtype: str) -> Any:
    """Make the Keras optimizer with the same settings.

    Keras keeps a learning rate in a float32 variable whatever the model's dtype, so 0.01 would
    reach a float64 network as 0.009999999776. A callable is taken as it is, hence the lambda.

    Parameters
    ----------
    optimizer
        What to build.
    dtype
        Of the network.

    Returns
    -------
    keras.optimizers.Optimizer
    """
    # Keras refuses whole numbers, which TOML gives for `momentum = 0`.
    settings = {
        name: value if isinstance(value, bool) else float(value)
        for name, value in vars(optimizer).items()
    }
    rate = keras.ops.convert_to_tensor(settings.pop("learning_rate"), dtype=dtype)
    return _CLASSES[type(optimizer)](learning_rate=lambda: rate, **settings)


def get_slots(model: Any, keras_optimizer: Any, optimizer: Optimizer) -> dict[str, Array]:
    """Return the optimizer's slots by full name, as ``dense_1/kernel_momentum``."""
    by_path = {variable.path.split("/", 1)[-1]: variable for variable in keras_optimizer.variables}
    return {
        f"{name}_{slot}": np.array(
            keras.ops.convert_to_numpy(by_path[f"{variable.path.replace('/', '_')}_{slot}"])
        )
        for name, variable in trained(model).items()
        for slot in optimizer.slots
    }


def set_slots(
    model: Any,
    keras_optimizer: Any,
    optimizer: Optimizer,
    slots: Mapping[str, Array],
    iterations: int,
) -> None:
    """Copy slots in by full name, and set the number of updates made."""
    keras_optimizer.build(model.trainable_variables)
    keras_optimizer.iterations.assign(iterations)
    by_path = {variable.path.split("/", 1)[-1]: variable for variable in keras_optimizer.variables}
    for name, variable in trained(model).items():
        for slot in optimizer.slots:
            target = by_path[f"{variable.path.replace('/', '_')}_{slot}"]
            target.assign(np.asarray(slots[f"{name}_{slot}"], target.dtype))


class OptimizerTwin:
    """The Keras twin of an optimizer, ready to make single updates.

    Parameters
    ----------
    optimizer
        The rule.
    dtype
        Of the network.
    """

    def __init__(self, optimizer: Optimizer, dtype: str) -> None:
        self._optimizer = optimizer
        self._dtype = dtype
        self._twin = build_optimizer(optimizer, dtype)
        self._apply = active(dtype).updater(self._twin)

    def update(
        self,
        model: Any,
        gradients: Mapping[str, Array],
        slots: Mapping[str, Array] | None = None,
        iterations: int = 0,
    ) -> dict[str, Array]:
        """Update a model once from given gradients; return its new weights and slots.

        Parameters
        ----------
        model
            With the weights before the update; the same one at every call.
        gradients
            By full name of the weight, as ``dense_1/kernel``.
        slots
            The optimizer's slots before the update, as ``dense_1/kernel_momentum``; None or
            empty: all zero.
        iterations
            Number of updates made before.

        Returns
        -------
        dict
            By tensor name, as ``dense_1/kernel_updated`` and ``dense_1/kernel_momentum``.
        """
        watched = trained(model)
        zeros = {
            f"{name}_{slot}": np.zeros(variable.shape)
            for name, variable in watched.items()
            for slot in self._optimizer.slots
        }
        set_slots(model, self._twin, self._optimizer, slots or zeros, iterations)
        tensors = [
            keras.ops.convert_to_tensor(np.asarray(gradients[name], self._dtype))
            for name in watched
        ]
        self._apply(tensors, list(watched.values()))
        updated = {
            f"{name}_updated": value
            for name, value in get_weights(model).items()
            if name in watched
        }
        return updated | get_slots(model, self._twin, self._optimizer)
