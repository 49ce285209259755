"""The picture of cost against work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.bench.scaling import Growth, ScalingPoint
from experiments.report.style import COLOURS, STYLE

_LABELS = {"seconds": "seconds per epoch", "peak_bytes": "peak memory, bytes"}
_AXES = {
    "samples": "samples",
    "width": "width, units",
    "depth": "depth, hidden layers",
    "batch_size": "batch size, samples",
}


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
