"""Windows that slide over positions, as tables: which position each reads at each offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.exact.rounding import Bounded
from scratchnet.types import Array

Table = NDArray[np.int64]

Sizes = int | tuple[int, ...]
"""One for all axes, or one each."""

NOTHING = -1
"""In a table: padding, or no window."""


def read_by(positions: int, size: int, stride: int, dilation: int, padding: str) -> Table:
    """Return the position that each window reads at each offset, ``(windows, size)``."""
    reach = (size - 1) * dilation + 1
    if padding == "same":
        count = (positions + stride - 1) // stride
        before = max((count - 1) * stride + reach - positions, 0) // 2
    else:
        before = reach - 1 if padding == "causal" else 0
        count = (positions + before - reach) // stride + 1
    read = np.arange(count)[:, None] * stride + np.arange(size) * dilation - before
    return np.where((read >= 0) & (read < positions), read, NOTHING)


def readers_of(table: Table, positions: int) -> Table:
    """Return the window that reads each position at each offset, ``(positions, size)``."""
    readers = np.full((positions, table.shape[1]), NOTHING)
    for (window, offset), position in np.ndenumerate(table):
        if position != NOTHING:
            readers[position, offset] = window
    return readers


def gather(x: Bounded, tables: Sequence[Table]) -> Bounded:
    """Return what windows read, ``(samples, windows, ..., offsets, ..., channels)``.

    Parameters
    ----------
    x
        ``(samples, positions, ..., channels)``.
    tables
        For each axis; 0 is read where a table says `NOTHING`.
    """
    return x.map(lambda values: gather_values(values, tables))


def gather_values(values: Array, tables: Sequence[Table], padding: float = 0.0) -> Array:
    """Return the same of an array; `padding` is read where a table says `NOTHING`."""
    rank = len(tables)
    around = [(0, 0), *[(0, 1)] * rank, (0, 0)]
    padded = np.pad(values, around, constant_values=padding)
    # NOTHING is the last index, that of the padding.
    axes: list[Any] = [
        table.reshape(
            *(-1 if i == axis else 1 for i in range(rank)),
            *(table.shape[1] if i == axis else 1 for i in range(rank)),
        )
        for axis, table in enumerate(tables)
    ]
    every: Any = slice(None)
    found: Array = padded[every, *axes]
    return found


@dataclass(frozen=True)
class Reading:
    """Which windows read which positions of an input, axis by axis.

    Attributes
    ----------
    read
        A table per axis: the position that each window reads at each offset.
    readers
        A table per axis: the window that reads each position at each offset.
    """

    read: tuple[Table, ...]
    readers: tuple[Table, ...]

    @classmethod
    def of(
        cls,
        positions: Sequence[int],
        size: Sizes,
        strides: Sizes,
        dilation: Sizes,
        padding: str,
    ) -> Reading:
        """Make the tables."""
        each = [np.broadcast_to(n, len(positions)).tolist() for n in (size, strides, dilation)]
        axes = zip(positions, *each, strict=True)
        read = tuple(read_by(n, size, stride, step, padding) for n, size, stride, step in axes)
        readers = tuple(readers_of(t, n) for t, n in zip(read, positions, strict=True))
        return cls(read, readers)
