"""Pooling: the largest value in a window, or the mean of those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.place import (
    Computed,
    Gradients,
    LayerFormula,
    Place,
    with_shape,
)
from experiments.parity.exact.formulas.windows import Reading, Table, gather, gather_values
from experiments.parity.exact.rounding import Bounded
from scratchnet.layers import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
)
from scratchnet.layers.global_pooling import GlobalPooling
from scratchnet.layers.pooling import Pooling
from scratchnet.types import Array


def average_pooling(layer: Pooling, at: Place) -> Computed:
    """``a = (sum of what a window reads) / (number of positions that it reads)``."""
    [x] = at.inputs
    reading = _reading(layer, x)
    outputs = _joined(gather(x, reading.read), layer.rank).sum(axis=-2)
    ones = gather_values(np.ones(x.shape), reading.read)
    number = ones.sum(axis=tuple(range(layer.rank + 1, 2 * layer.rank + 1)))

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        parts = _joined(gather(_divided(da, number), reading.readers), layer.rank)
        return Gradients((parts.sum(axis=-2),))

    return Computed(_divided(outputs, number), backward)


def max_pooling(layer: Pooling, at: Place) -> Computed:
    """``a = the largest of what a window reads``; the gradient goes to the first of equals."""
    [x] = at.inputs
    reading = _reading(layer, x)
    values = _joined_values(gather_values(x.value, reading.read, -np.inf), layer.rank)
    found = _joined(gather(x, reading.read), layer.rank)
    found = Bounded(values, found.error, found.branch, found.expected, x.precision)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        first, uncertain = _first_largest(found)
        across = da.map(lambda v: np.broadcast_to(v[..., None, :], first.shape))
        sizes = tuple(table.shape[1] for table in reading.read)
        routed = with_shape(
            across.passes(first, uncertain),
            (*da.shape[:-1], *sizes, da.shape[-1]),
        )
        back = routed.map(partial(_returned, readers=reading.readers))
        return Gradients((_joined(back, layer.rank).sum(axis=-2),))

    return Computed(_largest(found), backward)


def global_average(layer: GlobalPooling, at: Place) -> Computed:
    """``a = mean of x over all positions``, or over those time steps that count."""
    [x] = at.inputs
    [mask] = at.masks
    rows = with_shape(x, (x.shape[0], -1, x.shape[-1]))
    counts = np.ones(rows.shape[:2], np.bool_) if mask is None else mask
    weights = counts[:, :, None].astype(np.float64)
    number = weights.sum(axis=1, keepdims=True)
    mean = _divided((rows * weights).sum(axis=1, keepdims=True), number)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        share = _divided(with_shape(da, (x.shape[0], 1, -1)), number)
        dx = share.map(lambda v: np.broadcast_to(v, rows.shape)) * weights
        return Gradients((with_shape(dx, x.shape),))

    return Computed(_kept(layer, mean), backward)


def global_max(layer: GlobalPooling, at: Place) -> Computed:
    """``a = the largest x``; equal ones share the gradient."""
    [x] = at.inputs
    rows = with_shape(x, (x.shape[0], -1, x.shape[-1]))
    largest = _largest(rows)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        _, uncertain = _first_largest(rows)
        hit = rows.value == largest.value[:, None]
        number = hit.sum(axis=1, keepdims=True).astype(np.float64)
        share = _divided(with_shape(da, (x.shape[0], 1, -1)), number)
        across = share.map(lambda v: np.broadcast_to(v, rows.shape))
        return Gradients((with_shape(across.passes(hit, uncertain), x.shape),))

    return Computed(_kept(layer, with_shape(largest, (x.shape[0], 1, -1))), backward)


def _reading(layer: Pooling, x: Bounded) -> Reading:
    strides = layer.pool_size if layer.strides is None else layer.strides
    return Reading.of(x.shape[1:-1], layer.pool_size, strides, 1, layer.padding)


def _joined(x: Bounded, rank: int) -> Bounded:
    """Return ``(..., offsets, ..., channels)`` with the offsets as one axis, the last but one."""
    return x.map(partial(_joined_values, rank=rank))


def _joined_values(values: Array, rank: int) -> Array:
    offsets = prod(values.shape[rank + 1 : -1])
    return values.reshape(*values.shape[: rank + 1], offsets, values.shape[-1])


def _divided(x: Bounded, number: Array) -> Bounded:
    """Divide by numbers that are exact; some multiply by rounded reciprocals: a rounding more."""
    quotient = x / number
    return quotient.widen(2 * x.precision.roundoff * quotient.size)


def _largest(x: Bounded) -> Bounded:
    """Return the largest along the last axis but one, with what its rivals may come out as."""
    value = x.value.max(axis=-2)

    def bound(errors: Any) -> Any:
        with np.errstate(invalid="ignore"):
            above = (x.value + errors).max(axis=-2) - value
            below = value - (x.value - errors).max(axis=-2)
        return np.maximum(above, below).astype(np.float64)

    return Bounded(value, bound(x.error), bound(x.branch), bound(x.expected), x.precision)


def _first_largest(x: Bounded) -> tuple[Array, Array]:
    """Return where the first of the largest lies along the last axis but one.

    Returns
    -------
    tuple
        Of the shape of x: true there; and true at each that may come out as the largest too, or
        not, where rounding decides it.
    """
    index = np.expand_dims(x.value.argmax(axis=-2), -2)
    first = np.arange(x.shape[-2])[:, None] == index
    highest = np.take_along_axis(x.value - x.branch, index, -2)
    rivals = x.value + x.branch >= highest
    # A tie of values that are exact is none of rounding: both sides see it.
    open_ = np.any(rivals & (x.branch > 0), axis=-2, keepdims=True)
    undecided = open_ & (rivals.sum(axis=-2, keepdims=True) > 1)
    return first, rivals & undecided


def _returned(routed: Array, readers: Sequence[Table]) -> Array:
    """Return what each position gets at each offset from the windows that read it.

    Parameters
    ----------
    routed
        ``(samples, windows, ..., offsets, ..., channels)``.
    readers
        See `Reading`.
    """
    rank = len(readers)
    padded = np.pad(routed, [(0, 0), *[(0, 1)] * rank, *[(0, 0)] * (rank + 1)])
    windows: list[Any] = []
    offsets: list[Any] = []
    for axis, table in enumerate(readers):
        shape = [1] * 2 * rank
        shape[axis], shape[rank + axis] = table.shape
        windows.append(table.reshape(shape))
        alone = [1] * 2 * rank
        alone[rank + axis] = table.shape[1]
        offsets.append(np.arange(table.shape[1]).reshape(alone))
    every: Any = slice(None)
    found: Array = padded[every, *windows, *offsets]
    return found


def _kept(layer: GlobalPooling, x: Bounded) -> Bounded:
    """Return ``(samples, 1, channels)`` with the axes that the layer keeps."""
    axes = (1,) * layer.rank if layer.keepdims else ()
    return with_shape(x, (x.shape[0], *axes, x.shape[-1]))


POOLINGS: dict[str, LayerFormula] = {
    **{k.kind: average_pooling for k in (AveragePooling1D, AveragePooling2D)},
    **{k.kind: max_pooling for k in (MaxPooling1D, MaxPooling2D)},
    **{
        k.kind: global_average
        for k in (GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D)
    },
    **{k.kind: global_max for k in (GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D)},
}
"""By the layer's kind."""
