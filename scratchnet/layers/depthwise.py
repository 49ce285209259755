"""Convolution of every channel by itself, alone and before a product over channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.activations import activation_of
from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError, check_boolean, check_choice, check_positive
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.convolution import convolve
from scratchnet.layers.patches import Patches, product, transposed
from scratchnet.layers.windows import Windows, as_sizes, check_padding, fit_windows
from scratchnet.regularizers import Regularizer, as_regularizer
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class DepthwiseConv2D(Layer):
    """Convolution of every channel of an image by itself (``keras.layers.DepthwiseConv2D``).

    Channel ``c`` makes the outputs ``c * depth_multiplier`` to ``(c + 1) * depth_multiplier - 1``.

    Parameters
    ----------
    kernel_size, strides, padding, dilation_rate
        As for `Conv2D`; the strides of all axes are equal.
    depth_multiplier
        Outputs of each channel.
    activation, use_bias, bias_initializer
        As for `Conv2D`.
    depthwise_initializer
        A name in `scratchnet.initializers.INITIALIZERS`, for the kernel.
    depthwise_regularizer
        A regularizer of the kernel.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong, or the kernel does not fit.
    """

    kind: ClassVar[str] = "depthwise_conv2d"
    rank: ClassVar[int] = 2

    kernel_size: int | tuple[int, ...]
    strides: int | tuple[int, ...] = (1, 1)
    padding: str = "valid"
    depth_multiplier: int = 1
    dilation_rate: int | tuple[int, ...] = (1, 1)
    activation: str = "linear"
    use_bias: bool = True
    depthwise_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    depthwise_regularizer: Regularizer | None = None

    def __post_init__(self) -> None:
        check_depthwise(self, self.rank)

    def windows(self, shape: tuple[int, ...]) -> tuple[Windows, ...]:
        """Return the windows over an input, axis by axis."""
        size, strides = (as_sizes("", n, self.rank) for n in (self.kernel_size, self.strides))
        dilation = as_sizes("", self.dilation_rate, self.rank)
        return fit_windows("kernel_size", shape, size, strides, self.padding, dilation)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(windows, ..., channels * depth_multiplier)``."""
        counts = [axis.count for axis in self.windows(shapes[0])]
        return (*counts, shapes[0][-1] * self.depth_multiplier)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return kernel ``(size, ..., channels, depth_multiplier)`` and bias."""
        size, channels = as_sizes("", self.kernel_size, self.rank), shapes[0][-1]
        kernel = Weight(
            (*size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
        )
        bias = Weight((channels * self.depth_multiplier,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops: those of a `Conv2D` with a group for each channel."""
        [source] = inputs
        windows, channels = self.windows(source.values.shape[1:]), source.values.shape[-1]
        return convolve(self, source, parameters, plan, windows, channels)


@dataclass(frozen=True)
class DepthwiseConv1D(DepthwiseConv2D):
    """`DepthwiseConv2D` of sequences, along one axis (``keras.layers.DepthwiseConv1D``)."""

    kind: ClassVar[str] = "depthwise_conv1d"
    rank: ClassVar[int] = 1

    strides: int | tuple[int, ...] = (1,)
    dilation_rate: int | tuple[int, ...] = (1,)


