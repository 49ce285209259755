"""Layers that change the number of positions: padding, cropping, repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scratchnet.buffer import Buffer, channels_first
from scratchnet.errors import ArchitectureError
from scratchnet.layers.base import Layer, Pass
from scratchnet.layers.windows import as_sizes, check_rank
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters

Borders = int | tuple[int, ...] | tuple[tuple[int, int], ...]
ALL: Any = slice(None)


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Zeros around an image (``keras.layers.ZeroPadding2D``).

    Parameters
    ----------
    padding
        Zeros on every side; or one number per axis for both of its sides; or ``((top, bottom),
        (left, right))``.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "zero_padding2d"
    rank: ClassVar[int] = 2

    padding: Borders = ((1, 1), (1, 1))

    def __post_init__(self) -> None:
        object.__setattr__(self, "padding", as_borders("padding", self.padding, self.rank))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input, longer by the zeros."""
        check_rank(shapes[0], self.rank)
        pairs = as_borders("padding", self.padding, self.rank)
        longer = [n + sum(pair) for n, pair in zip(shapes[0], pairs, strict=False)]
        return (*longer, shapes[0][-1])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: zeros and a copy in their middle; the middle of the gradient back."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        a, da = channels_first(outputs.values), channels_first(outputs.gradient)
        pairs = as_borders("padding", self.padding, self.rank)
        middle = [
            slice(before, before + n)
            for n, (before, _) in zip(source.values.shape[1:], pairs, strict=False)
        ]
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, np.zeros((), a.dtype), out=a)
        forward.add(np.copyto, channels_first(source.values), out=a[ALL, *middle])
        if dx is not None:
            backward.add(np.copyto, da[ALL, *middle], out=channels_first(dx), tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class ZeroPadding1D(ZeroPadding2D):
    """Zeros before and after a sequence (``keras.layers.ZeroPadding1D``): ``(before, after)``."""

    kind: ClassVar[str] = "zero_padding1d"
    rank: ClassVar[int] = 1

    padding: Borders = ((1, 1),)


@dataclass(frozen=True)
class ZeroPadding3D(ZeroPadding2D):
    """Zeros around a volume (``keras.layers.ZeroPadding3D``)."""

    kind: ClassVar[str] = "zero_padding3d"
    rank: ClassVar[int] = 3

    padding: Borders = ((1, 1), (1, 1), (1, 1))


@dataclass(frozen=True)
class Cropping2D(Layer):
    """An image without its border (``keras.layers.Cropping2D``).

    Parameters
    ----------
    cropping
        How much goes on every side; or one number per axis for both of its sides; or ``((top,
        bottom), (left, right))``.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "cropping2d"
    rank: ClassVar[int] = 2

    cropping: Borders = ((0, 0), (0, 0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "cropping", as_borders("cropping", self.cropping, self.rank))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input, shorter by the border."""
        check_rank(shapes[0], self.rank)
        pairs = as_borders("cropping", self.cropping, self.rank)
        left = [n - sum(pair) for n, pair in zip(shapes[0], pairs, strict=False)]
        if min(left) < 1:
            raise ArchitectureError(
                f"cropping = {[list(pair) for pair in pairs]} leaves nothing of "
                f"{list(shapes[0][:-1])} positions; expected less"
            )
        return (*left, shapes[0][-1])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy of the middle, and back into the middle of zeros."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        pairs = as_borders("cropping", self.cropping, self.rank)
        middle = [
            slice(before, n - after)
            for n, (before, after) in zip(source.values.shape[1:], pairs, strict=False)
        ]
        forward, backward = Tape(), Tape()
        x = channels_first(source.values)
        forward.add(np.copyto, x[ALL, *middle], out=channels_first(outputs.values))
        if dx is not None:
            dx = channels_first(dx)
            da = channels_first(outputs.gradient)
            backward.add(np.copyto, np.zeros((), dx.dtype), out=dx)
            backward.add(np.copyto, da, out=dx[ALL, *middle], tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Cropping1D(Cropping2D):
    """A sequence without its ends (``keras.layers.Cropping1D``): ``(before, after)``."""

    kind: ClassVar[str] = "cropping1d"
    rank: ClassVar[int] = 1

    cropping: Borders = ((1, 1),)


@dataclass(frozen=True)
class Cropping3D(Cropping2D):
    """A volume without its border (``keras.layers.Cropping3D``)."""

    kind: ClassVar[str] = "cropping3d"
    rank: ClassVar[int] = 3

    cropping: Borders = ((1, 1), (1, 1), (1, 1))


@dataclass(frozen=True)
class UpSampling2D(Layer):
    """Every pixel of an image several times (``keras.layers.UpSampling2D``).

    That is Keras's interpolation ``"nearest"``; its others are not built here.

    Parameters
    ----------
    size
        How often, for all axes or one each.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "up_sampling2d"
    rank: ClassVar[int] = 2

    size: int | tuple[int, ...] = (2, 2)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_sizes("size", self.size, self.rank))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input, each axis of positions `size` times as long."""
        check_rank(shapes[0], self.rank)
        size = as_sizes("size", self.size, self.rank)
        return (*(n * times for n, times in zip(shapes[0], size, strict=False)), shapes[0][-1])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy to every repetition, and the sum of all their gradients."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        channels, *positions, samples = channels_first(source.values).shape
        size = as_sizes("size", self.size, self.rank)
        # In memory a repetition is an axis behind that of its positions.
        pairs = [n for pair in zip(positions, size, strict=True) for n in pair]
        once = [n for position in positions for n in (position, 1)]
        a, da = (
            matrix.reshape(channels, *pairs, samples)
            for matrix in (outputs.matrix, outputs.gradient_matrix)
        )
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, source.matrix.reshape(channels, *once, samples), out=a)
        if dx is not None:
            repetitions = tuple(range(2, 2 * self.rank + 1, 2))
            dx = channels_first(dx)
            backward.add(np.add.reduce, da, axis=repetitions, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class UpSampling1D(UpSampling2D):
    """Every step of a sequence several times (``keras.layers.UpSampling1D``)."""

    kind: ClassVar[str] = "up_sampling1d"
    rank: ClassVar[int] = 1

    size: int | tuple[int, ...] = (2,)


@dataclass(frozen=True)
class UpSampling3D(UpSampling2D):
    """Every point of a volume several times (``keras.layers.UpSampling3D``)."""

    kind: ClassVar[str] = "up_sampling3d"
    rank: ClassVar[int] = 3

    size: int | tuple[int, ...] = (2, 2, 2)


def as_borders(field: str, value: object, rank: int) -> tuple[tuple[int, int], ...]:
    """Return ``(before, after)`` for each axis.

    Parameters
    ----------
    field
        Of the layer, for the message.
    value
        A number for all sides; or for each axis a number or a pair. Along a single axis a pair
        of numbers is ``(before, after)``.
    rank
        Number of axes.

    Raises
    ------
    ArchitectureError
        If it is none of these.
    """
    entries: Any = (value,) * rank if isinstance(value, int) else value
    try:
        if rank == 1 and isinstance(entries, Sequence) and len(entries) == 2:
            entries = (entries,)
        if not isinstance(entries, Sequence) or len(entries) != rank:
            raise ArchitectureError(field)
        first, second = (
            as_sizes(field, [e if isinstance(e, int) else e[i] for e in entries], rank, lowest=0)
            for i in (0, 1)
        )
        if any(not isinstance(e, int) and len(e) != 2 for e in entries):
            raise ArchitectureError(field)
    except (ArchitectureError, TypeError, IndexError):
        raise ArchitectureError(
            f"{field} = {value!r}; expected an integer of at least 0, or for each axis one, or a "
            "pair of them"
        ) from None
    return tuple(zip(first, second, strict=True))
