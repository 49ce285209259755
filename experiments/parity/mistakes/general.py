"""Mistakes that any tensor of any layer may show, whatever its rank."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np

from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes.scene import Mistakes, Scene, mistake, through
from scratchnet.types import Array


def general(scene: Scene) -> Mistakes:
    """Yield a factor, a lost sign, exchanged axes, lost digits."""
    right = scene.right
    for code, factor in _factors(scene):
        if factor != 1:
            yield mistake(code, partial(right.__mul__, factor))
    yield mistake("absolute", right.abs)
    for dtype in ("float32", "float16"):
        yield mistake(f"through_{dtype}", partial(through, right, dtype))
    yield from _axes(right)
    if right.shape:
        yield mistake("squared", lambda: right * right)
    if scene.role in ("gradient", "updated"):
        for distance, which in ((1, "after"), (-1, "before")):
            yield mistake("wrong_layer", partial(scene.neighbour, distance), which=which)


def _factors(scene: Scene) -> Iterator[tuple[str, float]]:
    m, units = scene.samples, scene.architecture.units
    yield "sign", -1
    yield "batch_size_missing", m
    yield "batch_size_twice", 1 / m
    yield "factor_2", 2
    yield "factor_half", 0.5
    if m > 1:
        yield "batch_size_minus_one", m / (m - 1)
    yield "batch_size_plus_one", m / (m + 1)
    yield "units_missing", units
    yield "units_twice", 1 / units
    yield "size_missing", m * units
    yield "sign_batch_size", -m
    yield "batch_size_and_half", 0.5 / m
    if scene.tensor.endswith("_gradient"):
        inputs, outputs = sizes(scene)
        if inputs and outputs:
            yield "inputs_for_batch_size", m / inputs
            yield "units_for_batch_size", m / outputs
            yield "divided_by_units", 1 / outputs
            yield "divided_by_inputs", 1 / inputs


def sizes(scene: Scene) -> tuple[int, int]:
    """Return how many numbers go into a layer, and come out of it, for each sample.

    Of the gradient of an activation it is the layer after that passes it back.
    """
    try:
        if scene.tensor == "activation_gradient" and not scene.is_last:
            scene = scene.reader
        return int(np.prod(scene.x.shape[1:])), int(np.prod(scene.a.shape[1:]))
    except (LookupError, ValueError):
        return 0, 0


def _axes(right: Bounded) -> Mistakes:
    rank = len(right.shape)
    for one, other in itertools.combinations(range(rank), 2):
        yield mistake("transposed", partial(right.map, partial(_swapped, one=one, other=other)))
    if rank > 1:
        yield mistake("reshaped", lambda: right.map(lambda v: v.T.reshape(v.shape)))
        yield mistake("reshaped", lambda: right.map(lambda v: v.reshape(v.T.shape).T))
    for axis in range(rank):
        yield mistake("reversed", partial(right.map, partial(np.flip, axis=axis)), axis=axis)
        for shift in (1, -1):
            moved = partial(np.roll, shift=shift, axis=axis)
            yield mistake("shifted", partial(right.map, moved), axis=axis, shift=shift)


def _swapped(values: Array, one: int, other: int) -> Array:
    return np.swapaxes(values, one, other)
