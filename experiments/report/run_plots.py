"""The pictures that show all trials of a run together: seconds per epoch, and both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.style import COLOURS, add_caption
from experiments.report.summary import SIDES, Summary
from experiments.trials.turns import EpochSeconds


def draw_seconds(measured: Mapping[str, Sequence[EpochSeconds]]) -> Figure:
    """Draw every measured epoch of every trial, with medians, on a log axis.

    Parameters
    ----------
    measured
        Timings by trial.
    """
    height = 1.6 + 0.42 * len(measured)
    figure = Figure(figsize=(9.6, height))
    axes = figure.subplots()
    longest = max(len(name) for name in measured)
    figure.subplots_adjust(
        left=min(0.4, 0.03 + 0.0085 * longest),
        right=0.98,
        top=1 - 0.6 / height,
        bottom=0.85 / height,
    )
    axes.set_xscale("log")
    random = np.random.default_rng(0)
    for row, rows in enumerate(measured.values()):
        for side, shift in (("scratchnet", -0.17), ("keras", 0.17)):
            seconds = np.array([one.seconds for one in rows if one.implementation == side])
            if not len(seconds):
                continue
            axes.plot(
                seconds * 1e3,
                row + shift + random.uniform(-0.1, 0.1, len(seconds)),
                ".",
                color=COLOURS[side],
                markersize=3,
                alpha=0.5,
                label=f"{SIDES[side]}, one epoch" if row == 0 else None,
            )
            median = float(np.median(seconds)) * 1e3
            axes.plot([median] * 2, [row + shift - 0.17, row + shift + 0.17], color="black")
    axes.plot([], [], color="black", label="median")
    axes.set_yticks(range(len(measured)), list(measured))
    axes.set_ylim(len(measured) - 0.4, -0.6)
    axes.set(xlabel="milliseconds per epoch (log scale)")
    figure.legend(loc="upper right", ncols=3, bbox_to_anchor=(0.985, 1.0))
    add_caption(figure, "Every dot is a measured epoch; farther left is faster.")
    return figure


def draw_across(summaries: Sequence[Summary]) -> Figure:
    """Draw accuracy against accuracy, and speed over the size of the network."""
    figure = Figure(figsize=(9.6, 4.6))
    accuracy, speed = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.9, bottom=0.2, wspace=0.25)
    pairs = [summary.test_accuracy for summary in summaries if summary.test_accuracy is not None]
    accuracy.axline((0.5, 0.5), slope=1, color="#888888", linewidth=1)
    accuracy.plot(
        [pair["keras"] for pair in pairs],
        [pair["scratchnet"] for pair in pairs],
        "o",
        color=COLOURS["scratchnet"],
        alpha=0.6,
    )
    accuracy.set(title="test accuracy (share of samples)", xlabel="Keras", ylabel="scratchnet")
    _draw_speeds(speed, [summary for summary in summaries if summary.speed is not None])
    add_caption(
        figure,
        "Left: a dot is a trial; on the line both sides are equal. Right: with 95 % intervals over "
        "the repeats; above the dashed line scratchnet is faster.",
    )
    return figure


def _draw_speeds(axes: Axes, timed: Sequence[Summary]) -> None:
    axes.set(title="times faster per epoch", xlabel="weights of the network")
    if not timed:
        axes.text(0.5, 0.5, "nothing was timed", ha="center", transform=axes.transAxes)
        return
    for summary in timed:
        assert summary.speed is not None
        found = summary.speed
        marker = "o" if summary.dtype == "float32" else "s"
        colour = COLOURS["scratchnet" if summary.batch_size == "full" else "keras"]
        if np.isfinite([found.low, found.high]).all():
            axes.plot([summary.parameters] * 2, [found.low, found.high], color=colour, lw=1)
        axes.plot(summary.parameters, found.ratio, marker, color=colour, alpha=0.8)
    for batch, colour in (("full batch", "scratchnet"), ("mini-batches", "keras")):
        for dtype, marker in (("float32", "o"), ("float64", "s")):
            axes.plot([], [], marker, color=COLOURS[colour], label=f"{batch}, {dtype}")
    axes.axhline(1, color="black", linestyle="--", linewidth=1)
    axes.set(xscale="log", yscale="log")
    low, high = axes.get_ylim()
    # The legend stands above all marks.
    axes.set_ylim(min(low, 0.7), high * (max(high, 2) / min(low, 0.7)) ** 0.3)
    axes.legend(loc="upper left", ncols=2)
