"""What a float64 network may lose where its backend computes an operation in float32.

See ``float32_operations`` in `scratchnet.conventions`: each function widens the bound of the
operation in float64 by the rounding of the same operation in float32, inputs included.
"""

from __future__ import annotations

from experiments.parity.rounding import TANH_ROUNDOFFS, Bounded, Precision, matmul

_FLOAT32 = Precision.of("float32")


def matmul_in_float32(x: Bounded, w: Bounded, bias: Bounded | None = None) -> Bounded:
    """Return ``x @ w + bias``, the product in float32."""
    sizes = x.size @ w.size
    return matmul(x, w, bias).widen(_FLOAT32.gamma(x.shape[1] + 2) * sizes)


def mean_in_float32(loss: Bounded, gradient: Bounded, count: int) -> tuple[Bounded, Bounded]:
    """Allow for a mean of `count` losses in float32, and its reciprocals in the gradient."""
    return (
        loss.widen(_FLOAT32.gamma(count + 2) * loss.size),
        gradient.widen(_FLOAT32.gamma(4) * gradient.size),
    )


def tanh_in_float32(a: Bounded) -> Bounded:
    """Allow for a tanh in float32: a relative error of z is no larger one of tanh(z)."""
    return a.widen(_FLOAT32.gamma(TANH_ROUNDOFFS + 1) * a.size)


def tanh_backward_in_float32(da: Bounded, dz: Bounded) -> Bounded:
    """Allow for ``da (1 - a^2)`` in float32, in either form (see `formulas.activations`)."""
    return dz.widen(_FLOAT32.gamma(3) * (da.size + dz.size))
