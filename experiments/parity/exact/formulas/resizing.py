"""Padding, cropping and repetition of positions: values only move, gradients are added up."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.parity.exact.formulas.place import Computed, Gradients, LayerFormula, Place
from experiments.parity.exact.rounding import Bounded
from scratchnet.layers import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from scratchnet.types import Array


def padding(layer: Any, at: Place) -> Computed:
    """Zeros before and after the positions of each axis."""
    [x] = at.inputs
    outer, inner = _around(layer.padding), _within(layer.padding)
    return Computed(
        x.map(lambda values: np.pad(values, outer)),
        lambda _a, da: Gradients((da.map(lambda values: values[inner]),)),
    )


def cropping(layer: Any, at: Place) -> Computed:
    """The positions of each axis without the first and the last."""
    [x] = at.inputs
    outer, inner = _around(layer.cropping), _within(layer.cropping)
    return Computed(
        x.map(lambda values: values[inner]),
        lambda _a, da: Gradients((da.map(lambda values: np.pad(values, outer)),)),
    )


def repetition(layer: Any, at: Place) -> Computed:
    """Every position several times; its gradient is the sum of all of theirs."""
    [x] = at.inputs

    def repeated(values: Array) -> Array:
        for axis, times in enumerate(layer.size, 1):
            values = np.repeat(values, times, axis)
        return values

    def together(values: Array) -> Array:
        """Return the repetitions of a position along a first axis."""
        samples, *positions, channels = x.shape
        pairs = [n for pair in zip(positions, layer.size, strict=True) for n in pair]
        behind = list(range(2, 2 * len(positions) + 1, 2))
        split = values.reshape(samples, *pairs, channels)
        return np.moveaxis(split, behind, range(len(behind))).reshape(-1, *x.shape)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        return Gradients((da.map(together).sum(axis=0),))

    return Computed(x.map(repeated), backward)


def _around(pairs: Any) -> list[tuple[int, int]]:
    return [(0, 0), *pairs, (0, 0)]


def _within(pairs: Any) -> tuple[slice, ...]:
    """Return what lies between; an end of None is that of the axis."""
    return (slice(None), *(slice(before, -after or None) for before, after in pairs))


RESIZINGS: dict[str, LayerFormula] = {
    **{layer.kind: padding for layer in (ZeroPadding1D, ZeroPadding2D, ZeroPadding3D)},
    **{layer.kind: cropping for layer in (Cropping1D, Cropping2D, Cropping3D)},
    **{layer.kind: repetition for layer in (UpSampling1D, UpSampling2D, UpSampling3D)},
}
"""By the layer's kind."""
