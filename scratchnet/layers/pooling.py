"""Pooling: one value for what each window reads."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scratchnet.buffer import Buffer, channels_first
from scratchnet.layers.base import Layer, Pass
from scratchnet.layers.windows import Windows, as_sizes, check_padding, fit_windows, offsets
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters

ALL: Any = slice(None)


@dataclass(frozen=True)
class Pooling(Layer):
    """What the pooling layers have in common.

    Parameters
    ----------
    pool_size
        Of a window: an integer for all axes or one each.
    strides
        From one window to the next; None: `pool_size`.
    padding
        ``"valid"`` or ``"same"``, see `scratchnet.layers.windows.Windows`. No value of the padding
        counts.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong, or no window fits.
    """

    rank: ClassVar[int] = 2

    pool_size: int | tuple[int, ...] = (2, 2)
    strides: int | tuple[int, ...] | None = None
    padding: str = "valid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool_size", as_sizes("pool_size", self.pool_size, self.rank))
        if self.strides is not None:
            object.__setattr__(self, "strides", as_sizes("strides", self.strides, self.rank))
        check_padding(self.padding)

    def windows(self, shape: tuple[int, ...]) -> tuple[Windows, ...]:
        """Return the windows over an input, axis by axis."""
        size = as_sizes("", self.pool_size, self.rank)
        strides = size if self.strides is None else as_sizes("", self.strides, self.rank)
        return fit_windows("pool_size", shape, size, strides, self.padding)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(windows, ..., channels)``."""
        return (*(axis.count for axis in self.windows(shapes[0])), shapes[0][-1])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops, an offset within the windows after another."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        x, a, da = map(channels_first, (source.values, outputs.values, outputs.gradient))
        windows = self.windows(source.values.shape[1:])
        forward, backward = Tape(), Tape()
        self.pool(forward, windows, x, a)
        if dx is not None:
            dx = channels_first(dx)
            once = not any(axis.overlaps for axis in windows)
            if not all(axis.tiles for axis in windows):
                backward.add(np.copyto, np.zeros((), dx.dtype), out=dx)
            self.pool_back(backward, windows, x, a, da, dx, once=once)
            backward.name_last("input")
        return Pass(outputs, forward, backward)

    @abstractmethod
    def pool(self, tape: Tape, windows: tuple[Windows, ...], x: Array, a: Array) -> None:
        """Append what fills ``a``, ``(channels, windows, ..., samples)``."""

    @abstractmethod
    def pool_back(
        self,
        tape: Tape,
        windows: tuple[Windows, ...],
        x: Array,
        a: Array,
        da: Array,
        dx: Array,
        *,
        once: bool,
    ) -> None:
        """Append what adds to ``dx``, or where each place is read `once` at most, writes there."""


@dataclass(frozen=True)
class MaxPooling2D(Pooling):
    """The largest value in each window of an image (``keras.layers.MaxPooling2D``).

    Its gradient goes to the first of equal values in the order of rows, as in Keras.
    """

    kind: ClassVar[str] = "max_pooling2d"

    def pool(self, tape: Tape, windows: tuple[Windows, ...], x: Array, a: Array) -> None:
        """``a = max over offsets of x``."""
        whole = not any(axis.reads_padding for axis in windows)
        if not whole:
            tape.add(np.copyto, np.asarray(-np.inf, a.dtype), out=a)
        for number, (_, where, read) in enumerate(offsets(windows)):
            x_there, a_there = x[ALL, *read], a[ALL, *where]
            if whole and number == 0:
                tape.add(np.copyto, x_there, out=a_there)
            else:
                tape.add(np.maximum, a_there, x_there, out=a_there)

    def pool_back(
        self,
        tape: Tape,
        windows: tuple[Windows, ...],
        x: Array,
        a: Array,
        da: Array,
        dx: Array,
        *,
        once: bool,
    ) -> None:
        """``dx += rest where x = a``, and the rest, ``da`` at first, is 0 there from then on."""
        rest, share, hit = (np.zeros_like(da) for _ in range(3))
        tape.add(np.copyto, da, out=rest)
        places = list(offsets(windows))
        whole = not any(axis.reads_padding for axis in windows)
        for number, (_, where, read) in enumerate(places, 1):
            part = [array[ALL, *where] for array in (rest, share, hit, a)]
            rest_there, share_there, hit_there, a_there = part
            x_there, dx_there = x[ALL, *read], dx[ALL, *read]
            if number == len(places) and whole:  # what is left can go nowhere else
                share_there = rest_there
            else:
                # 1 or 0: to multiply by numbers is faster than by truth values.
                tape.add(np.equal, x_there, a_there, out=hit_there)
                tape.add(np.multiply, rest_there, hit_there, out=share_there)
                tape.add(np.subtract, rest_there, share_there, out=rest_there)
            put(tape, share_there, dx_there, once=once)


@dataclass(frozen=True)
class AveragePooling2D(Pooling):
    """The mean of each window of an image (``keras.layers.AveragePooling2D``).

    At a padded border it is the mean of the values that are there.
    """

    kind: ClassVar[str] = "average_pooling2d"

    def pool(self, tape: Tape, windows: tuple[Windows, ...], x: Array, a: Array) -> None:
        """``a = (sum over offsets of x) / number of values``."""
        tape.add(np.copyto, np.zeros((), a.dtype), out=a)
        for _, where, read in offsets(windows):
            place = a[ALL, *where]
            tape.add(np.add, place, x[ALL, *read], out=place)
        tape.add(np.divide, a, values_in(windows, a), out=a)

    def pool_back(
        self,
        tape: Tape,
        windows: tuple[Windows, ...],
        x: Array,  # noqa: ARG002 - only the maximum looks at values
        a: Array,
        da: Array,
        dx: Array,
        *,
        once: bool,
    ) -> None:
        """``dx += da / number of values``."""
        share = np.zeros_like(da)
        tape.add(np.divide, da, values_in(windows, a), out=share)
        for _, where, read in offsets(windows):
            put(tape, share[ALL, *where], dx[ALL, *read], once=once)


@dataclass(frozen=True)
class MaxPooling1D(MaxPooling2D):
    """The largest value in each window of a sequence (``keras.layers.MaxPooling1D``)."""

    kind: ClassVar[str] = "max_pooling1d"
    rank: ClassVar[int] = 1

    pool_size: int | tuple[int, ...] = (2,)


@dataclass(frozen=True)
class AveragePooling1D(AveragePooling2D):
    """The mean of each window of a sequence (``keras.layers.AveragePooling1D``)."""

    kind: ClassVar[str] = "average_pooling1d"
    rank: ClassVar[int] = 1

    pool_size: int | tuple[int, ...] = (2,)


def put(tape: Tape, share: Array, place: Array, *, once: bool) -> None:
    """Append what adds a share to a place, or writes it where nothing else is written."""
    if once:
        tape.add(np.copyto, share, out=place)
    else:
        tape.add(np.add, place, share, out=place)


def values_in(windows: tuple[Windows, ...], like: Array) -> Array:
    """Return the number of values in each window, without padding, ``(1, windows, ..., 1)``."""
    counts = np.zeros((1, *like.shape[1:-1], 1), like.dtype)
    for _, where, _ in offsets(windows):
        counts[ALL, *where] += 1
    return counts
