"""Convolution as one product of matrices: every window that it reads is a column."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.buffer import channels_first
from scratchnet.layers.windows import Windows, offsets
from scratchnet.tape import Tape
from scratchnet.types import Array

ALL: Any = slice(None)


class Patches:
    """What windows read, in memory of their own: a matrix with a column for each window.

    A row is an offset within the window and a channel, in the order of a kernel's axes, so that
    ``kernel.T @ matrix`` is a convolution. Padding is 0 from the start, and nobody writes there.

    Parameters
    ----------
    windows
        For each axis.
    channels
        Of the input.
    samples
        The batch size.
    dtype
        Of the values.
    groups
        So many parts the channels are divided into, each with a matrix of its own.
    ones
        Whether a last row holds ones, for a bias that is the last row of the kernel.

    Attributes
    ----------
    matrices
        ``(groups, rows, windows * samples)``, the ones included.
    """

    def __init__(
        self,
        windows: Sequence[Windows],
        channels: int,
        samples: int,
        dtype: DTypeLike,
        *,
        groups: int = 1,
        ones: bool = False,
    ) -> None:
        self._windows, in_group = windows, channels // groups
        sizes, counts = [axis.size for axis in windows], [axis.count for axis in windows]
        rows = prod(sizes) * in_group
        memory = np.zeros((groups, rows + ones, prod(counts) * samples), dtype)
        memory[:, rows:] = 1
        self.matrices: Array = memory
        self.columns: Array = memory[:, :rows].reshape(groups, *sizes, in_group, *counts, samples)
        self._shape = (groups, in_group, *(axis.positions for axis in windows), samples)

    def gather(self, tape: Tape, values: Array) -> None:
        """Append what fills the matrices from ``(samples, ..., channels)``: a copy per offset."""
        x = channels_first(values).reshape(self._shape)
        for offset, windows, read in offsets(self._windows):
            tape.add(np.copyto, x[ALL, ALL, *read], out=self.columns[ALL, *offset, ALL, *windows])

    def scatter(self, tape: Tape, values: Array) -> None:
        """Append the way back: what was read from one place is added up there."""
        x = channels_first(values).reshape(self._shape)
        tape.add(np.copyto, np.zeros((), x.dtype), out=x)
        for offset, windows, read in offsets(self._windows):
            place = x[ALL, ALL, *read]
            tape.add(np.add, place, self.columns[ALL, *offset, ALL, *windows], out=place)


def product(tape: Tape, a: Array, b: Array, out: Array, tensor: str = "") -> None:
    """Append ``a @ b`` of ``(groups, ...)`` matrices each."""
    if len(a) == 1:  # np.dot costs half of what np.matmul does to call
        tape.add(np.dot, a[0], b[0], out=out[0], tensor=tensor)
    else:
        tape.add(np.matmul, a, b, out=out, tensor=tensor)


def transposed(matrices: Array) -> Array:
    """Return each of several matrices transposed."""
    return matrices.swapaxes(1, 2)
