"""Activations of straight pieces; near a kink either side may come out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from experiments.parity.exact.rounding import Bounded, select

Mask = NDArray[np.bool_]


def near(z: Bounded, *kinks: float) -> Mask:
    """Return where z may lie on either side of a kink."""
    # A number that may be flushed to 0 may lose its branch too.
    found = np.zeros(z.shape, np.bool_)
    for kink in kinks:
        found |= (np.abs(z.value - kink) <= z.branch) & (z.branch > 0)
    return found


def _is_leaky(max_value: float | None, threshold: float) -> bool:
    """Whether Keras calls a leaky relu, whose slope TensorFlow holds in float32."""
    return max_value is None and threshold == 0


def _relu(
    z: Bounded,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Bounded:
    precision = z.precision
    a = z.relu()
    if threshold != 0:
        lowest = float(precision.cast(threshold).value)
        a = z.passes(z.value > lowest, near(z, lowest))
    if max_value is not None:
        a = a.clip(0.0, float(precision.cast(max_value).value))
    if negative_slope != 0 and _is_leaky(max_value, threshold):
        a = a - precision.cast(negative_slope) * (-z).relu()
    elif negative_slope != 0:
        a = a - precision.rounded(negative_slope) * (precision.rounded(threshold) - z).relu()
    return a


def _relu_backward(
    z: Bounded,
    _a: Bounded,
    da: Bounded,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Bounded:
    precision, kinks = z.precision, [threshold]
    lowest = float(precision.cast(threshold).value)
    passes = z.value > lowest
    if max_value is not None:
        highest = float(precision.cast(max_value).value)
        kinks += [highest, 0.0]
        strict = max_value == 6 and threshold == 0  # relu6 has an op of its own in TensorFlow
        passes &= (z.value < highest) if strict else (z.value <= highest)
        passes &= z.value >= 0
    dz = da.passes(passes, near(z, lowest, *kinks))
    if negative_slope != 0:
        leaky, turn = _is_leaky(max_value, threshold), float(precision.rounded(threshold).value)
        slope = precision.cast(negative_slope) if leaky else precision.rounded(negative_slope)
        below = (z.value <= turn) if leaky else (z.value < turn)
        dz = dz + (da * slope).passes(below, near(z, turn))
    return dz


def _leaky_relu(z: Bounded, negative_slope: float = 0.2) -> Bounded:
    leaked = select(z.value > 0, z, z * z.precision.cast(negative_slope))
    steepest = 1 + abs(negative_slope)
    return leaked.widen(np.where(near(z, 0), steepest * z.branch, 0.0))


def _leaky_relu_backward(
    z: Bounded, _a: Bounded, da: Bounded, negative_slope: float = 0.2
) -> Bounded:
    uncertain = near(z, 0)
    below = (da * z.precision.cast(negative_slope)).passes(z.value <= 0, uncertain)
    return da.passes(z.value > 0, uncertain) + below


def _between(z: Bounded, da: Bounded, lowest: float, highest: float) -> Bounded:
    return da.passes((z.value > lowest) & (z.value < highest), near(z, lowest, highest))


def _hard_tanh_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    return da.passes(np.abs(z.value) <= 1, near(z, -1, 1))


def _hard_sigmoid(z: Bounded) -> Bounded:
    return (z + 3).clip(0, 6) / 6


def _hard_sigmoid_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    return _between(z + 3, da / 6, 0, 6)


def _hard_silu(z: Bounded) -> Bounded:
    return z * _hard_sigmoid(z)


def _hard_silu_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    # Some compute da (gate + z / 6), some da gate + da z / 6, with one rounding more.
    dz = da * _hard_sigmoid(z) + _between(z + 3, da * z / 6, 0, 6)
    return dz.widen(2 * z.precision.roundoff * dz.size)


def _soft_shrink(z: Bounded, threshold: float = 0.5) -> Bounded:
    t = z.precision.rounded(threshold)
    return (z - t).relu() - (-z - t).relu()


def _outside(z: Bounded, x: Bounded, threshold: float) -> Bounded:
    t = float(z.precision.rounded(threshold).value)
    return x.passes(np.abs(z.value) > t, near(z, t, -t))


def _threshold(z: Bounded, threshold: float = 0.0, default_value: float = 0.0) -> Bounded:
    t = float(z.precision.rounded(threshold).value)
    uncertain, never = near(z, t), np.zeros(z.shape, np.bool_)
    default = z.precision.rounded(default_value) + z * 0
    rest = default.passes(z.value <= t, never)
    jump = np.abs(z.value - default.value).astype(np.float64)
    found = z.passes(z.value > t, never) + rest
    return Bounded(
        found.value,
        found.error,
        found.branch + np.where(uncertain, jump, 0.0),
        found.expected,
        z.precision,
    )


def _threshold_backward(
    z: Bounded, _a: Bounded, da: Bounded, threshold: float = 0.0, **_default_value: float
) -> Bounded:
    t = float(z.precision.rounded(threshold).value)
    return da.passes(z.value > t, near(z, t))


def _sparse_sigmoid(z: Bounded) -> Bounded:
    return (z.clip(-1, 1) + 1) * 0.5


def _sparse_plus(z: Bounded) -> Bounded:
    # Some raise to a power, which is a function of its own.
    inside = (z.clip(-1, 1) + 1).power(2) * 0.25
    return select(z.value >= 1, z, inside).widen(np.where(near(z, 1), 2 * z.branch, 0.0))


PIECEWISE: dict[str, tuple[Callable[..., Bounded], Callable[..., Bounded]]] = {
    "hard_shrink": (
        lambda z, threshold=0.5: _outside(z, z, threshold),
        lambda z, _a, da, threshold=0.5: _outside(z, da, threshold),
    ),
    "hard_sigmoid": (_hard_sigmoid, _hard_sigmoid_backward),
    "hard_silu": (_hard_silu, _hard_silu_backward),
    "hard_tanh": (lambda z: z.clip(-1, 1), _hard_tanh_backward),
    "leaky_relu": (_leaky_relu, _leaky_relu_backward),
    "relu": (_relu, _relu_backward),
    "relu6": (lambda z: z.clip(0, 6), lambda z, _a, da: _between(z, da, 0, 6)),
    "soft_shrink": (
        _soft_shrink,
        lambda z, _a, da, threshold=0.5: _outside(z, da, threshold),
    ),
    "sparse_plus": (_sparse_plus, lambda z, _a, da: da * _sparse_sigmoid(z)),
    "sparse_sigmoid": (_sparse_sigmoid, lambda z, _a, da: _between(z, da * 0.5, -1, 1)),
    "threshold": (_threshold, _threshold_backward),
}
"""Forward and backward by name."""
