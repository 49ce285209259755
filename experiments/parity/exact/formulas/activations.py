"""Activations: forward of ``z``, backward of ``(z, a, da)``, all ``(samples, units)``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.parity.exact.rounding import Bounded, select


def _sigmoid(z: Bounded) -> Bounded:
    e = (-z.abs()).exp()
    return select(z.value >= 0, 1 / (1 + e), e / (1 + e))


def _softmax(z: Bounded) -> Bounded:
    # Any shift gives the same softmax, so an error in the maximum does not matter.
    e = (z - np.max(z.value, axis=-1, keepdims=True)).exp()
    # oneDNN's, which TensorFlow calls here, is 0 below twice that number (docs/findings.md, 10).
    flushed = e.size < 2 * e.precision.smallest
    e = e.widen(np.where(flushed, e.size, 0.0))
    softmax: Bounded = e / e.sum(axis=-1, keepdims=True)
    return softmax


def _relu_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    # A number that may be flushed to 0 may lose its branch too.
    uncertain = (z.size <= z.branch) & (z.branch > 0)
    return da.passes(z.value > 0, uncertain)


def _tanh_backward(_z: Bounded, a: Bounded, da: Bounded) -> Bounded:
    dz = da * (1 - a * a)
    # JAX computes (da + da a) (1 - a): the sum may cancel da a, and there is a rounding more.
    cancelled = np.abs(da.size * a.size * (1 - a.value)).astype(np.float64)
    return dz.widen(a.precision.roundoff * (cancelled + dz.size))


def _softmax_backward(_z: Bounded, a: Bounded, da: Bounded) -> Bounded:
    total = (a * da).sum(axis=-1, keepdims=True)
    dz = a * (da - total)
    # JAX computes a da - a sum(a da): both products round, before they cancel.
    products = (a.size * (da.size + total.size)).astype(np.float64)
    return dz.widen(a.precision.roundoff * products)


FORWARD: dict[str, Callable[[Bounded], Bounded]] = {
    "linear": lambda z: z,
    "relu": lambda z: z.relu(),
    "sigmoid": _sigmoid,
    "tanh": lambda z: z.tanh(),
    "softmax": _softmax,
}
BACKWARD: dict[str, Callable[[Bounded, Bounded, Bounded], Bounded]] = {
    "linear": lambda _z, _a, da: da,
    "relu": _relu_backward,
    "sigmoid": lambda _z, a, da: da * a * (1 - a),
    "tanh": _tanh_backward,
    "softmax": _softmax_backward,
}
