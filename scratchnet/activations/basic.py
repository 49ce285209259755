"""The activations of the article, and the three that most networks have beside."""

from __future__ import annotations

import numpy as np

from scratchnet.activations.base import Scratch
from scratchnet.tape import Tape
from scratchnet.types import Array


def linear(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z (``keras.activations.linear``)."""
    tape.add(np.copyto, z, out=a)


def linear_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da."""
    tape.add(np.copyto, da, out=dz)


def relu(
    tape: Tape,
    z: Array,
    a: Array,
    scratch: Scratch,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> None:
    """a = max(z, 0), or with arguments (``keras.activations.relu``).

    ::

        a = max_value                              where z >= max_value
        a = z                                      between threshold and max_value
        a = negative_slope * (z - threshold)       elsewhere
    """
    leaky = max_value is None and threshold == 0
    if threshold == 0:
        tape.add(np.maximum, z, scratch.zeros, out=a)
    else:
        tape.add(np.greater, z, scratch.setting(threshold), out=scratch.mask)
        tape.add(np.copyto, scratch.number(0), out=a)
        tape.add(np.copyto, z, out=a, where=scratch.mask)
    if max_value is not None:
        tape.add(np.clip, a, scratch.number(0), scratch.setting(max_value), out=a)
    if negative_slope != 0:
        below = scratch.array("below")
        tape.add(np.subtract, scratch.number(threshold), z, out=below)
        tape.add(np.maximum, below, scratch.zeros, out=below)
        tape.add(np.multiply, below, _slope(scratch, negative_slope, leaky), out=below)
        tape.add(np.subtract, a, below, out=a)


def relu_backward(
    tape: Tape,
    z: Array,
    a: Array,
    da: Array,
    dz: Array,
    scratch: Scratch,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> None:
    """dz = da where a > 0, else 0; the derivative at exactly 0 is 0, as in Keras.

    With arguments it is da above the threshold and up to max_value (below it where that is 6,
    which has an op of its own in TensorFlow), negative_slope * da below the threshold.
    """
    leaky = max_value is None and threshold == 0
    plain = leaky and negative_slope == 0
    lowest = scratch.number(0) if threshold == 0 else scratch.setting(threshold)
    tape.add(np.greater, a if plain else z, lowest, out=scratch.mask)
    tape.add(np.copyto, scratch.mask, out=dz)
    if max_value is not None:
        inside = np.less if max_value == 6 and threshold == 0 else np.less_equal
        tape.add(inside, z, scratch.setting(max_value), out=scratch.mask)
        tape.add(np.multiply, dz, scratch.mask, out=dz)
        if threshold < 0:
            tape.add(np.greater_equal, z, scratch.number(0), out=scratch.mask)
            tape.add(np.multiply, dz, scratch.mask, out=dz)
    if negative_slope != 0:
        below = scratch.array("below")
        under = np.less_equal if leaky else np.less
        tape.add(under, z, scratch.number(threshold), out=scratch.mask)
        tape.add(np.multiply, scratch.mask, _slope(scratch, negative_slope, leaky), out=below)
        tape.add(np.add, dz, below, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def _slope(scratch: Scratch, value: float, leaky: bool) -> Array:
    """Return a slope; where it is all there is, Keras calls a leaky relu of its own.

    That has the slope at exactly 0 too, and TensorFlow holds it in float32.
    """
    return scratch.setting(value) if leaky else scratch.number(value)


def sigmoid(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = 1 / (1 + exp(-z)) (``keras.activations.sigmoid``).

    Where exp(-z) overflows, a is 0, which is right; the caller silences the overflow.
    """
    # np.negative of NumPy 2.4 is wrong where values lie 16 bytes apart.
    tape.add(np.multiply, z, scratch.number(-1), out=a)
    tape.add(np.exp, a, out=a)
    tape.add(np.add, a, scratch.number(1), out=a)
    tape.add(np.reciprocal, a, out=a)


def sigmoid_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da a (1 - a)."""
    tape.add(np.subtract, scratch.number(1), a, out=dz)
    tape.add(np.multiply, dz, a, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def tanh(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = tanh(z) (``keras.activations.tanh``)."""
    tape.add(np.tanh, z, out=a)


def tanh_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da (1 - a^2)."""
    tape.add(np.multiply, a, a, out=dz)
    tape.add(np.subtract, scratch.number(1), dz, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def softmax(tape: Tape, z: Array, a: Array, scratch: Scratch, *, axis: int = -1) -> None:
    """a = exp(z - max z) / sum exp(z - max z), over each row (``keras.activations.softmax``)."""
    row = scratch.along(axis)
    tape.add(np.maximum.reduce, z, axis=axis, keepdims=True, out=row)
    tape.add(np.subtract, z, row, out=a)
    tape.add(np.exp, a, out=a)
    tape.add(np.add.reduce, a, axis=axis, keepdims=True, out=row)
    tape.add(np.divide, a, row, out=a)


def softmax_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch, *, axis: int = -1
) -> None:
    """dz = a (da - sum(a da)), over each row."""
    row = scratch.along(axis)
    tape.add(np.multiply, a, da, out=dz)
    tape.add(np.add.reduce, dz, axis=axis, keepdims=True, out=row)
    tape.add(np.subtract, da, row, out=dz)
    tape.add(np.multiply, dz, a, out=dz)
