"""Activations of a whole row beside softmax: each value depends on all others along an axis."""

from __future__ import annotations

import numpy as np

from scratchnet.activations.base import Scratch
from scratchnet.tape import Tape
from scratchnet.types import Array


def log_softmax(tape: Tape, z: Array, a: Array, scratch: Scratch, *, axis: int = -1) -> None:
    """a = z - max z - log(sum exp(z - max z)), by row (``keras.activations.log_softmax``)."""
    row, e = scratch.along(axis), scratch.array("exponential")
    tape.add(np.maximum.reduce, z, axis=axis, keepdims=True, out=row)
    tape.add(np.subtract, z, row, out=a)
    tape.add(np.exp, a, out=e)
    tape.add(np.add.reduce, e, axis=axis, keepdims=True, out=row)
    tape.add(np.log, row, out=row)
    tape.add(np.subtract, a, row, out=a)


def log_softmax_backward(
    tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch, *, axis: int = -1
) -> None:
    """dz = da - exp(a) sum(da), over each row."""
    row = scratch.along(axis)
    tape.add(np.add.reduce, da, axis=axis, keepdims=True, out=row)
    tape.add(np.exp, a, out=dz)
    tape.add(np.multiply, dz, row, out=dz)
    tape.add(np.subtract, da, dz, out=dz)
