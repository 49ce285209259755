"""Activations without a kink, made of exponentials, logarithms and roots."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from scratchnet.activations.base import Scratch
from scratchnet.activations.basic import sigmoid
from scratchnet.erfc import erfc
from scratchnet.tape import Tape
from scratchnet.types import Array

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717
"""Klambauer et al. 2017: with them mean 0 and variance 1 are a fixed point."""


def exponential(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = exp(z) (``keras.activations.exponential``)."""
    tape.add(np.exp, z, out=a)


def exponential_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da a."""
    tape.add(np.multiply, da, a, out=dz)


def elu(tape: Tape, z: Array, a: Array, scratch: Scratch, *, alpha: float = 1.0) -> None:
    """a = z where z > 0, else alpha (exp(z) - 1) (``keras.activations.elu``; Clevert 2016)."""
    tape.add(np.minimum, z, scratch.zeros, out=a)
    tape.add(np.expm1, a, out=a)
    if alpha != 1:
        tape.add(np.multiply, a, scratch.number(alpha), out=a)
    tape.add(np.greater, z, scratch.number(0), out=scratch.mask)
    tape.add(np.copyto, z, out=a, where=scratch.mask)


def elu_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch, *, alpha: float = 1.0
) -> None:
    """dz = da where z > 0, else da (a + alpha), which is da alpha exp(z)."""
    tape.add(np.add, a, scratch.number(alpha), out=dz)
    tape.add(np.multiply, dz, da, out=dz)
    tape.add(np.greater, z, scratch.number(0), out=scratch.mask)
    tape.add(np.copyto, da, out=dz, where=scratch.mask)


def selu(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = scale z where z > 0, else scale alpha (exp(z) - 1) (``keras.activations.selu``).

    scale = 1.0507009873554805, alpha = 1.6732632423543772 (Klambauer et al. 2017).
    """
    exponential_part = scratch.array("below")
    tape.add(np.minimum, z, scratch.zeros, out=exponential_part)
    tape.add(np.expm1, exponential_part, out=exponential_part)
    tape.add(
        np.multiply, exponential_part, scratch.number(SELU_SCALE * SELU_ALPHA), out=exponential_part
    )
    tape.add(np.maximum, z, scratch.zeros, out=a)
    tape.add(np.multiply, a, scratch.number(SELU_SCALE), out=a)
    tape.add(np.add, a, exponential_part, out=a)


def selu_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = scale da where a >= 0, else da (a + scale alpha), which is da scale alpha exp(z)."""
    above = scratch.array("below")
    tape.add(np.multiply, da, scratch.number(SELU_SCALE), out=above)
    tape.add(np.add, a, scratch.number(SELU_SCALE * SELU_ALPHA), out=dz)
    tape.add(np.multiply, dz, da, out=dz)
    tape.add(np.greater_equal, a, scratch.number(0), out=scratch.mask)
    tape.add(np.copyto, above, out=dz, where=scratch.mask)


def celu(tape: Tape, z: Array, a: Array, scratch: Scratch, *, alpha: float = 1.0) -> None:
    """a = max(z, 0) + alpha (exp(min(z, 0) / alpha) - 1) (``keras.activations.celu``)."""
    below = scratch.array("below")
    tape.add(np.minimum, z, scratch.zeros, out=below)
    if alpha != 1:
        tape.add(np.divide, below, scratch.number(alpha), out=below)
    tape.add(np.expm1, below, out=below)
    if alpha != 1:
        tape.add(np.multiply, below, scratch.number(alpha), out=below)
    tape.add(np.maximum, z, scratch.zeros, out=a)
    tape.add(np.add, a, below, out=a)


def celu_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch, *, alpha: float = 1.0
) -> None:
    """dz = da where z > 0, da exp(z / alpha) where z < 0, and 2 da at exactly 0.

    There TensorFlow passes the gradient through the maximum and the minimum (docs/findings.md).
    """
    other = scratch.array("below")
    tape.add(np.minimum, z, scratch.zeros, out=dz)
    if alpha != 1:
        tape.add(np.divide, dz, scratch.number(alpha), out=dz)
    tape.add(np.exp, dz, out=dz)
    tape.add(np.less_equal, z, scratch.number(0), out=scratch.mask)
    tape.add(np.multiply, dz, scratch.mask, out=dz)
    tape.add(np.greater_equal, z, scratch.number(0), out=scratch.mask)
    tape.add(np.copyto, scratch.mask, out=other)
    tape.add(np.add, dz, other, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def softplus(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = log(1 + exp(z)) = max(z, 0) + log1p(exp(-|z|)) (``keras.activations.softplus``)."""
    logarithm = _log1p_exp(tape, z, scratch)
    tape.add(np.maximum, z, scratch.zeros, out=a)
    tape.add(np.add, a, logarithm, out=a)


