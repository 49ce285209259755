"""Curves and timings, thinned to what a chart can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS, EpochSeconds

POINTS = 200
"""A chart is some 500 pixels wide."""

TIMINGS = 60
"""Of each side; more dots than that hide one another."""

Columns = dict[str, list[Any]]


def thin_curves(result: TrialResult, points: int = POINTS) -> Columns:
    """Return epochs and, at these, both sides' curves, their difference and its envelope.

    Parameters
    ----------
    result
        A trial's.
    points
        At most so many epochs. The curves are read off at the last epoch of each stretch, the
        difference and the envelope are the largest in it, so that no peak is lost.

    Returns
    -------
    dict
        Lists of equal length: ``epoch``, ``scratchnet_loss`` ... ``keras_val_accuracy``,
        ``difference``, and ``envelope`` where there is one. What is not finite, or cannot be drawn
        on a log axis, is None.
    """
    total = min(len(result.scratchnet.loss), len(result.keras.loss))
    ends = np.unique(np.linspace(1, total, min(points, total)).round().astype(int))
    columns: Columns = {"epoch": ends.tolist()}
    for side in IMPLEMENTATIONS:
        for curve in ("loss", "val_loss", "accuracy", "val_accuracy"):
            values = np.asarray(getattr(getattr(result, side), curve), float)
            if len(values) >= total:
                columns[f"{side}_{curve}"] = numbers(values[ends - 1], 6)
    columns["difference"] = _largest(loss_difference(result), ends)
    width = result.envelope.get("loss_width")
    if width is not None and len(width) >= total:
        columns["envelope"] = _largest(width, ends)
    return columns


def loss_difference(result: TrialResult) -> NDArray[np.float64]:
    """Return the absolute difference of the two training losses, epoch by epoch."""
    total = min(len(result.scratchnet.loss), len(result.keras.loss))
    ours, twin = (np.asarray(getattr(result, s).loss[:total], float) for s in IMPLEMENTATIONS)
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(ours - twin))


def thin_timings(measured: Sequence[EpochSeconds], most: int = TIMINGS) -> dict[str, list[Any]]:
    """Return milliseconds per epoch by side, in order of size; where thinned, as quantiles."""
    thinned = {}
    for side in IMPLEMENTATIONS:
        seconds = np.array([row.seconds for row in measured if row.implementation == side])
        if len(seconds) > most:
            seconds = np.quantile(seconds, np.linspace(0, 1, most))
        thinned[side] = numbers(np.sort(seconds) * 1e3, 4)
    return thinned


def numbers(values: NDArray[Any], digits: int) -> list[float | None]:
    """Return a list for JSON: rounded to some significant digits, None for what is not finite."""
    values = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        places = digits - 1 - np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** np.abs(places)
        # A whole number over a power of ten is the double that is written with so few digits.
        wholes = np.rint(np.where(places >= 0, values * scale, values / scale))
        rounded = np.where(places >= 0, wholes / scale, wholes * scale)
    rounded = np.where(np.isfinite(rounded), rounded, values)
    return [
        value if known else None
        for value, known in zip(rounded.tolist(), np.isfinite(rounded).tolist(), strict=True)
    ]


def _largest(values: NDArray[Any], ends: NDArray[Any]) -> list[float | None]:
    """Return the largest value of each stretch; None where a log axis cannot show it."""
    if not len(ends):
        return []
    shown = np.where(np.isfinite(values) & (values > 0), values, 0.0)
    starts = np.concatenate([[0], ends[:-1]])
    peaks = np.maximum.reduceat(shown[: ends[-1]], starts)
    return numbers(np.where(peaks > 0, peaks, np.nan), 3)
