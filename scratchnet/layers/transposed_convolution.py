"""Transposed convolution: the way back through a convolution, from windows to positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.activations import activation_of
from scratchnet.buffer import Buffer, as_matrix
from scratchnet.errors import check_boolean, check_choice, check_positive
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.convolution import check_strides
from scratchnet.layers.patches import Patches
from scratchnet.layers.windows import Windows, as_sizes, check_padding, check_rank
from scratchnet.regularizers import Regularizer, as_regularizer
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Conv2DTranspose(Layer):
    """Transposed convolution of images (``keras.layers.Conv2DTranspose``).

    Each input is multiplied by the kernel, and the results are added up where a convolution's
    window at that place would read: forward is the gradient of `Conv2D` with respect to its input.

    Parameters
    ----------
    filters
        Number of output channels.
    kernel_size, strides, dilation_rate
        As for `Conv2D`.
    padding
        ``"valid"``: ``(n - 1) stride + max(kernel, stride)`` positions become of ``n``.
        ``"same"``: ``n stride``.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer
        As for `Conv2D`.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "conv2d_transpose"
    rank: ClassVar[int] = 2

    filters: int
    kernel_size: int | tuple[int, ...]
    strides: int | tuple[int, ...] = (1, 1)
    padding: str = "valid"
    dilation_rate: int | tuple[int, ...] = (1, 1)
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    kernel_regularizer: Regularizer | None = None

    def __post_init__(self) -> None:
        check_positive("filters", self.filters)
        for field in ("kernel_size", "strides", "dilation_rate"):
            object.__setattr__(self, field, as_sizes(field, getattr(self, field), self.rank))
        check_padding(self.padding)
        check_strides(self.strides, self.dilation_rate)
        check_boolean("use_bias", self.use_bias)
        activation_of(self.activation)
        check_choice("kernel_initializer", self.kernel_initializer, INITIALIZERS)
        check_choice("bias_initializer", self.bias_initializer, INITIALIZERS)
        regularizer = as_regularizer("kernel_regularizer", self.kernel_regularizer)
        object.__setattr__(self, "kernel_regularizer", regularizer)

    def windows(self, shape: tuple[int, ...]) -> tuple[Windows, ...]:
        """Return the windows over the outputs: one for each position of the input."""
        check_rank(shape, self.rank)
        size, strides, dilation = (
            as_sizes("", n, self.rank) for n in (self.kernel_size, self.strides, self.dilation_rate)
        )
        made = []
        for n, window, stride, step in zip(shape, size, strides, dilation, strict=False):
            reach = (window - 1) * step + 1
            same = self.padding == "same"
            positions = n * stride if same else (n - 1) * stride + max(reach, stride)
            made.append(Windows(positions, window, stride, step, self.padding))
        return tuple(made)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(positions, ..., filters)``."""
        return (*(axis.positions for axis in self.windows(shapes[0])), self.filters)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return kernel ``(size, ..., filters, channels)`` and bias ``(filters,)``."""
        size = as_sizes("", self.kernel_size, self.rank)
        kernel = Weight(
            (*size, self.filters, shapes[0][-1]),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        bias = Weight((self.filters,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs, with windows over the outputs.

        ::

            forward    patches = kernel @ x          z = each added where its window reads, + bias
            backward   dpatches = what each window reads of dz
                       dkernel = dpatches @ x.T      dbias = sum of dz over positions, samples
                       dx = kernel.T @ dpatches
        """
        [source] = inputs
        x, dx, outputs = source.matrix, source.claim_gradient(), plan.outputs_of(self)
        windows = self.windows(source.values.shape[1:])
        z = Buffer(plan.samples, outputs.values.shape[1:], x.dtype)
        patches, dpatches = (
            Patches(windows, self.filters, plan.samples, x.dtype) for _ in range(2)
        )
        columns, dcolumns = patches.matrices[0], dpatches.matrices[0]
        kernel = parameters[f"{self.name}/kernel"].reshape(-1, len(x))
        dkernel = parameters.gradient(f"{self.name}/kernel").reshape(-1, len(x))
        a, da, dz = outputs.values, outputs.gradient, z.gradient
        scratch, activation = plan.scratch(dz), activation_of(self.activation)

        forward, backward = Tape(), Tape()
        forward.add(np.dot, kernel, x, out=columns)
        patches.scatter(forward, z.values)
        if self.use_bias:
            bias = parameters[f"{self.name}/bias"].reshape(-1, 1)
            forward.add(np.add, z.matrix, bias, out=z.matrix)
        forward.name_last("pre_activation")
        activation.forward(forward, z.values, a, scratch)

        activation.backward(backward, z.values, a, da, dz, scratch)
        backward.name_last("pre_activation_gradient")
        dpatches.gather(backward, dz)
        backward.add(np.dot, dcolumns, x.T, out=dkernel)
        if self.use_bias:
            dbias = parameters.gradient(f"{self.name}/bias")
            backward.add(np.add.reduce, z.gradient_matrix, axis=1, out=dbias)
        if dx is not None:
            backward.add(np.dot, kernel.T, dcolumns, out=as_matrix(dx), tensor="input")
        return Pass(
            outputs,
            forward,
            backward,
            tensors={"pre_activation": z.values, "pre_activation_gradient": dz},
        )


@dataclass(frozen=True)
class Conv1DTranspose(Conv2DTranspose):
    """`Conv2DTranspose` of sequences, along one axis (``keras.layers.Conv1DTranspose``)."""

    kind: ClassVar[str] = "conv1d_transpose"
    rank: ClassVar[int] = 1

    strides: int | tuple[int, ...] = (1,)
    dilation_rate: int | tuple[int, ...] = (1,)


@dataclass(frozen=True)
class Conv3DTranspose(Conv2DTranspose):
    """`Conv2DTranspose` of volumes, along three axes (``keras.layers.Conv3DTranspose``)."""

    kind: ClassVar[str] = "conv3d_transpose"
    rank: ClassVar[int] = 3

    strides: int | tuple[int, ...] = (1, 1, 1)
    dilation_rate: int | tuple[int, ...] = (1, 1, 1)
