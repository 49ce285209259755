"""How somebody's code takes samples and targets: in rows, in columns, or one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user.weights import Values

if TYPE_CHECKING:
    from scratchnet.types import Array


@dataclass(frozen=True)
class Start:
    """Where a step starts, as Keras has it.

    Attributes
    ----------
    weights
        By layer.
    x, y
        ``(samples, features)`` and ``(samples, units)``; classes are one-hot.
    rate
        Learning rate.
    """

    weights: tuple[Values, ...]
    x: Array
    y: Array
    rate: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths from input to output."""
        return (self.x.shape[1], *(layer.kernel.shape[1] for layer in self.weights))


@dataclass(frozen=True)
class Layout:
    """How samples and targets are handed over.

    Attributes
    ----------
    samples
        ``rows``, ``columns``, or ``vector``: one sample of one axis.
    targets
        ``like`` the samples; ``flat``, for one output; ``classes``, as numbers along one axis;
        ``class row`` and ``class column``.
    one
        Whether it takes one sample at a time.
    """

    samples: str = "rows"
    targets: str = "like"
    one: bool = False

    @property
    def by_class(self) -> bool:
        """Whether targets are class numbers."""
        return self.targets.startswith("class")

    @property
    def spoken(self) -> str:
        """For people."""
        samples = {
            "rows": "samples in rows",
            "columns": "samples in columns",
            "vector": "one sample at a time, as a flat array",
        }[self.samples]
        if self.one and self.samples != "vector":
            samples = f"one sample at a time, as a {self.samples.removesuffix('s')}"
        targets = ", targets as class numbers" if self.by_class else ""
        return samples + targets

    def x(self, x: Array) -> Array:
        """Return samples as the code takes them, a fresh array."""
        if self.samples == "vector":
            return np.array(x[0])
        return np.array(x.T if self.samples == "columns" else x, order="C")

    def y(self, y: Array) -> Any:
        """Return targets as the code takes them, a fresh array."""
        if self.by_class:
            classes = np.argmax(y, axis=1) if y.shape[1] > 1 else y[:, 0].astype(np.int64)
            shapes = {"classes": (-1,), "class row": (1, -1), "class column": (-1, 1)}
            if self.samples == "vector":
                return int(classes[0])
            return classes.reshape(shapes[self.targets])
        if self.samples == "vector":
            return np.array(y[0]) if self.targets == "like" else y.dtype.type(y[0, 0])
        if self.targets == "flat":
            return np.array(y[:, 0])
        return np.array(y.T if self.samples == "columns" else y, order="C")


def layouts(units: int) -> Sequence[Layout]:
    """Return the layouts to try for a network of so many outputs, the commonest first."""
    found = [Layout("rows", "like"), Layout("columns", "like")]
    if units > 1:
        found += [
            Layout("rows", "classes"),
            Layout("columns", "classes"),
            Layout("columns", "class row"),
            Layout("rows", "class column"),
        ]
    else:
        found += [Layout("rows", "flat"), Layout("columns", "flat")]
    found += [Layout("vector", "like", one=True)]
    if units > 1:
        found += [Layout("vector", "classes", one=True)]
    else:
        found += [Layout("vector", "flat", one=True)]
    found += [Layout(k.samples, k.targets, one=True) for k in found if not k.one]
    return found
