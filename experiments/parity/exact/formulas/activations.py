"""Activations: forward of ``z``, backward of ``(z, a, da)``, all ``(samples, ..., units)``.

Where an activation has arguments, both functions take them by name.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.parity.exact.formulas.piecewise import PIECEWISE
from experiments.parity.exact.formulas.smooth import SMOOTH
from experiments.parity.exact.rounding import Bounded, select


def _sigmoid(z: Bounded) -> Bounded:
    e = (-z.abs()).exp()
    return select(z.value >= 0, 1 / (1 + e), e / (1 + e))


def _softmax(z: Bounded, axis: int = -1) -> Bounded:
    # Any shift gives the same softmax, so an error in the maximum does not matter.
    e = (z - np.max(z.value, axis=axis, keepdims=True)).exp()
    # oneDNN's, which TensorFlow calls here, is 0 below twice that number (docs/findings.md, 10).
    flushed = e.size < 2 * e.precision.smallest
    e = e.widen(np.where(flushed, e.size, 0.0))
    softmax: Bounded = e / e.sum(axis=axis, keepdims=True)
    return softmax


def _tanh_backward(_z: Bounded, a: Bounded, da: Bounded) -> Bounded:
    dz = da * (1 - a * a)
    # JAX computes (da + da a) (1 - a): the sum may cancel da a, and there is a rounding more.
    cancelled = np.abs(da.size * a.size * (1 - a.value)).astype(np.float64)
    return dz.widen(a.precision.roundoff * (cancelled + dz.size))


def _softmax_backward(_z: Bounded, a: Bounded, da: Bounded, axis: int = -1) -> Bounded:
    total = (a * da).sum(axis=axis, keepdims=True)
    dz = a * (da - total)
    # JAX computes a da - a sum(a da): both products round, before they cancel.
    products = (a.size * (da.size + total.size)).astype(np.float64)
    return dz.widen(a.precision.roundoff * products)


def _log_softmax(z: Bounded, axis: int = -1) -> Bounded:
    shifted = z - np.max(z.value, axis=axis, keepdims=True)
    logarithm: Bounded = shifted - shifted.exp().sum(axis=axis, keepdims=True).log()
    return logarithm


def _log_softmax_backward(_z: Bounded, a: Bounded, da: Bounded, axis: int = -1) -> Bounded:
    return da - a.exp() * da.sum(axis=axis, keepdims=True)


FORWARD: dict[str, Callable[..., Bounded]] = {
    "linear": lambda z: z,
    "relu": PIECEWISE["relu"][0],
    "sigmoid": _sigmoid,
    "tanh": lambda z: z.tanh(),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    **{name: forward for name, (forward, _) in (PIECEWISE | SMOOTH).items()},
}
BACKWARD: dict[str, Callable[..., Bounded]] = {
    "linear": lambda _z, _a, da: da,
    "relu": PIECEWISE["relu"][1],
    "sigmoid": lambda _z, a, da: da * a * (1 - a),
    "tanh": _tanh_backward,
    "softmax": _softmax_backward,
    "log_softmax": _log_softmax_backward,
    **{name: backward for name, (_, backward) in (PIECEWISE | SMOOTH).items()},
}
