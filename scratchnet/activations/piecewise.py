"""Activations of straight pieces; at their kinks they do what Keras on TensorFlow does."""

from __future__ import annotations

import numpy as np

from scratchnet.activations.base import Scratch
from scratchnet.tape import Tape
from scratchnet.types import Array


def leaky_relu(
    tape: Tape, z: Array, a: Array, scratch: Scratch, *, negative_slope: float = 0.2
) -> None:
    """a = z where z > 0, else negative_slope * z (``keras.activations.leaky_relu``).

    TensorFlow holds the slope in float32 whatever the dtype, as `Scratch.setting` does.
    """
    tape.add(np.multiply, z, scratch.setting(negative_slope), out=a)
    tape.add(np.greater, z, scratch.number(0), out=scratch.mask)
    tape.add(np.copyto, z, out=a, where=scratch.mask)


def leaky_relu_backward(
    tape: Tape,
    z: Array,
    a: Array,
    da: Array,
    dz: Array,
    scratch: Scratch,
    *,
    negative_slope: float = 0.2,
) -> None:
    """dz = da where z > 0, else negative_slope * da, at exactly 0 too."""
    tape.add(np.multiply, da, scratch.setting(negative_slope), out=dz)
    tape.add(np.greater, z, scratch.number(0), out=scratch.mask)
    tape.add(np.copyto, da, out=dz, where=scratch.mask)


def relu6(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = min(max(z, 0), 6) (``keras.activations.relu6``)."""
    tape.add(np.clip, z, scratch.number(0), scratch.number(6), out=a)


def relu6_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da where 0 < z < 6, else 0: 0 at both kinks."""
    _between(tape, z, 0, 6, dz, scratch)
    tape.add(np.multiply, dz, da, out=dz)


def hard_tanh(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = min(max(z, -1), 1) (``keras.activations.hard_tanh``)."""
    tape.add(np.clip, z, scratch.number(-1), scratch.number(1), out=a)


def hard_tanh_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da where -1 <= z <= 1, else 0: da at both kinks."""
    tape.add(np.abs, z, out=dz)
    tape.add(np.less_equal, dz, scratch.number(1), out=scratch.mask)
    tape.add(np.multiply, scratch.mask, da, out=dz)


def hard_sigmoid(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = min(max(z + 3, 0), 6) / 6 (``keras.activations.hard_sigmoid``)."""
    tape.add(np.add, z, scratch.number(3), out=a)
    tape.add(np.clip, a, scratch.number(0), scratch.number(6), out=a)
    tape.add(np.divide, a, scratch.number(6), out=a)


def hard_sigmoid_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da / 6 where 0 < a < 1, else 0."""
    _between(tape, a, 0, 1, dz, scratch)
    tape.add(np.multiply, dz, da, out=dz)
    tape.add(np.divide, dz, scratch.number(6), out=dz)


def hard_silu(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z hard_sigmoid(z) (``keras.activations.hard_silu``, also ``hard_swish``)."""
    gate = scratch.array("gate")
    hard_sigmoid(tape, z, gate, scratch)
    tape.add(np.multiply, z, gate, out=a)


def hard_silu_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da (gate + z gate'), with gate = hard_sigmoid(z), whose slope is 1/6 in (-3, 3)."""
    gate = scratch.array("gate")
    _between(tape, gate, 0, 1, dz, scratch)
    tape.add(np.multiply, dz, z, out=dz)
    tape.add(np.divide, dz, scratch.number(6), out=dz)
    tape.add(np.add, dz, gate, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def soft_shrink(
    tape: Tape, z: Array, a: Array, scratch: Scratch, *, threshold: float = 0.5
) -> None:
    """a = z - threshold above it, z + threshold below its negative, else 0.

    Source: ``keras.activations.soft_shrink``.
    """
    nearest = scratch.array("nearest")
    tape.add(np.clip, z, scratch.number(-threshold), scratch.number(threshold), out=nearest)
    tape.add(np.subtract, z, nearest, out=a)


def hard_shrink(
    tape: Tape, z: Array, a: Array, scratch: Scratch, *, threshold: float = 0.5
) -> None:
    """a = z where |z| > threshold, else 0 (``keras.activations.hard_shrink``)."""
    tape.add(np.abs, z, out=a)
    tape.add(np.greater, a, scratch.number(threshold), out=scratch.mask)
    tape.add(np.multiply, z, scratch.mask, out=a)


def shrink_backward(
    tape: Tape,
    z: Array,
    a: Array,
    da: Array,
    dz: Array,
    scratch: Scratch,
    *,
    threshold: float = 0.5,
) -> None:
    """dz = da where |z| > threshold, else 0; of both shrinks."""
    tape.add(np.abs, z, out=dz)
    tape.add(np.greater, dz, scratch.number(threshold), out=scratch.mask)
    tape.add(np.multiply, scratch.mask, da, out=dz)


def threshold(
    tape: Tape,
    z: Array,
    a: Array,
    scratch: Scratch,
    *,
    threshold: float,
    default_value: float,
) -> None:
    """a = z where z > threshold, else default_value (``keras.activations.threshold``)."""
    tape.add(np.greater, z, scratch.number(threshold), out=scratch.mask)
    tape.add(np.copyto, scratch.number(default_value), out=a)
    tape.add(np.copyto, z, out=a, where=scratch.mask)


def threshold_backward(
    tape: Tape,
    z: Array,
    a: Array,
    da: Array,
    dz: Array,
    scratch: Scratch,
    *,
    threshold: float,
    default_value: float,
) -> None:
    """dz = da where z > threshold, else 0."""
    tape.add(np.greater, z, scratch.number(threshold), out=scratch.mask)
    tape.add(np.multiply, scratch.mask, da, out=dz)


def sparse_plus(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = 0 up to -1, (z + 1)^2 / 4 between, z from 1 on (``keras.activations.sparse_plus``)."""
    tape.add(np.clip, z, scratch.number(-1), scratch.number(1), out=a)
    tape.add(np.add, a, scratch.number(1), out=a)
    tape.add(np.multiply, a, a, out=a)
    tape.add(np.multiply, a, scratch.number(0.25), out=a)
    tape.add(np.greater_equal, z, scratch.number(1), out=scratch.mask)
    tape.add(np.copyto, z, out=a, where=scratch.mask)


def sparse_plus_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da sparse_sigmoid(z), without a kink."""
    sparse_sigmoid(tape, z, dz, scratch)
    tape.add(np.multiply, dz, da, out=dz)


def sparse_sigmoid(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = (min(max(z, -1), 1) + 1) / 2 (``keras.activations.sparse_sigmoid``)."""
    tape.add(np.clip, z, scratch.number(-1), scratch.number(1), out=a)
    tape.add(np.add, a, scratch.number(1), out=a)
    tape.add(np.multiply, a, scratch.number(0.5), out=a)


def sparse_sigmoid_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch
) -> None:
    """dz = da / 2 where -1 < z < 1, else 0."""
    _between(tape, z, -1, 1, dz, scratch)
    tape.add(np.multiply, dz, da, out=dz)
    tape.add(np.multiply, dz, scratch.number(0.5), out=dz)


def _between(
    tape: Tape, z: Array, lowest: float, highest: float, out: Array, scratch: Scratch
) -> None:
    """Write 1 where `z` lies between two numbers, else 0."""
    tape.add(np.greater, z, scratch.number(lowest), out=scratch.mask)
    tape.add(np.copyto, scratch.mask, out=out)
    tape.add(np.less, z, scratch.number(highest), out=scratch.mask)
    tape.add(np.multiply, out, scratch.mask, out=out)
