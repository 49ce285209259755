"""The pictures of the bench: the crossover map, and cost against work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from experiments.bench.crossover import BATCHES, WIDTHS, MapPoint
from experiments.bench.scaling import Growth, ScalingPoint
from experiments.report.style import COLOURS, STYLE

_LABELS = {"seconds": "seconds per epoch", "peak_bytes": "peak memory, bytes"}
_AXES = {
    "samples": "samples",
    "width": "width, units",
    "depth": "depth, hidden layers",
    "batch_size": "batch size, samples",
}


def draw_map(points: Sequence[MapPoint], path: Path) -> None:
    """Draw speed over width and batch size, with the line where both sides are equal.

    Parameters
    ----------
    points
        At least one. Between them the colour is interpolated, linearly in all three logarithms.
    path
        Of the PNG.
    """
    widths, batches = np.array(WIDTHS, float), np.array(BATCHES, float)
    speed = _interpolated(points, widths, batches)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 5.5), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(False)
        reach = max(1.0, float(np.nanmax(np.abs(speed))))
        # Orange and purple, which colour-blind readers can tell apart.
        mesh = axes.pcolormesh(
            widths,
            batches,
            speed.T,
            cmap="PuOr",
            norm=TwoSlopeNorm(0.0, -reach, reach),
            shading="nearest",
        )
        if np.nanmin(speed) < 0 < np.nanmax(speed):
            axes.contour(widths, batches, speed.T, levels=[0.0], colors="black", linewidths=2)
        for point in points:
            where = (np.log2(point.width), np.log2(point.batch_size))
            value = np.log10(point.speedup)
            dark = abs(value) > 0.7 * reach
            text = axes.annotate(
                f"{point.speedup:.2g}",
                where,
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
            # A rim in the colour of the ground keeps the number readable on the line.
            if not dark:
                text.set_path_effects([withStroke(linewidth=3, foreground="white")])
        axes.set_xticks(widths, [str(2 ** int(w)) for w in widths])
        axes.set_yticks(batches, [str(2 ** int(b)) for b in batches])
        axes.set_xlabel("width of the network: inputs and units of each hidden layer")
        axes.set_ylabel("batch size, samples")
        axes.set_title(
            "How many times faster scratchnet is than the best Keras (numbers: measured;\n"
            "colour: interpolated; black line: equally fast)"
        )
        bar = figure.colorbar(mesh, ax=axes, label="times faster")
        ticks = np.arange(-np.floor(reach), np.floor(reach) + 1)
        bar.set_ticks(list(ticks), labels=[f"{10.0**tick:g}" for tick in ticks])
        figure.savefig(path)


def _interpolated(
    points: Sequence[MapPoint], widths: np.ndarray, batches: np.ndarray
) -> np.ndarray:
    """Return log10 of the speedup on the whole grid, (widths, batches); nan outside the points."""
    from scipy.interpolate import griddata
    from scipy.spatial import QhullError

    where = np.array([(np.log2(p.width), np.log2(p.batch_size)) for p in points])
    values = np.log10([p.speedup for p in points])
    grid = tuple(np.meshgrid(widths, batches, indexing="ij"))
    nearest = griddata(where, values, grid, method="nearest")
    try:
        linear = griddata(where, values, grid, method="linear")
    except (QhullError, ValueError):
        # Too few points to span an area.
        return np.asarray(nearest)
    return np.asarray(np.where(np.isnan(linear), nearest, linear))


def draw_scaling(points: Sequence[ScalingPoint], growth: Sequence[Growth], path: Path) -> None:
    """Draw time and memory over each quantity, on log axes, with the fitted exponents."""
    axes_names = list(dict.fromkeys(point.axis for point in points))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.0 * len(axes_names), 5.5), layout="constrained")
        grid = figure.subplots(2, len(axes_names), squeeze=False, sharey="row")
        for row, (cost, label) in enumerate(_LABELS.items()):
            grid[row, 0].set_ylabel(label)
            for column, axis in enumerate(axes_names):
                chosen = [point for point in points if point.axis == axis]
                fits = [g for g in growth if (g.axis, g.cost) == (axis, cost)]
                panel = grid[row, column]
                panel.loglog(
                    [point.value for point in chosen],
                    [getattr(point, cost) for point in chosen],
                    "o-",
                    color=COLOURS["scratchnet"],
                )
                for fit in fits:
                    panel.set_title(f"grows as {axis.replace('_', ' ')}$^{{{fit.exponent:.2f}}}$")
                panel.set_xlabel(_AXES[axis])
                panel.set_xticks([point.value for point in chosen])
                panel.xaxis.set_major_formatter("{x:g}")
                panel.xaxis.set_minor_locator(NullLocator())
        figure.savefig(path)
