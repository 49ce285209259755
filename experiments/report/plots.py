"""The pictures of a run, one style for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.describe import describe_architecture, describe_optimizer
from experiments.plan import Trial
from experiments.report.tables import IMPLEMENTATIONS
from experiments.store import whole_file
from experiments.trial import Boundary, TrialResult, load_data
from scratchnet.losses import LOSSES

Array = NDArray[Any]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {"scratchnet": "#0072B2", "keras": "#E69F00"}
NAMES = {"scratchnet": "scratchnet", "keras": "Keras"}
_CLASS_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#F0E442", "#56B4E9")

# The keys' type is the list of all settings, which matplotlib does not export.
STYLE: Any = {
    "figure.dpi": 100,
    "figure.titlesize": 12,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e3e3e3",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def draw_plots(results: Mapping[str, TrialResult], folder: Path) -> dict[str, Path]:
    """Draw all pictures of a run.

    Parameters
    ----------
    results
        Of the finished trials, by name.
    folder
        Where the PNG files go; what an earlier run left there is removed.

    Returns
    -------
    dict
        Paths by ``<trial>/curves``, ``<trial>/boundaries`` and ``epoch-seconds``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("*.png"):
        earlier.unlink()
    paths: dict[str, Path] = {}
    # Agg needs no screen; Figure is used without pyplot, so no state stays behind.
    with mpl.rc_context(STYLE):
        for name, result in results.items():
            paths[f"{name}/curves"] = _save(draw_curves(result), folder / f"{name}-curves.png")
            if result.boundary is not None:
                figure = draw_boundaries(result.trial, result.boundary)
                paths[f"{name}/boundaries"] = _save(figure, folder / f"{name}-boundaries.png")
        if results:
            paths["epoch-seconds"] = _save(draw_seconds(results), folder / "epoch-seconds.png")
    return paths


def draw_curves(result: TrialResult) -> Figure:
    """Draw both sides' loss and accuracy, and below the loss its difference on a log axis."""
    figure = Figure(figsize=(9.6, 4.8))
    figure.suptitle(_title(result.trial))
    # Margins by hand: matplotlib's own layouts take longer than the drawing.
    grid = figure.add_gridspec(
        2,
        2,
        height_ratios=(3, 2),
        left=0.095,
        right=0.985,
        bottom=0.17,
        top=0.92,
        wspace=0.17,
        hspace=0.08,
    )
    loss = figure.add_subplot(grid[0, 0])
    difference = figure.add_subplot(grid[1, 0], sharex=loss)
    accuracy = figure.add_subplot(grid[:, 1])
    epochs = np.arange(1, len(result.scratchnet.loss) + 1)

    for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
        for side in reversed(IMPLEMENTATIONS):
            history = getattr(result, side)
            # Keras is broad and lies below, so that scratchnet does not hide it.
            width = {"scratchnet": 1.0, "keras": 3.5}[side]
            for part, line in (("", "-"), ("val_", "--")):
                axes.plot(
                    epochs,
                    getattr(history, part + column),
                    line,
                    color=COLOURS[side],
                    linewidth=width,
                    label=f"{NAMES[side]}, {'test' if part else 'training'}",
                )
    loss.set_ylabel(f"loss ({LOSS_UNITS[result.trial.architecture.loss]})")
    loss.tick_params(labelbottom=False)
    accuracy.set(ylabel="accuracy (share of samples)", xlabel="epoch", ylim=(None, 1.02))
    figure.legend(*loss.get_legend_handles_labels(), loc="lower center", ncols=4)

    _draw_difference(difference, result, epochs)
    return figure


# Cross-entropies use natural logarithms.
LOSS_UNITS = {
    "binary_crossentropy": "nats",
    "categorical_crossentropy": "nats",
    "sparse_categorical_crossentropy": "nats",
    "mean_squared_error": "squared units",
}


def _draw_difference(axes: Axes, result: TrialResult, epochs: Array) -> None:
    gap = np.abs(np.array(result.scratchnet.loss) - np.array(result.keras.loss))
    unit = LOSS_UNITS[result.trial.architecture.loss]
    axes.set_yscale("log")
    width = result.envelope.get("loss_width")
    if width is not None:
        axes.fill_between(
            epochs,
            np.full(len(epochs), np.finfo(float).tiny),
            _positive(width),
            color="#bdbdbd",
            linewidth=0,
            label="one-ulp perturbations reach this far",
        )
    # Points, because epochs of equal losses leave gaps that would hide a lone difference.
    axes.plot(epochs, _positive(gap), ".", color="#333333", markersize=2, label="of training loss")
    axes.set(xlabel="epoch", ylabel=f"|difference| ({unit})")
    shown = np.concatenate([_positive(values) for values in (gap, width) if values is not None])
    if np.any(np.isfinite(shown)):
        axes.set_ylim(np.nanmin(shown) / 3, np.nanmax(shown) * 30)
        axes.legend(loc="upper left", ncols=2)
    else:
        axes.set_yscale("linear")
        axes.set_ylim(-1, 1)
        axes.text(0.5, 0.6, "none: the curves are identical", ha="center", transform=axes.transAxes)


