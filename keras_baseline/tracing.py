"""One training step of the Keras twin, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from keras_baseline.backends import active, require
from keras_baseline.model import build, build_loss, build_traced
from keras_baseline.optimizers import OptimizerTwin
from keras_baseline.weights import get_weights, set_weights, trained
from scratchnet.architecture import Architecture
from scratchnet.network import StepTrace
from scratchnet.optimizers import Optimizer
from scratchnet.types import Array


class KerasStep:
    """The Keras twin of an architecture, ready to take single steps from given weights.

    Parameters
    ----------
    architecture
        What to build.
    dtype
        ``"float32"`` or ``"float64"``.
    optimizer
        How to update; None for gradients only.

    Raises
    ------
    RuntimeError
        If Keras runs on another backend than the architecture's, or on JAX without float64.
    """

    def __init__(
        self, architecture: Architecture, dtype: str, optimizer: Optimizer | None = None
    ) -> None:
        require(architecture.backend)
        self._backend = active(dtype)
        self.architecture = architecture
        self.dtype = dtype
        self.optimizer = optimizer
        self._traced = build_traced(architecture, dtype)
        self._loss = build_loss(architecture, dtype)
        last = f"{architecture.layers[-1].name}/activation"
        self._differentiate = self._backend.differentiator(
            self._traced, lambda y, outputs: self._loss(y, outputs[last])
        )
        self._optimizer_twin = None if optimizer is None else OptimizerTwin(optimizer, dtype)

    @cached_property
    def model(self) -> Any:
        """The model as Keras users build it, made when it is first asked for."""
        return build(self.architecture, self.dtype, given_noise=True)

    @cached_property
    def _differentiate_plain(self) -> Any:
        return self._backend.differentiator(self.model, self._loss)

    def loss_and_gradients(
        self,
        weights: dict[str, Array],
        x: Array,
        y: Array,
        noise: Mapping[str, Array] | None = None,
    ) -> tuple[float, dict[str, Array]]:
        """Return the loss of one batch and its gradient for every weight.

        Parameters
        ----------
        weights
            By full name.
        x, y
            ``(samples, ...)`` and ``(samples, units)``, or ``(samples, 1)`` class numbers.
        noise
            By layer name, for layers that draw random numbers.
        """
        set_weights(self.model, weights)
        loss, _, gradients = self._differentiate_plain(
            np.asarray(x, self.dtype), y, self._noise(noise)
        )
        return loss, gradients

    def trace(
        self,
        weights: dict[str, Array],
        x: Array,
        y: Array,
        slots: dict[str, Array] | None = None,
        iterations: int = 0,
        noise: Mapping[str, Array] | None = None,
    ) -> StepTrace:
        """Take one step and return every tensor of it.

        Parameters
        ----------
        weights, x, y, noise
            As for `loss_and_gradients`.
        slots
            The optimizer's slots before the step, by full name (``dense_1/kernel_momentum``);
            None: all zero.
        iterations
            Number of updates made before this step.
        """
        model = self._traced
        set_weights(model, weights)
        loss, traced, gradients = self._differentiate(
            np.asarray(x, self.dtype), y, self._noise(noise)
        )
        # A fused loss bypasses the last activation, which then has no gradient; and where nothing
        # is trained before a tensor, only some backends differentiate so far.
        gradients = {name: gradient for name, gradient in gradients.items() if self._reaches(name)}
        traced |= {f"{name}_gradient": gradient for name, gradient in gradients.items()}
        watched = trained(model)
        traced |= {
            f"{name}_updated": value
            for name, value in get_weights(model).items()
            if name not in watched
        }
        if self._optimizer_twin is not None:
            traced |= self._optimizer_twin.update(model, gradients, slots, iterations)
        return StepTrace(loss, traced)

    def _noise(self, noise: Mapping[str, Array] | None) -> list[Array]:
        """Return the noise of the layers that need it, in their order."""
        return [
            np.asarray((noise or {})[layer.name], self.dtype)
            for layer in self.architecture.layers
            if layer.needs_noise
        ]

    def _reaches(self, name: str) -> bool:
        """Whether a gradient of a tensor is needed: weights are always trained."""
        layer, _, tensor = name.partition("/")
        if tensor not in ("activation", "pre_activation"):
            return True
        return self.architecture.needs_gradient(layer)
