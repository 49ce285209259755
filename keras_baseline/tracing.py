"""One training step of the Keras twin, tensor by tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from keras_baseline.model import build, build_loss, build_traced
from keras_baseline.optimizers import build_optimizer, get_slots, set_slots
from keras_baseline.weights import get_weights, set_weights, variables
from scratchnet.architecture import Architecture
from scratchnet.network import StepTrace
from scratchnet.optimizers import Optimizer

Array = NDArray[Any]


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
    """

    def __init__(
        self, architecture: Architecture, dtype: str, optimizer: Optimizer | None = None
    ) -> None:
        self.architecture = architecture
        self.dtype = dtype
        self.optimizer = optimizer
        self.model = build(architecture, dtype)
        self._traced = build_traced(architecture, dtype)
        self._loss = build_loss(architecture, dtype)
        self._keras_optimizer = None if optimizer is None else build_optimizer(optimizer, dtype)

    def loss_and_gradients(
        self, weights: dict[str, Array], x: Array, y: Array
    ) -> tuple[float, dict[str, Array]]:
        """Return the loss of one batch and its gradient for every weight.

        Parameters
        ----------
        weights
            By full name.
        x, y
            ``(samples, features)`` and ``(samples, units)``, or ``(samples, 1)`` class numbers.
        """
        set_weights(self.model, weights)
        with tf.GradientTape() as tape:
            loss = self._loss(y, self.model(tf.constant(x, self.dtype), training=True))
        gradients = tape.gradient(loss, variables(self.model))
        return float(loss), {name: gradient.numpy() for name, gradient in gradients.items()}

    def trace(
        self,
        weights: dict[str, Array],
        x: Array,
        y: Array,
        slots: dict[str, Array] | None = None,
        iterations: int = 0,
    ) -> StepTrace:
        """Take one step and return every tensor of it.

        Parameters
        ----------
        weights, x, y
            As for `loss_and_gradients`.
        slots
            The optimizer's slots before the step, by full name (``dense_1/kernel_momentum``);
            None: all zero.
        iterations
            Number of updates made before this step.
        """
        model = self._traced
        set_weights(model, weights)
        with tf.GradientTape() as tape:
            tensors = model(tf.constant(x, self.dtype), training=True)
            last = f"{self.architecture.layers[-1].name}/activation"
            loss = self._loss(y, tensors[last])
        watched = variables(model)
        gradients = tape.gradient(loss, {**tensors, **watched})
        traced = {name: tensor.numpy() for name, tensor in tensors.items()}
        # A fused loss bypasses the last activation, which then has no gradient.
        traced |= {f"{n}_gradient": g.numpy() for n, g in gradients.items() if g is not None}
        if self.optimizer is not None and self._keras_optimizer is not None:
            zeros = {
                f"{name}_{slot}": np.zeros(variable.shape)
                for name, variable in watched.items()
                for slot in self.optimizer.slots
            }
            set_slots(model, self._keras_optimizer, self.optimizer, slots or zeros, iterations)
            self._keras_optimizer.apply([gradients[name] for name in watched], watched.values())
            traced |= {f"{name}_updated": value for name, value in get_weights(model).items()}
            traced |= get_slots(model, self._keras_optimizer, self.optimizer)
        return StepTrace(float(loss), traced)
