"""The pictures of one trial: its curves, its decision boundaries, its gradients' agreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.report.boundaries import (
    CLASS_COLOURS,
    difference_colours,
    looks,
    prediction_colours,
)
from experiments.report.curves import loss_difference
from experiments.report.style import COLOURS, add_title
from experiments.report.summary import SIDES
from experiments.report.trial_section import agreement, held_out, loss_unit
from experiments.trials.boundary import Boundary
from experiments.trials.tables import VERDICTS
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS
from scratchnet.types import Array


def draw_curves(result: TrialResult) -> Figure:
    """Draw both sides' loss and accuracy, and below the loss its difference on a log axis."""
    figure = Figure(figsize=(9.6, 5.2))
    grid = figure.add_gridspec(
        2, 2, height_ratios=(3, 2), left=0.09, right=0.98, top=0.85, bottom=0.16, wspace=0.2
    )
    loss = figure.add_subplot(grid[0, 0])
    difference = figure.add_subplot(grid[1, 0], sharex=loss)
    accuracy = figure.add_subplot(grid[:, 1])
    epochs = np.arange(1, len(result.scratchnet.loss) + 1)
    for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
        for side in reversed(IMPLEMENTATIONS):
            history = getattr(result, side)
            # Keras is broad and lies below, so that scratchnet does not hide it.
            width = {"scratchnet": 1.2, "keras": 4.0}[side]
            for part, line in (("", "-"), ("val_", "--")):
                values = getattr(history, part + column)
                label = f"{SIDES[side]}, {'test' if part else 'training'}"
                axes.plot(
                    epochs[: len(values)],
                    values,
                    line,
                    color=COLOURS[side],
                    linewidth=width,
                    label=label,
                )
    unit = loss_unit(result.trial)
    loss.set_ylabel(f"loss ({unit})")
    loss.tick_params(labelbottom=False)
    accuracy.set(ylabel="accuracy (share of samples)", xlabel="epoch")
    handles, labels = loss.get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncols=4, bbox_to_anchor=(0.985, 0.93))
    _draw_difference(difference, result, unit)
    add_title(
        figure,
        result.trial,
        "Where the narrow lines lie on the broad ones, both sides learn the same. Below the loss: "
        "its difference, which is rounding or chaos as long as it stays in the grey area.",
    )
    return figure


def _draw_difference(axes: Axes, result: TrialResult, unit: str) -> None:
    gap = loss_difference(result)
    width = result.envelope.get("loss_width")
    epochs = np.arange(1, len(gap) + 1)
    axes.set(xlabel="epoch", ylabel=f"|difference| ({unit})")
    shown = np.concatenate([_positive(values) for values in (gap, width) if values is not None])
    if not np.any(np.isfinite(shown)):
        axes.set_ylim(-1, 1)
        axes.set_yticks([0])
        said = "no numbers in the same epochs" if gap.any() else "none: the curves are identical"
        axes.text(0.5, 0.6, said, ha="center", transform=axes.transAxes)
        return
    axes.set_yscale("log")
    lowest, highest = np.nanmin(shown) / 3, 3 * np.nanmax(shown)
    # The upper third is the legend's.
    axes.set_ylim(lowest, highest * (highest / lowest) ** 0.4)
    if width is not None:
        bottom = np.full(len(epochs), lowest)
        axes.fill_between(
            epochs,
            bottom,
            _positive(width[: len(gap)]),
            color="#c9cfd5",
            linewidth=0,
            label="rounding may reach so far",
        )
    # Points, because epochs of equal losses leave gaps that would hide a lone difference.
    axes.plot(epochs, _positive(gap), ".", color="#222222", markersize=2, label="of training loss")
    axes.legend(loc="upper left", ncols=2)


def _positive(values: Array) -> Array:
    """Leave out what a log axis cannot show."""
    with np.errstate(invalid="ignore"):
        return np.where((values > 0) & np.isfinite(values), values, np.nan)


def draw_boundaries(result: TrialResult) -> Figure:
    """Draw both sides' predictions all over the plane and their difference, epoch by epoch."""
    trial, boundary = result.trial, result.boundary
    assert boundary is not None
    found = looks(boundary)
    figure = Figure(figsize=(max(2.3 * len(found) + 0.8, 6.4), 7.6))
    panels = figure.subplots(3, len(found), squeeze=False)
    figure.subplots_adjust(left=0.09, right=0.98, top=0.9, bottom=0.13, wspace=0.06, hspace=0.06)
    points, labels = held_out(trial)
    colours = np.array(CLASS_COLOURS)[np.minimum(labels, len(CLASS_COLOURS) - 1)]
    for column, look in enumerate(found):
        for row, side in enumerate(IMPLEMENTATIONS):
            axes: Axes = panels[row, column]
            _image(axes, boundary, prediction_colours(look, side))
            _lines(axes, boundary, look.margins[side], "black", "-")
            axes.scatter(
                points[:, 0], points[:, 1], c=colours, s=9, edgecolors="white", linewidths=0.4
            )
        axes = panels[2, column]
        _image(axes, boundary, difference_colours(look))
        _lines(axes, boundary, look.margins["keras"], "white", "-")
        _lines(axes, boundary, look.margins["scratchnet"], "#ff9d5c", "--")
        panels[0, column].set_title(f"epoch {look.epoch:,}")
        axes.set_xlabel("$x_1$")
    for row, name in enumerate((*SIDES.values(), "difference")):
        panels[row, 0].set_ylabel(f"{name}\n$x_2$")
    # Inner axes repeat the outer ones, and take most of the time to draw.
    for axes in panels[:-1].flat:
        axes.xaxis.set_visible(False)
    for axes in panels[:, 1:].flat:
        axes.yaxis.set_visible(False)
    add_title(
        figure,
        trial,
        "Colour: the predicted class, pale where undecided; dots: held-out samples. Below: the "
        "difference from 1e-17 (blue) to 1 (yellow), none where black, "
        "vermilion where the classes differ, with both boundaries.",
    )
    return figure


