"""What the trials show together: accuracy against accuracy, speed over size, the crossover map."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.report import words
from experiments.report.summary import Summary

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
        f"Scatter chart, log axes: how many times faster scratchnet is, {words.times(min(ratios))} "
        f"to {words.times(max(ratios))} times, over networks of {min(weights):,} to "
        f"{max(weights):,} weights."
    )


def _crossover_in_words(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    points = found["points"]
    fastest = max(points, key=lambda point: point["ratio"])
    slowest = min(points, key=lambda point: point["ratio"])

    def place(point: Mapping[str, Any]) -> str:
        return f"at width {point['width']:,} and batch size {point['batch']:,}"

    return (
        f"Map of {len(points)} measured points. scratchnet is "
        f"{words.times(fastest['ratio'])} times as fast as the best Keras {place(fastest)}, and "
        f"{words.times(slowest['ratio'])} times {place(slowest)}."
    )


def _crossover(folder: Path) -> dict[str, Any] | None:
    """Return cells and lines of the crossover map, None where there is none."""
    for path in (folder / "crossover.csv", folder.absolute().parent / "bench" / "crossover.csv"):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                measured = [
                    (int(row["width"]), int(row["batch_size"]), float(row["speedup"]))
                    for row in csv.DictReader(file)
                ]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if measured:
            return {"points": _cells(measured), "lines": _equal(measured)}
    return None


def _cells(measured: Sequence[tuple[int, int, float]]) -> list[dict[str, Any]]:
    import matplotlib as mpl

    colours = mpl.colormaps["PuOr"]
    reach = max(1.0, *(abs(math.log10(ratio)) for *_, ratio in measured))
    cells = []
    for width, batch, ratio in measured:
        x, y, tone = math.log2(width), math.log2(batch), math.log10(ratio) / reach
        red, green, blue, _ = (round(255 * value) for value in colours(0.5 + 0.5 * tone))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128
        cells.append(
            {
                "left": x - 0.5,
                "right": x + 0.5,
                "bottom": y - 0.5,
                "top": y + 0.5,
                "middle_x": x,
                "middle_y": y,
                "width": width,
                "batch": batch,
                "ratio": float(f"{ratio:.4g}"),
                "label": words.times(ratio),
                "colour": f"rgb({red},{green},{blue})",
                "text_colour": "white" if dark else "black",
            }
        )
    return cells


def _equal(measured: Sequence[tuple[int, int, float]]) -> list[dict[str, Any]]:
    """Return the line where both sides are equally fast, interpolated in logarithms."""
    import contourpy
    from scipy.interpolate import griddata
    from scipy.spatial import QhullError

    where = np.log2([[width, batch] for width, batch, _ in measured])
    x, y = (np.linspace(axis.min(), axis.max(), 60) for axis in where.T)
    try:
        plane = griddata(
            where, np.log10([ratio for *_, ratio in measured]), tuple(np.meshgrid(x, y))
        )
    except (QhullError, ValueError):
        # Too few points to span an area.
        return []
    masked = np.ma.masked_invalid(plane)
    return [
        {"x": round(float(a), 3), "y": round(float(b), 3), "line": number, "order": order}
        for number, line in enumerate(contourpy.contour_generator(x, y, masked).lines(0.0))
        for order, (a, b) in enumerate(np.asarray(line))
    ]
