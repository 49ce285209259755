"""Decision boundaries as small pictures and lines."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from experiments.trials.boundary import Boundary
from experiments.trials.turns import IMPLEMENTATIONS
from scratchnet.types import Array

# Brown and teal, which colour-blind readers can tell apart; then Okabe and Ito's.
CLASS_COLOURS = (
    "#8c510a",
    "#01665e",
    "#cc79a7",
    "#56b4e9",
    "#b8a800",
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#7a7a7a",
    "#000000",
)
APART_COLOUR = "#d55e00"
"""Where the two sides predict different classes."""

LOWEST = -17.0
"""Differences from 1e-17 to 1 have colours of their own."""


@dataclass(frozen=True)
class Look:
    """Both sides' predictions all over the plane, after some epochs.

    Attributes
    ----------
    epoch
        Number of epochs trained.
    classes
        By side: the predicted class, integers ``(rows, columns)``.
    confidence
        By side: from 0 (undecided) to 1, ``(rows, columns)``.
    margins
        By side: what is 0 on the boundaries, ``(boundaries, rows, columns)``.
    difference
        Largest difference of a prediction, ``(rows, columns)``.
    """

    epoch: int
    classes: dict[str, Array]
    confidence: dict[str, Array]
    margins: dict[str, Array]
    difference: Array

    @property
    def apart(self) -> Array:
        """Where the predicted classes differ, bool ``(rows, columns)``."""
        first, second = self.classes.values()
        return np.asarray(first != second)


def looks(boundary: Boundary, most: int | None = None) -> list[Look]:
    """Return what there is to draw, epoch by epoch; of too many the last and some before it."""
    indices = np.arange(len(boundary.epochs))
    if most is not None and len(indices) > most:
        indices = np.unique(np.linspace(0, len(indices) - 1, most).round().astype(int))
    return [_look(boundary, int(index)) for index in indices]


def _look(boundary: Boundary, index: int) -> Look:
    values = {side: getattr(boundary, side)[index] for side in IMPLEMENTATIONS}
    classes, confidence, margins = {}, {}, {}
    for side, plane in values.items():
        units = plane.shape[-1]
        if units == 1:
            probability = np.nan_to_num(plane[:, :, 0], nan=0.5)
            classes[side] = (probability > 0.5).astype(int)
            confidence[side] = np.clip(np.abs(2 * probability - 1), 0, 1)
            margins[side] = (probability - 0.5)[None]
            continue
        plane = np.nan_to_num(plane)
        ranked = np.sort(plane, axis=-1)
        classes[side] = plane.argmax(axis=-1)
        confidence[side] = np.clip(ranked[..., -1] - ranked[..., -2], 0, 1)
        # Of each class: how far it is above the best of the others.
        best, second = ranked[..., -1:], ranked[..., -2:-1]
        margins[side] = np.moveaxis(plane - np.where(plane == best, second, best), -1, 0)
    first, twin = values.values()
    with np.errstate(all="ignore"):
        gap = np.abs(first.astype(float) - twin.astype(float)).max(axis=-1)
    return Look(int(boundary.epochs[index]), classes, confidence, margins, np.nan_to_num(gap))


def prediction_image(look: Look, side: str) -> str:
    """Return a data address: a colour for each class, paler where the network is undecided."""
    levels = 25
    indices = np.minimum(look.classes[side], len(CLASS_COLOURS) - 1) * levels + np.round(
        look.confidence[side] * (levels - 1)
    ).astype(int)
    return _png(indices, _tints(levels))


def difference_image(look: Look) -> str:
    """Return a data address: the logarithm of the difference, and where the classes differ."""
    return _png(_difference_indices(look), difference_palette())


def difference_colours(look: Look) -> Array:
    """Return the same picture as `difference_image` as floats ``(rows, columns, 3)``."""
    return np.asarray(difference_palette()[_difference_indices(look)])


def _difference_indices(look: Look) -> Array:
    with np.errstate(divide="ignore"):
        logarithm = np.log10(look.difference)
    share = np.clip((logarithm - LOWEST) / -LOWEST, 0, 1)
    indices = np.where(look.difference > 0, 1 + np.round(share * 253), 0).astype(int)
    return np.where(look.apart, 255, indices)


@cache
def difference_palette() -> Array:
    """Return 256 colours: none, from small to large (cividis), and the classes' difference."""
    import matplotlib as mpl

    scale = mpl.colormaps["cividis"](np.linspace(0, 1, 254))[:, :3]
    return np.vstack([np.zeros(3), scale, _rgb(APART_COLOUR)])


def prediction_colours(look: Look, side: str) -> Array:
    """Return the same picture as `prediction_image` as floats ``(rows, columns, 3)``."""
    colours = np.array([_rgb(colour) for colour in CLASS_COLOURS])
    chosen = colours[np.minimum(look.classes[side], len(CLASS_COLOURS) - 1)]
    return _mixed(chosen, look.confidence[side][..., None])


def boundary_lines(boundary: Boundary, look: Look, side: str) -> list[list[list[float]]]:
    """Return where one side's predicted class changes, as lines of ``[x, y]``."""
    import contourpy

    lines = []
    for margin in look.margins[side]:
        if not margin.min() < 0 < margin.max():
            continue
        found = contourpy.contour_generator(boundary.first, boundary.second, margin).lines(0.0)
        lines += [_thinned(np.asarray(line)) for line in found]
    return lines


def _thinned(line: Array, most: int = 120) -> list[list[float]]:
    step = -(-len(line) // most)
    kept = line[::step]
    if step > 1 and (len(line) - 1) % step:
        kept = np.vstack([kept, line[-1]])
    return [[round(float(x), 3), round(float(y), 3)] for x, y in kept]


@cache
def _tints(levels: int) -> Array:
    shares = np.linspace(0, 1, levels)[:, None]
    return np.vstack([_mixed(_rgb(colour), shares) for colour in CLASS_COLOURS])


def _mixed(colour: Array, confidence: Array) -> Array:
    """Return a colour in white: a quarter of it where undecided is none, most where certain."""
    strength = 0.08 + 0.52 * confidence
    return np.asarray(1 - strength * (1 - colour))


def _rgb(colour: str) -> Array:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _png(indices: Array, palette: Array) -> str:
    from PIL import Image

    # The first row of a picture is at its top, that of a grid at its bottom.
    picture = Image.fromarray(np.ascontiguousarray(indices[::-1]).astype(np.uint8))
    picture.putpalette((palette * 255).round().astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, "png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def extent(boundary: Boundary) -> Sequence[float]:
    """Return left, right, bottom, top of the plane."""
    ends = (boundary.first[0], boundary.first[-1], boundary.second[0], boundary.second[-1])
    return [float(f"{end:.4g}") for end in ends]
