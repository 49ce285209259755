"""The pictures of a run as PNG and SVG, one style for all, each with a caption on it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from experiments.beside import beside
from experiments.describe import describe_architecture, describe_optimizer
from experiments.epoch_seconds import IMPLEMENTATIONS, EpochSeconds
from experiments.plan import Trial
from experiments.report.curves import loss_difference
from experiments.report.part import agreement, held_out, load_result, loss_unit
from experiments.report.planes import (
    CLASS_COLOURS,
    difference_colours,
    looks,
    prediction_colours,
)
from experiments.report.summary import SIDES, Summary, summarize_trial
from experiments.report.tables import VERDICTS
from experiments.store import whole_file
from experiments.stored_run import Missing, StoredRun
from experiments.trial import Boundary, TrialResult

Array = NDArray[Any]

STYLE = mpl.rc_params_from_file(
    Path(__file__).parent / "style.mplstyle", use_default_template=False
)

# Of Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {"scratchnet": "#0072B2", "keras": "#D55E00"}

FEW, SOME = 60, 4
"""Up to `FEW` trials all have pictures of their own, of more only the first `SOME`."""

_SHARE = 4
"""So many trials are worth a process."""

_PAGE = 2
"""So many trials could be drawn while the page is made."""

Pictures = dict[str, dict[str, str]]
"""By trial, and by a picture's name: its path without suffix, relative to the page."""


@contextmanager
def drawn_beside(run: StoredRun, *, all_: bool = False) -> Iterator[Pictures]:
    """Draw the pictures of a run into its folder ``plots``, partly while the block runs.

    Parameters
    ----------
    run
        Finished or not. Pictures that an earlier report drew are removed.
    all_
        Whether every trial has pictures, however many there are.

    Yields
    ------
    Pictures
        Those that are there when the block has ended.
    """
    folder = run.folder / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in [*folder.glob("*.png"), *folder.glob("*.svg")]:
        earlier.unlink()
    most = None if all_ or len(run.plan.trials) <= FEW else SOME
    pictured = [trial for trial in run.plan.trials if trial.name in run.results][:most]
    found = [_shown(trial, run.results) for trial in pictured]
    shown = [one for one in found if one is not None]
    trials = [one.trial for one in shown]
    processes = min(os.cpu_count() or 1, 1 + len(trials) // _SHARE)
    # The block makes the page meanwhile, so this process has less time for pictures.
    own = len(trials) if processes == 1 else max(0, (len(trials) + _PAGE) // processes - _PAGE)
    works = [
        partial(_draw_trials, run.results, trials[own + i :: processes - 1], folder)
        for i in range(processes - 1)
    ]
    with beside(works) as rest:
        yield {one.trial.name: _paths(one.trial, one.pictures) for one in shown}
        _draw_trials(run.results, trials[:own], folder)
        _draw_together(shown, folder)
        rest()


def existing_plots(run: StoredRun) -> Pictures:
    """Return the pictures that lie in a run's folder ``plots``."""
    folder = run.folder / "plots"
    return {
        trial.name: _paths(
            trial, [name for name in PICTURES if (folder / f"{trial.name}-{name}.png").exists()]
        )
        for trial in run.plan.trials
    }


def _paths(trial: Trial, names: Sequence[str]) -> dict[str, str]:
    return {name: f"plots/{trial.name}-{name}" for name in names}


def _wanted(result: TrialResult) -> list[str]:
    return [name for name, picture in PICTURES.items() if picture.shows(result)]


@dataclass(frozen=True)
class _Shown:
    """What of a trial is in pictures: those of its own, and what it has in those of all trials."""

    trial: Trial
    pictures: list[str]
    summary: Summary
    seconds: list[EpochSeconds]


def _shown(trial: Trial, results: Mapping[str, TrialResult]) -> _Shown | None:
    result = load_result(results, trial.name)
    if isinstance(result, Missing):
        return None
    summary = summarize_trial(trial, result)
    return _Shown(trial, _wanted(result), summary, result.seconds_per_epoch)


def _draw_trials(results: Mapping[str, TrialResult], trials: Sequence[Trial], folder: Path) -> None:
    """Draw the pictures of single trials."""
    # Figure is used without pyplot, so no screen is needed and no state stays behind.
    with mpl.rc_context(STYLE):
        for trial in trials:
            result = results[trial.name]
            for name in _wanted(result):
                _save(PICTURES[name].draw(result), folder / f"{trial.name}-{name}")


def _draw_together(shown: Sequence[_Shown], folder: Path) -> None:
    """Draw the pictures that show all trials together."""
    measured = {one.trial.name: one.seconds for one in shown if one.seconds}
    with mpl.rc_context(STYLE):
        if measured:
            _save(draw_seconds(measured), folder / "epoch-seconds")
        if shown:
            _save(draw_across([one.summary for one in shown]), folder / "across")


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
    _title(
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
            label="one-ulp perturbations reach this far",
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
    _title(
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
    _title(
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
    _caption(figure, "Every dot is a measured epoch; farther left is faster.")
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
    _caption(
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


def _title(figure: Figure, trial: Trial, caption: str) -> None:
    title = (
        f"{trial.name}: {describe_architecture(trial.architecture)} · "
        f"{describe_optimizer(trial.optimizer)} · {trial.dtype}"
    )
    width, height = figure.get_size_inches()
    # A character of the title is about a fourteenth of an inch wide.
    figure.text(0.02, 1 - 0.1 / height, textwrap.shorten(title, int(14 * width)), va="top", size=11)
    _caption(figure, caption)


def _caption(figure: Figure, caption: str) -> None:
    width, height = figure.get_size_inches()
    # A character is about a sixteenth of an inch wide.
    lines = textwrap.fill(caption, int(15.5 * width))
    figure.text(0.02, 0.08 / height, lines, va="bottom", size=8, color="#444444")


def _save(figure: Figure, stem: Path) -> None:
    with whole_file(stem.with_name(f"{stem.name}.png")) as temporary:
        figure.savefig(temporary, format="png")
    with whole_file(stem.with_name(f"{stem.name}.svg")) as temporary:
        # Without the time of the drawing the same data make the same file.
        figure.savefig(temporary, format="svg", metadata={"Date": None})