def _positive(values: Array) -> Array:
    """Leave out what a log axis cannot show."""
    with np.errstate(invalid="ignore"):
        return np.where((values > 0) & np.isfinite(values), values, np.nan)


def draw_boundaries(trial: Trial, boundary: Boundary) -> Figure:
    """Draw what both sides predict all over the plane, side above side, epoch beside epoch."""
    looks = len(boundary.epochs)
    figure = Figure(figsize=(2.4 * looks + 1.2, 5.0))
    figure.suptitle(_title(trial))
    panels = figure.subplots(
        2,
        looks,
        sharex=True,
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": 0.85 / figure.get_figwidth(),
            "right": 1 - 1.0 / figure.get_figwidth(),
            "bottom": 0.1,
            "top": 0.87,
            "wspace": 0.06,
            "hspace": 0.08,
        },
    )
    data = load_data(trial)
    labels = data.y_test
    if not LOSSES[trial.architecture.loss].sparse and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    extent = (boundary.first[0], boundary.first[-1], boundary.second[0], boundary.second[-1])
    units = boundary.scratchnet.shape[-1]
    classes = max(units, 2)
    colours = ListedColormap([_CLASS_COLOURS[i % len(_CLASS_COLOURS)] for i in range(classes)])
    image = None
    for row, side in enumerate(IMPLEMENTATIONS):
        for column, epoch in enumerate(boundary.epochs):
            axes: Axes = panels[row, column]
            values = getattr(boundary, side)[column]
            if units == 1:
                image = axes.imshow(
                    values[:, :, 0],
                    extent=extent,
                    origin="lower",
                    aspect="auto",
                    cmap="RdBu",
                    vmin=0,
                    vmax=1,
                    alpha=0.75,
                )
                if values.min() < 0.5 < values.max():
                    grid = (boundary.first, boundary.second)
                    axes.contour(*grid, values[:, :, 0], [0.5], colors="black", linewidths=1)
            else:
                axes.imshow(
                    values.argmax(axis=-1),
                    extent=extent,
                    origin="lower",
                    aspect="auto",
                    cmap=colours,
                    vmin=0,
                    vmax=classes - 1,
                    alpha=0.45,
                )
            axes.scatter(
                data.x_test[:, 0],
                data.x_test[:, 1],
                c=labels.ravel(),
                cmap=colours,
                vmin=0,
                vmax=classes - 1,
                s=10,
                edgecolors="white",
                linewidths=0.4,
            )
            axes.grid(visible=False)
            if row == 0:
                axes.set_title(f"epoch {epoch:,}")
            else:
                axes.set_xlabel("$x_1$")
            if column == 0:
                axes.set_ylabel(f"{NAMES[side]}\n$x_2$")
    if image is not None:
        bar = figure.add_axes((1 - 0.85 / figure.get_figwidth(), 0.2, 0.012, 0.57))
        figure.colorbar(image, cax=bar, label="predicted probability of class 1")
    return figure


def draw_seconds(results: Mapping[str, TrialResult]) -> Figure:
    """Draw every measured epoch of every trial, with medians, on a log axis."""
    figure = Figure(figsize=(9.6, 1.4 + 0.42 * len(results)), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    names = list(results)
    random = np.random.default_rng(0)
    for row, name in enumerate(names):
        for side, shift in (("scratchnet", -0.17), ("keras", 0.17)):
            seconds = np.array(
                [
                    measured.seconds
                    for measured in results[name].seconds_per_epoch
                    if measured.implementation == side
                ]
            )
            jitter = random.uniform(-0.1, 0.1, len(seconds))
            axes.plot(
                seconds * 1e3,
                row + shift + jitter,
                ".",
                color=COLOURS[side],
                markersize=3,
                alpha=0.5,
                label=f"{NAMES[side]}, one epoch" if row == 0 else None,
            )
            median = float(np.median(seconds)) * 1e3
            axes.plot([median] * 2, [row + shift - 0.17, row + shift + 0.17], color="black")
    axes.plot([], [], color="black", label="median")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set(xlabel="milliseconds per epoch (log scale)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _title(trial: Trial) -> str:
    return (
        f"{trial.name}: {describe_architecture(trial.architecture)} · "
        f"{describe_optimizer(trial.optimizer)} · {trial.dtype}"
    )


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")
    return path