def softplus_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da / (1 + exp(-z))."""
    sigmoid(tape, z, dz, scratch)
    tape.add(np.multiply, dz, da, out=dz)


def log_sigmoid(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = log(1 / (1 + exp(-z))) = -softplus(-z) (``keras.activations.log_sigmoid``)."""
    logarithm = _log1p_exp(tape, z, scratch)
    tape.add(np.minimum, z, scratch.zeros, out=a)
    tape.add(np.subtract, a, logarithm, out=a)


def log_sigmoid_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da / (1 + exp(z))."""
    tape.add(np.exp, z, out=dz)
    tape.add(np.add, dz, scratch.number(1), out=dz)
    tape.add(np.divide, da, dz, out=dz)


def softsign(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z / (1 + |z|) (``keras.activations.softsign``)."""
    size = scratch.array("size")
    tape.add(np.abs, z, out=size)
    tape.add(np.add, size, scratch.number(1), out=size)
    tape.add(np.divide, z, size, out=a)


def softsign_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da / (1 + |z|)^2."""
    size = scratch.array("size")
    tape.add(np.divide, da, size, out=dz)
    tape.add(np.divide, dz, size, out=dz)


def silu(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z sigmoid(z) (``keras.activations.silu``, also ``swish``; Ramachandran et al. 2017)."""
    gate = scratch.array("gate")
    sigmoid(tape, z, gate, scratch)
    tape.add(np.multiply, z, gate, out=a)


def silu_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da gate (1 + z (1 - gate)), with gate = sigmoid(z)."""
    gate = scratch.array("gate")
    tape.add(np.subtract, scratch.number(1), gate, out=dz)
    tape.add(np.multiply, dz, z, out=dz)
    tape.add(np.add, dz, scratch.number(1), out=dz)
    tape.add(np.multiply, dz, gate, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def mish(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z tanh(softplus(z)) (``keras.activations.mish``; Misra 2019)."""
    gate = scratch.array("gate")
    softplus(tape, z, gate, scratch)
    tape.add(np.tanh, gate, out=gate)
    tape.add(np.multiply, z, gate, out=a)


