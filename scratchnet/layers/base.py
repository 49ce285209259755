"""What every layer is: a frozen description, and a pass that runs it for one batch size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from scratchnet.parameters import Parameters
from scratchnet.types import Array


class Buffer:
    """Memory for the values that one layer hands to the next, for one batch size.

    The values are ``(samples, units)``, followed in `with_ones` by a column of ones, which lets
    a bias ride in the matrix product as one more row of the kernel. The memory is in Fortran
    order: the column of ones then lies behind the values and leaves them contiguous.

    Parameters
    ----------
    samples, units
        Shape of the values.
    dtype
        Of the values.

    Attributes
    ----------
    values
        ``(samples, units)``.
    with_ones
        ``(samples, units + 1)``; the same memory and the column of ones.
    gradient
        ``(samples, units)``: gradient of the loss with respect to the values.
    """

    def __init__(self, samples: int, units: int, dtype: DTypeLike) -> None:
        self.with_ones: Array = np.ones((samples, units + 1), dtype, order="F")
        self.values: Array = self.with_ones[:, :-1]
        self.gradient: Array = np.zeros((samples, units), dtype, order="F")


class Pass(ABC):
    """Forward and backward of one layer for one batch size; nothing is allocated in either.

    Each direction has two halves, so that a comparison can look, and step in, between them.

    Attributes
    ----------
    outputs
        Where `forward` leaves the layer's values, and where `backward` finds their gradient.
    pre_activation, pre_activation_gradient
        ``z`` and ``dz``, ``(samples, units)``.
    """

    outputs: Buffer
    pre_activation: Array
    pre_activation_gradient: Array

    def forward(self) -> None:
        """Compute the outputs from the inputs."""
        self.forward_pre_activation()
        self.forward_activation()

    def backward(self) -> None:
        """Compute the gradients of weights and inputs from that of the outputs."""
        self.backward_pre_activation()
        self.backward_weights()

    @abstractmethod
    def forward_pre_activation(self) -> None:
        """Compute ``z`` from the inputs."""

    @abstractmethod
    def forward_activation(self) -> None:
        """Compute the outputs from ``z``."""

    @abstractmethod
    def backward_pre_activation(self) -> None:
        """Compute ``dz`` from the gradient of the outputs."""

    @abstractmethod
    def backward_weights(self) -> None:
        """Compute the gradients of weights and inputs from ``dz``."""

    def tensors(self) -> dict[str, Array]:
        """Return views of everything computed for the last batch, by name."""
        return {
            "pre_activation": self.pre_activation,
            "activation": self.outputs.values,
            "activation_gradient": self.outputs.gradient,
            "pre_activation_gradient": self.pre_activation_gradient,
        }


class Layer(ABC):
    """Description of a layer; subclasses are frozen dataclasses.

    Attributes
    ----------
    kind
        The layer's ``type`` in a dict or TOML, and the stem of its automatic name.
    name
        Unique in its architecture; prefix of its weights' names.
    """

    kind: ClassVar[str]
    name: str

    @abstractmethod
    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one output sample.

        Raises
        ------
        ArchitectureError
            If the layer cannot take such an input.
        """

    @abstractmethod
    def weight_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight by its short name, in Keras's order."""

    @abstractmethod
    def initial_weights(
        self, input_shape: tuple[int, ...], random: np.random.RandomState
    ) -> dict[str, NDArray[np.float64]]:
        """Draw the initial weights by short name."""

    @abstractmethod
    def bind(self, inputs: Buffer, parameters: Parameters, first: bool) -> Pass:
        """Make the pass that reads `inputs`; the `first` layer computes no input gradient."""
