"""Convolution: sums over what windows read, in any order of summation."""

from __future__ import annotations

from math import prod

import numpy as np

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.place import (
    Computed,
    Gradients,
    LayerFormula,
    Place,
    as_rows,
    with_shape,
)
from experiments.parity.exact.formulas.windows import Reading, gather
from experiments.parity.exact.rounding import Bounded, concatenate, matmul
from scratchnet.layers import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from scratchnet.types import Array


def convolution(layer: Conv2D, at: Place) -> Computed:
    """``z = sum over offsets and channels of x kernel + bias`` per group; ``a = activation(z)``."""
    [x] = at.inputs
    kernel, bias = at.weights["kernel"], at.weights.get("bias")
    reading = Reading.of(
        x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding
    )
    z = at.keep("pre_activation", convolve(x, kernel, bias, reading, layer.groups))

    def backward(a: Bounded, da: Bounded) -> Gradients:
        dz = at.keep("pre_activation_gradient", BACKWARD[layer.activation](z, a, da))
        dx, dkernel = convolve_back(x, kernel, dz, reading, layer.groups)
        weights = {"kernel": dkernel}
        if bias is not None:
            weights["bias"] = as_rows(dz).sum(axis=0)
        return Gradients((dx,), weights)

    return Computed(FORWARD[layer.activation](z), backward)


def depthwise(layer: DepthwiseConv2D, at: Place) -> Computed:
    """A convolution with a group for each channel."""
    [x] = at.inputs
    kernel, bias, channels = at.weights["kernel"], at.weights.get("bias"), x.shape[-1]
    reading = Reading.of(
        x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding
    )
    grouped = _grouped(kernel)
    z = at.keep("pre_activation", convolve(x, grouped, bias, reading, channels))

    def backward(a: Bounded, da: Bounded) -> Gradients:
        dz = at.keep("pre_activation_gradient", BACKWARD[layer.activation](z, a, da))
        dx, dkernel = convolve_back(x, grouped, dz, reading, channels)
        weights = {"kernel": with_shape(dkernel, kernel.shape)}
        if bias is not None:
            weights["bias"] = as_rows(dz).sum(axis=0)
        return Gradients((dx,), weights)

    return Computed(FORWARD[layer.activation](z), backward)


def separable(layer: SeparableConv2D, at: Place) -> Computed:
    """A depthwise convolution, and a product over the channels that it makes."""
    [x] = at.inputs
    kernel, bias, channels = at.weights["depthwise_kernel"], at.weights.get("bias"), x.shape[-1]
    pointwise = with_shape(at.weights["pointwise_kernel"], (-1, layer.filters))
    reading = Reading.of(
        x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding
    )
    grouped = _grouped(kernel)
    h = convolve(x, grouped, None, reading, channels)
    rows = as_rows(h)
    shape = (*h.shape[:-1], layer.filters)
    z = at.keep("pre_activation", with_shape(matmul(rows, pointwise, bias), shape))

    def backward(a: Bounded, da: Bounded) -> Gradients:
        dz = at.keep("pre_activation_gradient", BACKWARD[layer.activation](z, a, da))
        drows = as_rows(dz)
        dh = with_shape(matmul(drows, pointwise.T), h.shape)
        dx, dkernel = convolve_back(x, grouped, dh, reading, channels)
        dpointwise = matmul(rows.T, drows)
        weights = {
            "depthwise_kernel": with_shape(dkernel, kernel.shape),
            "pointwise_kernel": with_shape(dpointwise, at.weights["pointwise_kernel"].shape),
        }
        if bias is not None:
            weights["bias"] = drows.sum(axis=0)
        return Gradients((dx,), weights)

    return Computed(FORWARD[layer.activation](z), backward)


