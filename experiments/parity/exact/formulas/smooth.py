"""Activations made of exponentials, logarithms and roots."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from experiments.parity.exact.rounding import FUNCTION_ROUNDOFFS, TANH_ROUNDOFFS, Bounded, select
from scratchnet.activations.smooth import SELU_ALPHA, SELU_SCALE


def _exponential_below(z: Bounded, scale: float, alpha: float) -> Bounded:
    """Return alpha (exp(z / scale) - 1) where z < 0, 0 elsewhere."""
    number = z.precision.rounded
    below = z.minimum(0.0)
    if scale != 1:
        below = below / number(scale)
    # Some take exp(z) - 1, and some expm1(z), which is a function of its own.
    difference = below.exp() - 1
    other_form = FUNCTION_ROUNDOFFS * z.precision.roundoff * difference.size
    return number(alpha) * difference.widen(other_form)


def _elu(z: Bounded, alpha: float = 1.0) -> Bounded:
    return z.relu() + _exponential_below(z, 1.0, alpha)


def _elu_backward(z: Bounded, a: Bounded, da: Bounded, alpha: float = 1.0) -> Bounded:
    uncertain, below = (z.size <= z.branch) & (z.branch > 0), _below(a, da, alpha)
    return da.passes(z.value > 0, uncertain) + below.passes(z.value <= 0, uncertain)


def _below(a: Bounded, da: Bounded, alpha: float) -> Bounded:
    """Return da (a + alpha), which others compute from z."""
    other_form = 2 * FUNCTION_ROUNDOFFS * a.precision.roundoff * (a.size + alpha) * da.size
    return (da * (a + a.precision.rounded(alpha))).widen(other_form)


def _selu(z: Bounded) -> Bounded:
    scale = z.precision.rounded(SELU_SCALE)
    return scale * z.relu() + _exponential_below(z, 1.0, SELU_SCALE * SELU_ALPHA)


def _selu_backward(_z: Bounded, a: Bounded, da: Bounded) -> Bounded:
    above = da * a.precision.rounded(SELU_SCALE)
    # TensorFlow decides by the outputs: 0, and what rounds to it, take the branch above.
    uncertain = (a.size <= a.branch) & (a.branch > 0)
    below = _below(a, da, SELU_SCALE * SELU_ALPHA)
    return above.passes(a.value >= 0, uncertain) + below.passes(a.value < 0, uncertain)


def _celu(z: Bounded, alpha: float = 1.0) -> Bounded:
    return z.relu() + _exponential_below(z, alpha, alpha)


def _celu_backward(z: Bounded, _a: Bounded, da: Bounded, alpha: float = 1.0) -> Bounded:
    below = z.minimum(0.0)
    if alpha != 1:
        below = below / z.precision.rounded(alpha)
    uncertain = (z.size <= z.branch) & (z.branch > 0)
    return da.passes(z.value >= 0, uncertain) + (da * below.exp()).passes(z.value <= 0, uncertain)


def _sigmoid(z: Bounded) -> Bounded:
    e = (-z.abs()).exp()
    return select(z.value >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(z: Bounded) -> Bounded:
    value = np.maximum(z.value, 0) + np.log1p(np.exp(-np.abs(z.value)))
    # TensorFlow takes exp(z) for log1p(exp(z)) below log(epsilon) + 2: up to 4 epsilon off.
    return z.smooth(value, 1.0, 2 * FUNCTION_ROUNDOFFS + 2)


def _softsign(z: Bounded) -> Bounded:
    return z / (z.abs() + 1)


def _softsign_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    size = z.abs() + 1
    return da / size / size


def _silu(z: Bounded) -> Bounded:
    return z * _sigmoid(z)


def _silu_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    gate = _sigmoid(z)
    return da * (gate * (1 + z * (1 - gate)))


def _mish(z: Bounded) -> Bounded:
    return z * _softplus(z).tanh()


def _mish_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    gate = _softplus(z).tanh()
    slope = z * (1 - gate * gate) * _sigmoid(z)
    # Differentiated term by term each factor is rounded once more.
    other_form = 4 * z.precision.roundoff * (gate.size + slope.size) * da.size
    other_form = other_form + z.precision.smallest
    return (da * (gate + slope)).widen(other_form)


def _gelu_argument(z: Bounded) -> Bounded:
    # Some take a power, which is a function of its own.
    cube = z * z * z
    cube = cube.widen(FUNCTION_ROUNDOFFS * z.precision.roundoff * cube.size)
    return z.precision.rounded(sqrt(2 / pi)) * (z + z.precision.cast(0.044715) * cube)


def _gelu(z: Bounded, approximate: bool = False) -> Bounded:
    if approximate:
        return z * 0.5 * (1 + _gelu_argument(z).tanh())
    return z * 0.5 * _normal(z * z.precision.cast(sqrt(0.5)))


def _normal(x: Bounded) -> Bounded:
    """Return 1 + erf(x), which others compute as erfc(-x)."""
    gate = 1 + x.erf()
    return gate.widen(TANH_ROUNDOFFS * x.precision.roundoff * gate.size)


def _gelu_backward(z: Bounded, _a: Bounded, da: Bounded, approximate: bool = False) -> Bounded:
    number = z.precision.rounded
    if approximate:
        hyperbolic = _gelu_argument(z).tanh()
        gate = 1 + hyperbolic
        inner = number(sqrt(2 / pi)) * (1 + 3 * z.precision.cast(0.044715) * (z * z))
        slope = z * (1 - hyperbolic * hyperbolic) * inner
    else:
        factor = z.precision.cast(sqrt(0.5))
        x = z * factor
        gate = _normal(x)
        slope = z * (factor * number(2 / sqrt(pi))) * (-(x * x)).exp()
    # Term by term: each factor is rounded once more.
    other_form = 4 * z.precision.roundoff * (1 + gate.size + slope.size) * da.size
    return (da * 0.5 * (gate + slope)).widen(other_form)


def _tanh_shrink(z: Bounded) -> Bounded:
    return z - z.tanh()


def _tanh_shrink_backward(z: Bounded, _a: Bounded, da: Bounded) -> Bounded:
    gate = z.tanh()
    return da - da * (1 - gate * gate)


def _squareplus(z: Bounded, b: float = 4) -> Bounded:
    return (z + (z * z + z.precision.rounded(b)).sqrt()) * 0.5


def _squareplus_backward(z: Bounded, _a: Bounded, da: Bounded, b: float = 4) -> Bounded:
    slope = z / (z * z + z.precision.rounded(b)).sqrt()
    # Term by term: the two halves are rounded apart.
    return (da * (1 + slope) * 0.5).widen(3 * z.precision.roundoff * da.size)


SMOOTH: dict[str, tuple[Callable[..., Bounded], Callable[..., Bounded]]] = {
    "celu": (_celu, _celu_backward),
    "elu": (_elu, _elu_backward),
    "exponential": (lambda z: z.exp(), lambda _z, a, da: da * a),
    "gelu": (_gelu, _gelu_backward),
    "log_sigmoid": (lambda z: -_softplus(-z), lambda z, _a, da: da * _sigmoid(-z)),
    "mish": (_mish, _mish_backward),
    "selu": (_selu, _selu_backward),
    "silu": (_silu, _silu_backward),
    "softplus": (_softplus, lambda z, _a, da: da * _sigmoid(z)),
    "softsign": (_softsign, _softsign_backward),
    "squareplus": (_squareplus, _squareplus_backward),
    "tanh_shrink": (_tanh_shrink, _tanh_shrink_backward),
}
"""Forward and backward by name."""
