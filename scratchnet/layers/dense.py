"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scratchnet.activations import ACTIVATIONS, Scratch
from scratchnet.errors import ArchitectureError, check_choice
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Buffer, Layer, Pass
from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected layer: ``a = activation(x @ kernel + bias)`` (``keras.layers.Dense``).

    Parameters
    ----------
    units
        Number of outputs, at least 1.
    activation
        A name in `scratchnet.activations.ACTIVATIONS`.
    use_bias
        Whether to add a bias.
    kernel_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    name
        Empty for an automatic name, ``dense_1``, ``dense_2`` ...

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "dense"

    units: int
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.units, bool) or not isinstance(self.units, int) or self.units < 1:
            raise ArchitectureError(f"units = {self.units!r}; expected a positive integer")
        if not isinstance(self.use_bias, bool):
            raise ArchitectureError(f"use_bias = {self.use_bias!r}; expected true or false")
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("kernel_initializer", self.kernel_initializer, INITIALIZERS)
        check_choice("bias_initializer", self.bias_initializer, INITIALIZERS)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(units,)``."""
        if len(input_shape) != 1:
            raise ArchitectureError(f"input shape {input_shape}; dense expects (features,)")
        return (self.units,)

    def weight_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return kernel ``(features, units)`` and bias ``(units,)``."""
        shapes: dict[str, tuple[int, ...]] = {"kernel": (input_shape[0], self.units)}
        if self.use_bias:
            shapes["bias"] = (self.units,)
        return shapes

    def initial_weights(
        self, input_shape: tuple[int, ...], random: np.random.RandomState
    ) -> dict[str, NDArray[np.float64]]:
        """Draw kernel, then bias."""
        initializers = {"kernel": self.kernel_initializer, "bias": self.bias_initializer}
        return {
            name: INITIALIZERS[initializers[name]](random, shape)
            for name, shape in self.weight_shapes(input_shape).items()
        }

    def bind(self, inputs: Buffer, parameters: Parameters, first: bool) -> DensePass:
        """Make the pass over `inputs`."""
        return DensePass(self, inputs, parameters, first)


class DensePass(Pass):
    """Forward and backward of `Dense`.

    With ``x`` the inputs, and the bias as the last row of the kernel against a column of ones
    behind ``x``::

        forward    z = x @ kernel + bias          a = activation(z)
        backward   dz = da * activation'(z)
                   dkernel = x.T @ dz             dbias = sum of dz over samples
                   dx = dz @ kernel.T
    """

    def __init__(self, layer: Dense, inputs: Buffer, parameters: Parameters, first: bool) -> None:
        samples, features = inputs.values.shape
        self.activation = ACTIVATIONS[layer.activation]
        self.inputs = inputs
        self.outputs = Buffer(samples, layer.units, parameters.values.dtype)
        self.pre_activation = np.zeros_like(self.outputs.gradient)
        self.pre_activation_gradient = np.zeros_like(self.outputs.gradient)
        self._scratch = Scratch(self.pre_activation)
        self._first = first

        names = [f"{layer.name}/{short}" for short in layer.weight_shapes((features,))]
        values, gradients = parameters.block(names)
        # Kernel and bias are neighbours in the arena, so together they are the taller kernel.
        weights = values.reshape(features + layer.use_bias, layer.units)
        self._weights_gradient = gradients.reshape(weights.shape)
        self._kernel = weights[:features]
        # Buffers are in Fortran order, so their transposes, samples in columns as in the article,
        # are what np.dot can write to; and np.dot costs half of what np.matmul does to call.
        self._weights_T = weights.T
        self._x_T = (inputs.with_ones if layer.use_bias else inputs.values).T
        self._z_T = self.pre_activation.T
        self._dz_T = self.pre_activation_gradient.T
        self._dx_T = inputs.gradient.T

    def forward_pre_activation(self) -> None:
        """Compute ``z`` from ``x``."""
        np.dot(self._weights_T, self._x_T, out=self._z_T)

    def forward_activation(self) -> None:
        """Compute ``a`` from ``z``."""
        self.activation.forward(self.pre_activation, self.outputs.values, self._scratch)

    def backward_pre_activation(self) -> None:
        """Compute ``dz`` from ``da``."""
        self.activation.backward(
            self.pre_activation,
            self.outputs.values,
            self.outputs.gradient,
            self.pre_activation_gradient,
            self._scratch,
        )

    def backward_weights(self) -> None:
        """Compute the gradients of weights and inputs from ``dz``."""
        np.dot(self._x_T, self.pre_activation_gradient, out=self._weights_gradient)
        if not self._first:
            np.dot(self._kernel, self._dz_T, out=self._dx_T)
