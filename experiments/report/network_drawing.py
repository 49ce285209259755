"""The architecture drawn as inline SVG: data flows from the top to the bottom."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup, escape

from scratchnet.architecture import Architecture
from scratchnet.layers import Dense

_WIDTH = 360
_ROW = 54
_DOTS = 12
"""A wider layer shows so many units, and dots for the rest."""
_LABEL = 168
"""Where the units begin; the words stand left of it."""


@dataclass(frozen=True)
class _Row:
    title: str
    details: str
    units: int
    connected: bool


def draw_architecture(architecture: Architecture) -> Markup:
    """Return an SVG: a row for the inputs and for each layer, with its units and weights."""
    # A grid of trials has few architectures.
    return _drawn(json.dumps(architecture.to_dict(), sort_keys=True))


@lru_cache(maxsize=64)
def _drawn(table: str) -> Markup:
    architecture = Architecture.from_dict(json.loads(table))
    rows = _rows(architecture)
    height = _ROW * len(rows) + 8
    parts = [
        Markup('<svg class="architecture" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            _WIDTH, height, describe(architecture)
        )
    ]
    for number, row in enumerate(rows):
        y = 8 + _ROW * number
        middle = y + 18
        if number:
            parts += _edges(rows[number - 1], row, middle - _ROW, middle)
        parts.append(Markup('<text x="0" y="{}" class="name">{}</text>').format(y + 14, row.title))
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(y + 30, row.details))
        parts += _units(row, middle)
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def describe(architecture: Architecture) -> str:
    """Return the drawing in words."""
    rows = _rows(architecture)
    said = [f"{row.title}: {row.details}" for row in rows]
    return f"Network of {len(rows) - 1} layers, from the top: " + "; ".join(said) + "."


def _rows(architecture: Architecture) -> list[_Row]:
    shapes = architecture.shapes()
    rows = [_Row("inputs", _shape(architecture.input_shape), math.prod(shapes[0]), False)]
    weights = architecture.weight_shapes()
    for layer, shape in zip(architecture.layers, shapes[1:], strict=True):
        own = sum(
            math.prod(size) for name, size in weights.items() if name.startswith(f"{layer.name}/")
        )
        what = layer.activation if isinstance(layer, Dense) else layer.kind.replace("_", " ")
        counted = f"{own:,} weights" if own else "no weights"
        rows.append(
            _Row(
                f"{layer.name} · {what}",
                f"{_shape(shape)}, {counted}",
                math.prod(shape),
                isinstance(layer, Dense),
            )
        )
    return rows


def _shape(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{shape[0]:,} unit{'' if shape[0] == 1 else 's'}"
    return " by ".join(map(str, shape))


def _positions(units: int) -> list[float]:
    shown = min(units, _DOTS)
    step = min(22.0, (_WIDTH - _LABEL - 8) / max(shown, 1))
    middle = (_LABEL + _WIDTH) / 2
    return [middle + (index - (shown - 1) / 2) * step for index in range(shown)]


def _edges(above: _Row, below: _Row, top: float, bottom: float) -> list[Markup]:
    sources, targets = _positions(above.units), _positions(below.units)
    if below.connected:
        pairs = [(a, b) for a in sources for b in targets]
    else:
        pairs = list(zip(sources, targets, strict=False))
    path = "".join(f"M{a:.0f} {top + 6:.0f}L{b:.0f} {bottom - 6:.0f}" for a, b in pairs)
    return [Markup('<path class="edges" d="{}"/>').format(path)]


def _units(row: _Row, y: float) -> list[Markup]:
    positions = _positions(row.units)
    circles = [Markup('<circle cx="{:.0f}" cy="{:.0f}" r="5"/>').format(x, y) for x in positions]
    if row.units > _DOTS:
        circles[-2] = Markup('<text class="more" x="{:.0f}" y="{:.0f}">{}</text>').format(
            positions[-2], y + 4, escape("…")
        )
    return circles