@dataclass(frozen=True)
class SeparableConv2D(Layer):
    """Convolution of every channel, then one of size 1 (``keras.layers.SeparableConv2D``).

    A `DepthwiseConv2D` without bias and activation, and a `Conv2D` over all its channels.

    Parameters
    ----------
    filters
        Number of output channels.
    kernel_size, strides, padding, dilation_rate, depth_multiplier
        Of the first convolution, as for `DepthwiseConv2D`.
    activation, use_bias, bias_initializer
        Of the second one, as for `Conv2D`.
    depthwise_initializer, pointwise_initializer
        Names in `scratchnet.initializers.INITIALIZERS`, for the two kernels.
    depthwise_regularizer, pointwise_regularizer
        Regularizers of the two kernels.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong, or the kernel does not fit.
    """

    kind: ClassVar[str] = "separable_conv2d"
    rank: ClassVar[int] = 2

    filters: int
    kernel_size: int | tuple[int, ...]
    strides: int | tuple[int, ...] = (1, 1)
    padding: str = "valid"
    dilation_rate: int | tuple[int, ...] = (1, 1)
    depth_multiplier: int = 1
    activation: str = "linear"
    use_bias: bool = True
    depthwise_initializer: str = "glorot_uniform"
    pointwise_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    depthwise_regularizer: Regularizer | None = None
    pointwise_regularizer: Regularizer | None = None

    def __post_init__(self) -> None:
        check_positive("filters", self.filters)
        check_choice("pointwise_initializer", self.pointwise_initializer, INITIALIZERS)
        regularizer = as_regularizer("pointwise_regularizer", self.pointwise_regularizer)
        object.__setattr__(self, "pointwise_regularizer", regularizer)
        check_depthwise(self, self.rank)

    def windows(self, shape: tuple[int, ...]) -> tuple[Windows, ...]:
        """Return the windows over an input, axis by axis."""
        size, strides = (as_sizes("", n, self.rank) for n in (self.kernel_size, self.strides))
        dilation = as_sizes("", self.dilation_rate, self.rank)
        return fit_windows("kernel_size", shape, size, strides, self.padding, dilation)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(windows, ..., filters)``."""
        return (*(axis.count for axis in self.windows(shapes[0])), self.filters)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return the two kernels, and the bias ``(filters,)``."""
        size, channels = as_sizes("", self.kernel_size, self.rank), shapes[0][-1]
        depthwise = Weight(
            (*size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
        )
        pointwise = Weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
        )
        bias = {"bias": Weight((self.filters,), self.bias_initializer)} if self.use_bias else {}
        return {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise, **bias}

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs.

        With ``h`` what the first convolution makes, and the bias as the last row of the second
        kernel against a row of ones below ``h``::

            forward    h = depthwise.T @ patches        z = pointwise.T @ h + bias
            backward   dpointwise = h @ dz.T            dh = pointwise @ dz
                       ddepthwise = patches @ dh.T      dpatches = depthwise @ dh
        """
        [source] = inputs
        x, dx, outputs = source.values, source.claim_gradient(), plan.outputs_of(self)
        windows, channels = self.windows(x.shape[1:]), x.shape[-1]
        positions = outputs.values.shape[1:-1]
        z = Buffer(plan.samples, outputs.values.shape[1:], x.dtype)
        h = Buffer(plan.samples, (*positions, channels * self.depth_multiplier), x.dtype)
        patches = Patches(windows, channels, plan.samples, x.dtype, groups=channels)
        names = ["pointwise_kernel", *(["bias"] if self.use_bias else [])]
        pointwise, dpointwise = (
            flat.reshape(-1, self.filters)
            for flat in parameters.block([f"{self.name}/{name}" for name in names])
        )
        depthwise, ddepthwise = (
            flat.reshape(-1, channels, self.depth_multiplier).swapaxes(0, 1)
            for flat in parameters.block([f"{self.name}/depthwise_kernel"])
        )
        h_matrices, dh_matrices = (
            matrix.reshape(channels, self.depth_multiplier, -1)
            for matrix in (h.matrix, h.gradient_matrix)
        )
        h_matrix = h.matrix_with_ones if self.use_bias else h.matrix
        a, da, dz = outputs.values, outputs.gradient, z.gradient
        scratch, activation = plan.scratch(dz), activation_of(self.activation)

        forward, backward = Tape(), Tape()
        patches.gather(forward, x)
        product(forward, transposed(depthwise), patches.matrices, h_matrices)
        forward.add(np.dot, pointwise.T, h_matrix, out=z.matrix, tensor="pre_activation")
        activation.forward(forward, z.values, a, scratch)

        activation.backward(backward, z.values, a, da, dz, scratch)
        backward.name_last("pre_activation_gradient")
        backward.add(np.dot, h_matrix, z.gradient_matrix.T, out=dpointwise)
        kernel = pointwise[: len(h.matrix)]
        backward.add(np.dot, kernel, z.gradient_matrix, out=h.gradient_matrix)
        product(backward, patches.matrices, transposed(dh_matrices), ddepthwise)
        if dx is not None:
            dpatches = Patches(windows, channels, plan.samples, x.dtype, groups=channels)
            product(backward, depthwise, dh_matrices, dpatches.matrices)
            dpatches.scatter(backward, dx)
            backward.name_last("input")
        return Pass(
            outputs,
            forward,
            backward,
            tensors={"pre_activation": z.values, "pre_activation_gradient": dz},
        )


@dataclass(frozen=True)
class SeparableConv1D(SeparableConv2D):
    """`SeparableConv2D` of sequences, along one axis (``keras.layers.SeparableConv1D``)."""

    kind: ClassVar[str] = "separable_conv1d"
    rank: ClassVar[int] = 1

    strides: int | tuple[int, ...] = (1,)
    dilation_rate: int | tuple[int, ...] = (1,)


def check_depthwise(layer: DepthwiseConv2D | SeparableConv2D, rank: int) -> None:
    """Check the fields that both layers have, and bring them into their form.

    Raises
    ------
    ArchitectureError
        If one is wrong.
    """
    for field in ("kernel_size", "strides", "dilation_rate"):
        object.__setattr__(layer, field, as_sizes(field, getattr(layer, field), rank))
    strides = as_sizes("strides", layer.strides, rank)
    if len(set(strides)) > 1:  # TensorFlow has no other
        raise ArchitectureError(f"strides = {list(strides)}; expected equal ones")
    check_padding(layer.padding)
    check_positive("depth_multiplier", layer.depth_multiplier)
    check_boolean("use_bias", layer.use_bias)
    activation_of(layer.activation)
    check_choice("depthwise_initializer", layer.depthwise_initializer, INITIALIZERS)
    check_choice("bias_initializer", layer.bias_initializer, INITIALIZERS)
    regularizer = as_regularizer("depthwise_regularizer", layer.depthwise_regularizer)
    object.__setattr__(layer, "depthwise_regularizer", regularizer)
