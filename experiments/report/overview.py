"""What the trials show together: accuracy against accuracy, speed over size, the crossover map."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.report.summary import Summary
from experiments.runtime import figures

_BATCH_GROUPS = 7


def across_data(summaries: Sequence[Summary], folder: Path) -> dict[str, Any]:
    """Return the data of the charts across trials, and what they show in words.

    Parameters
    ----------
    summaries
        Of all trials.
    folder
        Of the run; a crossover map is looked for in it, and in ``bench`` beside it, where
        `experiments.bench` leaves it.
    """
    accuracies = [
        {
            "trial": summary.name,
            "scratchnet": summary.test_accuracy["scratchnet"],
            "keras": summary.test_accuracy["keras"],
        }
        for summary in summaries
        if summary.test_accuracy is not None
        and all(math.isfinite(value) for value in summary.test_accuracy.values())
    ]
    speeds = _speeds(summaries)
    crossover = _crossover(folder)
    return {
        "trials": accuracies,
        "speeds": speeds,
        "crossover": crossover,
        "alternatives": {
            "accuracies": _accuracies_in_words(accuracies),
            "speeds": _speeds_in_words(speeds),
            "crossover": _crossover_in_words(crossover),
        },
    }


def _speeds(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    timed = [summary for summary in summaries if summary.speed is not None]
    sizes = sorted({s.batch_size for s in timed}, key=_batch_order)
    # There are as many colours as readers can tell apart.
    groups = {size: size if i < _BATCH_GROUPS - 1 else "other" for i, size in enumerate(sizes)}
    rows = []
    for summary in timed:
        assert summary.speed is not None
        low, high = summary.speed.low, summary.speed.high
        known = math.isfinite(low) and math.isfinite(high)
        rows.append(
            {
                "trial": summary.name,
                "parameters": summary.parameters,
                "batch": groups[summary.batch_size],
                "batch_order": min(_batch_order(summary.batch_size), 1e9),
                "dtype": summary.dtype,
                "ratio": float(f"{summary.speed.ratio:.4g}"),
                "low": float(f"{low:.4g}") if known else float(f"{summary.speed.ratio:.4g}"),
                "high": float(f"{high:.4g}") if known else float(f"{summary.speed.ratio:.4g}"),
            }
        )
    return rows


def _batch_order(size: str) -> float:
    return float(size) if size.isdecimal() else math.inf


def _accuracies_in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "No accuracies."
    equal = sum(abs(row["scratchnet"] - row["keras"]) < 1e-6 for row in rows)
    gap = max(abs(row["scratchnet"] - row["keras"]) for row in rows)
    return (
        f"Scatter chart of {len(rows)} trials: test accuracy of scratchnet over that of Keras. "
        f"Equal in {equal}; the largest distance is {gap:.3f}."
    )


def _speeds_in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Nothing was timed."
    ratios = [row["ratio"] for row in rows]
    weights = [row["parameters"] for row in rows]
    return (
        "Scatter chart, log axes: how many times faster scratchnet is, "
        f"{figures.times(min(ratios))} to {figures.times(max(ratios))} times, over networks of "
        f"{min(weights):,} to "
        f"{max(weights):,} weights."
    )


def _crossover_in_words(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    points = [point for point in found["points"] if point["how"] == "measured"]
    fastest = max(points, key=lambda point: point["ratio"])
    slowest = min(points, key=lambda point: point["ratio"])

    def place(point: Mapping[str, Any]) -> str:
        return f"at width {point['width']:,} and batch size {point['batch']:,}"

    return (
        f"Map of {len(points)} measured points. scratchnet is "
        f"{figures.times(fastest['ratio'])} times as fast as the best Keras {place(fastest)}, "
        f"and {figures.times(slowest['ratio'])} times {place(slowest)}."
    )


def _crossover(folder: Path) -> dict[str, Any] | None:
    """Return cells and lines of the crossover map, None where there is none."""
    for path in (folder / "crossover.csv", folder.absolute().parent / "bench" / "crossover.csv"):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                measured = {
                    (math.log2(int(row["width"])), math.log2(int(row["batch_size"]))): math.log10(
                        float(row["speedup"])
                    )
                    for row in csv.DictReader(file)
                }
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if measured:
            return {"points": _cells(measured), "lines": _equal(measured)}
    return None


Measured = Mapping[tuple[float, float], float]
"""Logarithms: base 2 of width and batch size, base 10 of the speed ratio."""


def _cells(measured: Measured) -> list[dict[str, Any]]:
    """Return a cell for each power of two, measured or interpolated."""
    import matplotlib as mpl

    colours = mpl.colormaps["PuOr"]
    reach = max(1.0, *(abs(ratio) for ratio in measured.values()))
    (left, right), (bottom, top) = ((min(axis), max(axis)) for axis in zip(*measured, strict=True))
    widths, batches = np.arange(left, right + 1), np.arange(bottom, top + 1)
    plane = _interpolated(measured, widths, batches)
    between = {
        (float(x), float(y)): float(plane[row, column])
        for row, y in enumerate(batches)
        for column, x in enumerate(widths)
        if np.isfinite(plane[row, column])
    }
    cells = []
    for (x, y), ratio in (between | dict(measured)).items():
        red, green, blue, _ = (round(255 * v) for v in colours(0.5 + 0.5 * ratio / reach))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128
        known = (x, y) in measured
        cells.append(
            {
                "left": x - 0.5,
                "right": x + 0.5,
                "bottom": y - 0.5,
                "top": y + 0.5,
                "middle_x": x,
                "middle_y": y,
                "width": round(2**x),
                "batch": round(2**y),
                "ratio": float(f"{10**ratio:.4g}"),
                "how": "measured" if known else "interpolated",
                "label": figures.times(10**ratio) if known else "",
                "colour": f"rgb({red},{green},{blue})",
                "text_colour": "white" if dark else "black",
            }
        )
    return cells


def _equal(measured: Measured) -> list[dict[str, Any]]:
    """Return the line where both sides are equally fast, interpolated in logarithms."""
    import contourpy

    x, y = (np.linspace(min(axis), max(axis), 60) for axis in zip(*measured, strict=True))
    plane = np.ma.masked_invalid(_interpolated(measured, x, y))
    return [
        {"x": round(float(a), 3), "y": round(float(b), 3), "line": number, "order": order}
        for number, line in enumerate(contourpy.contour_generator(x, y, plane).lines(0.0))
        for order, (a, b) in enumerate(np.asarray(line))
    ]


def _interpolated(measured: Measured, x: Any, y: Any) -> Any:
    """Return the speed ratio's logarithm on a grid, ``(rows, columns)``; nan where unknown."""
    from scipy.interpolate import griddata
    from scipy.spatial import QhullError

    grid = tuple(np.meshgrid(x, y))
    try:
        return griddata(np.array(list(measured)), np.array(list(measured.values())), grid)
    except (QhullError, ValueError):
        # Too few points to span an area.
        return np.full(grid[0].shape, np.nan)