def transposed(layer: Conv2DTranspose, at: Place) -> Computed:
    """What a convolution over the outputs does to their gradient, done forward."""
    [x] = at.inputs
    kernel, bias, channels = at.weights["kernel"], at.weights.get("bias"), x.shape[-1]
    sizes = np.array(kernel.shape[:-2])
    reach = (sizes - 1) * layer.dilation_rate + 1
    n, strides = np.array(x.shape[1:-1]), np.array(layer.strides)
    positions = n * strides
    if layer.padding == "valid":
        positions = (n - 1) * strides + np.maximum(reach, strides)
    over = Reading.of(
        positions.tolist(), layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding
    )
    turned = kernel.map(lambda values: values.swapaxes(-1, -2))
    back = Reading(over.readers, over.read)
    z = at.keep("pre_activation", convolve(x, turned, bias, back, 1))

    def backward(a: Bounded, da: Bounded) -> Gradients:
        dz = at.keep("pre_activation_gradient", BACKWARD[layer.activation](z, a, da))
        rows = with_shape(gather(dz, over.read), (prod(x.shape[:-1]), -1))
        dx = matmul(rows, with_shape(kernel, (-1, channels)))
        weights = {"kernel": with_shape(matmul(rows.T, as_rows(x)), kernel.shape)}
        if bias is not None:
            weights["bias"] = as_rows(dz).sum(axis=0)
        return Gradients((with_shape(dx, x.shape),), weights)

    return Computed(FORWARD[layer.activation](z), backward)


def _grouped(kernel: Bounded) -> Bounded:
    """Return a depthwise kernel ``(..., channels, multiplier)`` as one with a group per channel."""
    return with_shape(kernel, (*kernel.shape[:-2], 1, -1))


def convolve(
    x: Bounded, kernel: Bounded, bias: Bounded | None, reading: Reading, groups: int
) -> Bounded:
    """Return ``(samples, windows, ..., filters)``."""
    shape = (x.shape[0], *(len(table) for table in reading.read), -1)
    patches = gather(x, reading.read)
    biases = [None] * groups if bias is None else parts(bias, groups)
    rows = [
        matmul(with_shape(p, (prod(shape[:-1]), -1)), with_shape(k, (-1, k.shape[-1])), b)
        for p, k, b in zip(parts(patches, groups), parts(kernel, groups), biases, strict=True)
    ]
    return with_shape(concatenate(rows, axis=-1), shape)


def convolve_back(
    x: Bounded, kernel: Bounded, dz: Bounded, reading: Reading, groups: int
) -> tuple[Bounded, Bounded]:
    """Return the gradients of input and kernel.

    What reaches a position comes from every window that reads it and every filter: one sum.
    """
    positions = prod(x.shape[:-1])
    patches, back = gather(x, reading.read), gather(dz, reading.readers)
    dxs, dkernels = [], []
    for p, k, g, g_back in zip(
        parts(patches, groups),
        parts(kernel, groups),
        parts(dz, groups),
        parts(back, groups),
        strict=True,
    ):
        rows, columns = prod(dz.shape[:-1]), g.shape[-1]
        dkernels.append(
            with_shape(matmul(with_shape(p, (rows, -1)).T, with_shape(g, (rows, columns))), k.shape)
        )
        turned = with_shape(k.map(lambda values: values.swapaxes(-1, -2)), (-1, k.shape[-2]))
        dxs.append(matmul(with_shape(g_back, (positions, -1)), turned))
    return with_shape(concatenate(dxs, axis=-1), x.shape), concatenate(dkernels, axis=-1)


def parts(x: Bounded, groups: int) -> list[Bounded]:
    """Divide the channels into groups."""

    def part(number: int) -> Bounded:
        def chosen(values: Array) -> Array:
            return np.split(values, groups, axis=-1)[number]

        return x.map(chosen)

    return [part(number) for number in range(groups)]


CONVOLUTIONS: dict[str, LayerFormula] = {
    **{layer.kind: convolution for layer in (Conv1D, Conv2D, Conv3D)},
    **{layer.kind: depthwise for layer in (DepthwiseConv1D, DepthwiseConv2D)},
    **{layer.kind: separable for layer in (SeparableConv1D, SeparableConv2D)},
    **{layer.kind: transposed for layer in (Conv1DTranspose, Conv2DTranspose, Conv3DTranspose)},
}
"""By the layer's kind."""
