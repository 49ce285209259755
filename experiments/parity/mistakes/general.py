"""Mistakes that any tensor may show, and what can be said where none is known."""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.parity.mistakes.scene import Scene, Variants, through_float32, variant
from scratchnet.types import Array


def general(scene: Scene) -> Variants:
    """Yield a factor, a sign, a transposition."""
    right, m, units = scene.right, scene.samples, scene.architecture.units
    factors: dict[str, float] = {
        "sign": -1,
        "batch_size_missing": m,
        "batch_size_twice": 1 / m,
        "factor_2": 2,
        "factor_half": 0.5,
        "units_missing": units,
        "units_twice": 1 / units,
        "size_missing": m * units,
        "batch_size_minus_one": m / max(m - 1, 1),
        "batch_size_plus_one": m / (m + 1),
        "sign_batch_size": -m,
    }
    for code, factor in factors.items():
        if factor != 1:
            yield variant(code, partial(right.__mul__, factor))
    yield variant("absolute", right.abs)
    yield variant("through_float32", lambda: through_float32(right))
    if len(right.shape) == 2:
        yield variant("transposed", lambda: right.T)
        yield variant("rows_exchanged", lambda: right.map(np.flipud))
    if len(right.shape):
        yield variant("columns_exchanged", lambda: right.map(lambda v: np.flip(v, -1)))


def described(scene: Scene, value: Array) -> Variants:
    """Yield what a wrong value looks like, for want of a known mistake."""
    right = scene.right
    exact = right.value
    square = np.sum(exact * exact)
    if exact.size > 1 and square > 0:
        factor = float(np.sum(value * exact) / square)
        yield variant("factor", lambda: right * factor, factor=factor)
        offset = float(np.mean(value - exact))
        yield variant("offset", lambda: right + offset, offset=offset)
