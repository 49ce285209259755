"""Decision boundaries: what both sides predict all over a plane, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from experiments.trials.data import TrialData
from scratchnet.types import Array

GRID = 80
"""Columns, and rows, of a plane."""


@dataclass(frozen=True)
class Boundary:
    """What both sides predict all over a plane, at several epochs.

    Attributes
    ----------
    first, second
        Coordinates of the grid's columns and rows, ``(columns,)`` and ``(rows,)``.
    epochs
        Numbers of epochs trained, ``(looks,)``.
    scratchnet, keras
        The last activation, float32 ``(looks, rows, columns, units)``.
    """

    first: Array
    second: Array
    epochs: Array
    scratchnet: Array
    keras: Array


@dataclass(frozen=True)
class Plane:
    """A grid over two-dimensional data.

    Attributes
    ----------
    first, second
        Coordinates of its columns and rows.
    """

    first: Array
    second: Array

    @property
    def points(self) -> Array:
        """All its points, ``(rows * columns, 2)``."""
        columns, rows = np.meshgrid(self.first, self.second)
        return np.stack([columns.ravel(), rows.ravel()], axis=1)

    def stack(self, planes: Mapping[int, Array]) -> Array:
        """Return predictions at all points as ``(looks, rows, columns, units)``, float32."""
        shape = (len(self.second), len(self.first), -1)
        return np.stack([plane.reshape(shape).astype(np.float32) for plane in planes.values()])


def plane_over(data: TrialData) -> Plane:
    """Return a grid that covers training and test data, with a margin."""
    both = np.concatenate([data.x_train, data.x_test])
    low, high = both.min(axis=0), both.max(axis=0)
    margin = 0.05 * (high - low)
    axes = [np.linspace(low[i] - margin[i], high[i] + margin[i], GRID) for i in range(2)]
    return Plane(axes[0], axes[1])