def mish_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da (gate + z (1 - gate^2) sigmoid(z)), with gate = tanh(softplus(z))."""
    gate, slope = scratch.array("gate"), scratch.array("slope")
    sigmoid(tape, z, slope, scratch)
    tape.add(np.multiply, slope, z, out=slope)
    tape.add(np.multiply, gate, gate, out=dz)
    tape.add(np.subtract, scratch.number(1), dz, out=dz)
    tape.add(np.multiply, dz, slope, out=dz)
    tape.add(np.add, dz, gate, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def gelu(tape: Tape, z: Array, a: Array, scratch: Scratch, *, approximate: bool = False) -> None:
    """a = z erfc(-z sqrt(1/2)) / 2 (``keras.activations.gelu``; Hendrycks & Gimpel 2016).

    That is z (1 + erf(z sqrt(1/2))) / 2, which would cancel where z is negative. Approximate:
    a = z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2. TensorFlow holds sqrt(1/2) and 0.044715
    in float32 whatever the dtype, as `Scratch.setting` does (docs/findings.md).
    """
    gate, x = scratch.array("gate"), scratch.array("x")
    if approximate:
        tape.add(np.multiply, z, z, out=gate)
        tape.add(np.multiply, gate, scratch.setting(0.044715), out=gate)
        tape.add(np.multiply, gate, z, out=gate)
        tape.add(np.add, gate, z, out=gate)
        tape.add(np.multiply, gate, scratch.number(sqrt(2 / pi)), out=gate)
        tape.add(np.tanh, gate, out=gate)
        tape.add(np.add, gate, scratch.number(1), out=gate)
    else:
        exponential, size, polynomial = (scratch.array(name) for name in ("e", "size", "other"))
        tape.add(np.multiply, z, -scratch.setting(sqrt(0.5)), out=x)
        tape.add(erfc, x, exponential, size, polynomial, out=gate)
    tape.add(np.multiply, gate, z, out=a)
    tape.add(np.multiply, a, scratch.number(0.5), out=a)


def gelu_backward(
    tape: Tape,
    z: Array,
    a: Array,
    da: Array,
    dz: Array,
    scratch: Scratch,
    *,
    approximate: bool = False,
) -> None:
    """dz = da (gate + z exp(-z^2 / 2) sqrt(2 / pi)) / 2, with gate = erfc(-z sqrt(1/2)).

    Approximate, with gate = 1 + tanh(...): dz = da (gate + z gate (2 - gate) sqrt(2 / pi) (1 + 3 *
    0.044715 z^2)) / 2.
    """
    gate, other, e = (scratch.array(name) for name in ("gate", "other", "e"))
    if approximate:
        three = scratch.setting(0.044715) * scratch.number(3)
        tape.add(np.multiply, z, z, out=other)
        tape.add(np.multiply, other, three, out=other)
        tape.add(np.add, other, scratch.number(1), out=other)
        tape.add(np.multiply, other, z, out=other)
        tape.add(np.multiply, other, scratch.number(sqrt(2 / pi)), out=other)
        tape.add(np.subtract, scratch.number(2), gate, out=dz)
        tape.add(np.multiply, dz, gate, out=dz)
        tape.add(np.multiply, other, dz, out=other)
    else:
        factor = scratch.setting(sqrt(0.5)) * scratch.number(2 / sqrt(pi))
        tape.add(np.multiply, z, e, out=other)
        tape.add(np.multiply, other, factor, out=other)
    tape.add(np.add, gate, other, out=dz)
    tape.add(np.multiply, dz, da, out=dz)
    tape.add(np.multiply, dz, scratch.number(0.5), out=dz)


def tanh_shrink(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z - tanh(z) (``keras.activations.tanh_shrink``)."""
    gate = scratch.array("gate")
    tape.add(np.tanh, z, out=gate)
    tape.add(np.subtract, z, gate, out=a)


def tanh_shrink_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da tanh(z)^2."""
    gate = scratch.array("gate")
    tape.add(np.multiply, gate, gate, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def squareplus(tape: Tape, z: Array, a: Array, scratch: Scratch, *, b: float = 4) -> None:
    """a = (z + sqrt(z^2 + b)) / 2 (``keras.activations.squareplus``; Barron 2021)."""
    root = scratch.array("root")
    tape.add(np.multiply, z, z, out=root)
    tape.add(np.add, root, scratch.number(b), out=root)
    tape.add(np.sqrt, root, out=root)
    tape.add(np.add, z, root, out=a)
    tape.add(np.multiply, a, scratch.number(0.5), out=a)


def squareplus_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch, *, b: float = 4
) -> None:
    """dz = da (1 + z / sqrt(z^2 + b)) / 2."""
    tape.add(np.divide, z, scratch.array("root"), out=dz)
    tape.add(np.add, dz, scratch.number(1), out=dz)
    tape.add(np.multiply, dz, da, out=dz)
    tape.add(np.multiply, dz, scratch.number(0.5), out=dz)


def _log1p_exp(tape: Tape, z: Array, scratch: Scratch) -> Array:
    """Append log1p(exp(-|z|)), which never overflows; return where it is."""
    logarithm = scratch.array("logarithm")
    tape.add(np.abs, z, out=logarithm)
    tape.add(np.multiply, logarithm, scratch.number(-1), out=logarithm)  # see `basic.sigmoid`
    tape.add(np.exp, logarithm, out=logarithm)
    tape.add(np.log1p, logarithm, out=logarithm)
    return logarithm