def _image(axes: Axes, boundary: Boundary, colours: Array) -> None:
    ends = (boundary.first[0], boundary.first[-1], boundary.second[0], boundary.second[-1])
    axes.imshow(colours, extent=ends, origin="lower", aspect="auto", interpolation="nearest")
    # What comes on top leaves the limits alone, which are the same in every panel.
    axes.autoscale(enable=False)
    axes.grid(visible=False)


def _lines(axes: Axes, boundary: Boundary, margins: Array, colour: str, style: str) -> None:
    for margin in margins:
        if margin.min() < 0 < margin.max():
            axes.contour(
                boundary.first,
                boundary.second,
                margin,
                [0.0],
                colors=colour,
                linewidths=1,
                linestyles=style,
            )


def draw_agreement(result: TrialResult) -> Figure:
    """Draw the map of gradient agreement: tensors over steps, as a share of the bound."""
    modes = agreement(result.parity)["modes"]
    titles = {"layer": "each operation alone", "step": "the whole step"}
    kept = {
        mode: [row for row in found["rows"] if row["tensor"].endswith("gradient")] or found["rows"]
        for mode, found in modes.items()
    }
    most = max(len(rows) for rows in kept.values())
    height = 0.17 * most + 2.1
    figure = Figure(figsize=(9.6, height))
    panels = figure.subplots(1, len(modes), squeeze=False)[0]
    figure.subplots_adjust(
        left=0.2, right=0.83, top=1 - 0.75 / height, bottom=1.05 / height, wspace=0.06
    )
    for axes, (mode, found) in zip(panels, modes.items(), strict=True):
        rows = kept[mode]
        shares = np.array([[np.nan if s is None else s for s in row["share"]] for row in rows])
        axes.imshow(_tones(shares), cmap=_HEAT, vmin=-0.5, vmax=5.5, aspect="auto")
        for i, row in enumerate(rows):
            for j, verdict in enumerate(row["verdicts"]):
                sign = "" if verdict is None else _SIGNS.get(VERDICTS[verdict], "")
                if sign:
                    colour = "white" if sign == _SIGNS["divergent"] else "black"
                    axes.text(j, i, sign, ha="center", va="center", color=colour, weight="bold")
        axes.set_title(titles[mode])
        axes.set_xticks(range(len(found["steps"])), [f"{step:,}" for step in found["steps"]])
        axes.set_xlabel("training step (updates before it)")
        axes.grid(visible=False)
        names = [f"{row['layer']}  {row['tensor'].replace('_', ' ')}" for row in rows]
        axes.set_yticks(range(len(rows)), names if axes is panels[0] else [])
        axes.tick_params(length=0, labelsize=7)
    figure.legend(
        handles=[
            Patch(facecolor=_HEAT(tone), edgecolor="#888888", label=label)
            for tone, label in enumerate(_TONE_NAMES)
        ],
        title="share of the bound",
        loc="upper left",
        bbox_to_anchor=(0.835, 1 - 0.7 / height),
    )
    add_title(
        figure,
        result.trial,
        "Largest difference of each gradient from Keras's, as a share of what rounding can "
        "explain. Up to 100 % both sides may be right; ≠ marks what is beyond, ? a kink.",
    )
    return figure


_HEAT = ListedColormap(["#f1f5f9", "#d6e4f0", "#a9c9e2", "#74a7ce", "#2f6c9f", "#a33300"])
_TONE_NAMES = ("identical", "up to 1 %", "up to 10 %", "up to 50 %", "up to 100 %", "beyond")
_SIGNS = {"divergent": "≠", "undecidable": "?"}


def _tones(shares: Array) -> Array:
    """Return from 0 (no difference) to 4 (over half the bound) and 5 (beyond)."""
    tones = np.searchsorted([1e-300, 0.01, 0.1, 0.5, 1.0], np.nan_to_num(shares), side="left")
    return np.asarray(tones)


@dataclass(frozen=True)
class Picture:
    """A picture of one trial.

    Attributes
    ----------
    draw
        Draws it.
    shows
        Whether a result has what it shows.
    """

    draw: Callable[[TrialResult], Figure]
    shows: Callable[[TrialResult], bool]


PICTURES = {
    "curves": Picture(draw_curves, lambda result: True),  # noqa: ARG005
    "boundaries": Picture(draw_boundaries, lambda result: result.boundary is not None),
    "agreement": Picture(
        draw_agreement, lambda result: any(row.mode in ("layer", "step") for row in result.parity)
    ),
}
"""By the name that its file ends with."""
