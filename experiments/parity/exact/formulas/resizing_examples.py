"""Examples of padding, cropping and repetition of positions."""

from __future__ import annotations

from experiments.parity.exact.formulas.example import Example, classified
from scratchnet.layers import (
    Conv1D,
    Conv2D,
    Conv3D,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)

RESIZING_EXAMPLES: dict[str, tuple[Example, ...]] = {
    Cropping1D.kind: (
        classified("both ends", (6, 2), Conv1D(3, 2), Cropping1D(), Flatten()),
        classified("one end", (6, 2), Conv1D(3, 2), Cropping1D((0, 2)), Flatten()),
    ),
    Cropping2D.kind: (
        classified("axes", (6, 7, 1), Conv2D(2, 2), Cropping2D((1, 2)), Flatten()),
        classified("sides", (6, 7, 1), Conv2D(2, 2), Cropping2D(((0, 1), (2, 0))), Flatten()),
    ),
    Cropping3D.kind: (
        classified(
            "volumes", (4, 4, 4, 1), Conv3D(2, 2), Cropping3D(((1, 0), (0, 0), (0, 2))), Flatten()
        ),
    ),
    UpSampling1D.kind: (
        classified("sequences", (4, 2), Conv1D(2, 2), UpSampling1D(3), Conv1D(2, 2), Flatten()),
    ),
    UpSampling2D.kind: (
        classified("axes", (3, 4, 2), Conv2D(2, 2), UpSampling2D((2, 3)), Conv2D(2, 2), Flatten()),
    ),
    UpSampling3D.kind: (
        classified("volumes", (2, 3, 2, 1), Conv3D(2, 2), UpSampling3D((2, 3, 1)), Flatten()),
    ),
    ZeroPadding1D.kind: (
        classified("both ends", (5, 2), Conv1D(3, 2), ZeroPadding1D(2), Flatten()),
        classified("one end", (5, 2), ZeroPadding1D((2, 0)), Conv1D(3, 2), Flatten()),
    ),
    ZeroPadding2D.kind: (
        classified("axes", (3, 4, 2), Conv2D(2, 2), ZeroPadding2D((1, 2)), Flatten()),
        classified("sides", (3, 4, 2), Conv2D(2, 2), ZeroPadding2D(((0, 1), (2, 0))), Flatten()),
    ),
    ZeroPadding3D.kind: (
        classified("volumes", (2, 3, 2, 1), Conv3D(2, 2), ZeroPadding3D(), Flatten()),
    ),
}
"""By the layer's kind."""
