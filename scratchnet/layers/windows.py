"""Windows that slide over positions: what convolution and pooling have in common.

Along one axis, window ``o`` reads at its offset ``i`` the position ``o * stride + i * dilation -
before``; what lies outside the input is padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from scratchnet.errors import ArchitectureError, check_choice

Slices = tuple[slice, ...]

PADDINGS = ("valid", "same")
CAUSAL_PADDINGS = ("valid", "same", "causal")


@dataclass(frozen=True)
class Windows:
    """Windows along one axis.

    Parameters
    ----------
    positions
        Of the input.
    size
        Positions that a window reads.
    stride
        From one window to the next.
    dilation
        From one position that a window reads to the next.
    padding
        ``"valid"``: no padding. ``"same"``: as many windows as positions, divided by the stride
        and rounded up; an odd one of padding comes after. ``"causal"``: all of it comes before.
    """

    positions: int
    size: int
    stride: int = 1
    dilation: int = 1
    padding: str = "valid"

    @property
    def reach(self) -> int:
        """How many positions there are from the first that a window reads to the last."""
        return (self.size - 1) * self.dilation + 1

    @property
    def count(self) -> int:
        """Number of windows; 0 or less where none fits."""
        if self.padding == "same":
            return -(-self.positions // self.stride)
        before = self.before if self.padding == "causal" else 0
        return (self.positions + before - self.reach) // self.stride + 1

    @property
    def before(self) -> int:
        """Padding before the first position."""
        if self.padding == "causal":
            return self.reach - 1
        if self.padding == "same":
            total = (self.count - 1) * self.stride + self.reach - self.positions
            return max(total, 0) // 2
        return 0

    @property
    def reads_padding(self) -> bool:
        """Whether a window reaches beyond the input."""
        end = (self.count - 1) * self.stride + self.reach - self.before
        return self.before > 0 or end > self.positions

    @property
    def overlaps(self) -> bool:
        """Whether a position may be read by two windows."""
        return self.stride < self.reach

    @property
    def tiles(self) -> bool:
        """Whether every position is read by exactly one window."""
        return (
            self.stride == self.size
            and self.dilation == 1
            and not self.reads_padding
            and self.count * self.stride == self.positions
        )

    def start(self, offset: int) -> int:
        """Return the position that the first window reads at an offset; negative: padding."""
        return offset * self.dilation - self.before

    def inside(self, offset: int) -> tuple[slice, slice]:
        """Return the windows that read the input at an offset, and the positions they read."""
        start = self.start(offset)
        first = max(0, -(start // self.stride))
        last = min(self.count - 1, (self.positions - 1 - start) // self.stride)
        if last < first:
            return slice(0, 0), slice(0, 0)
        begin, end = first * self.stride + start, last * self.stride + start
        return slice(first, last + 1), slice(begin, end + 1, self.stride)


def offsets(windows: Sequence[Windows]) -> Iterator[tuple[tuple[int, ...], Slices, Slices]]:
    """Go over the offsets within windows of several axes, the last fastest.

    Yields
    ------
    tuple
        The offset; the windows that read the input there, and the positions that they read, a
        slice per axis each. Offsets at which every window reads padding are left out.
    """
    for offset in product(*(range(axis.size) for axis in windows)):
        pairs = [axis.inside(i) for axis, i in zip(windows, offset, strict=True)]
        if all(where.stop for where, _ in pairs):
            yield offset, tuple(where for where, _ in pairs), tuple(read for _, read in pairs)


def fit_windows(
    field: str,
    shape: tuple[int, ...],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...] | None = None,
) -> tuple[Windows, ...]:
    """Make the windows over inputs of a shape, ``(positions, ..., channels)``.

    Raises
    ------
    ArchitectureError
        If the shape has another rank, or no window fits; `field` names the windows' size.
    """
    check_rank(shape, len(size))
    made = tuple(
        Windows(positions, window, stride, step, padding)
        for positions, window, stride, step in zip(
            shape, size, strides, dilation or (1,) * len(size), strict=False
        )
    )
    if any(axis.count < 1 for axis in made):
        raise ArchitectureError(
            f"{field} = {list(size)} does not fit into {list(shape[:-1])} positions without "
            "padding; expected a smaller one, or padding = 'same'"
        )
    return made


def check_rank(shape: tuple[int, ...], rank: int) -> None:
    """Require inputs with so many axes of positions, and one of channels.

    Raises
    ------
    ArchitectureError
        If they have more or fewer.
    """
    if len(shape) != rank + 1:
        axes = {1: "(steps, channels)", 2: "(height, width, channels)"}
        expected = axes.get(rank, "(depth, height, width, channels)")
        raise ArchitectureError(f"input of shape {shape}; expected {expected}")


def as_sizes(field: str, value: object, rank: int, *, lowest: int = 1) -> tuple[int, ...]:
    """Return an integer per axis from one for all, or from one each.

    Raises
    ------
    ArchitectureError
        If the value is neither.
    """
    sizes = (value,) * rank if isinstance(value, int) else value
    if (
        not isinstance(sizes, Sequence)
        or len(sizes) != rank
        or any(isinstance(n, bool) or not isinstance(n, int) or n < lowest for n in sizes)
    ):
        each = f"an integer of at least {lowest}"
        per_axis = f", or a list of {rank}" if rank > 1 else ""
        raise ArchitectureError(f"{field} = {value!r}; expected {each}{per_axis}")
    return tuple(sizes)


def check_padding(value: object, choices: Sequence[str] = PADDINGS) -> None:
    """Require one of the paddings that a layer takes.

    Raises
    ------
    ArchitectureError
        If it is none.
    """
    check_choice("padding", value, choices)
