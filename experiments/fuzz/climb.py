"""Hill climbing towards the largest ratio of difference to bound.

Random inputs seldom come near the bound. From a case the climb changes single inputs so that sums
cancel, outputs saturate and values tie, or draws other weights, and keeps what brings the worst
tensor nearer to its bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.fuzz.results import CaseResult
from experiments.plan.datasets import DatasetSpecification, load
from experiments.plan.plan import Trial
from scratchnet.layers import Dense
from scratchnet.network import initial_weights

Inputs = list[list[float]]


def climb(
    start: CaseResult, judge: Callable[[Trial], CaseResult], steps: int, seed: int
) -> CaseResult:
    """Return the case with the largest ratio that was found.

    Parameters
    ----------
    start
        Where to begin.
    judge
        How to judge a case.
    steps
        How many changes to try; a failure ends the climb.
    seed
        Of the changes.
    """
    if len(start.trial.architecture.input_shape) > 1 or start.trial.dataset.parameters.get(
        "tokens"
    ):
        return start  # its inputs are no list of numbers that may be anything
    random = np.random.default_rng(seed)
    best = judge(replace(written_out(start.trial), epochs=1))
    for _ in range(steps):
        if best.failed:
            break
        found = judge(_changed(best.trial, random))
        if found.failed:
            return found
        # Equal steps are taken too, to cross a plain.
        if found.height >= best.height:
            best = found
    return best


def written_out(trial: Trial) -> Trial:
    """Return a trial whose data stand in it number by number; one sample is held out."""
    data = load(trial.dataset)
    x = np.concatenate([data.x_train, data.x_test[:1]])
    # The highest class must occur, as it tells how many there are.
    y = np.append(data.y_train, data.classes - 1)
    dataset = DatasetSpecification(
        name="rows",
        parameters={"x": x.tolist(), "y": y.tolist()},
        test_fraction=0.01,
        stratify=False,
    )
    return replace(trial, dataset=dataset)


def _changed(trial: Trial, random: np.random.Generator) -> Trial:
    if random.random() < 0.1:
        return replace(trial, seed=int(random.integers(1000)))
    parameters: dict[str, Any] = dict(trial.dataset.parameters)
    x = [list(row) for row in parameters["x"]]
    for _ in range(int(random.choice([1, 1, 2, 4]))):
        change = _CHANGES[int(random.integers(len(_CHANGES)))]
        change(x, trial, random)
    limit = float(np.finfo(trial.dtype).max) / 1e3
    parameters["x"] = [[float(np.clip(value, -limit, limit)) for value in row] for row in x]
    return replace(trial, dataset=replace(trial.dataset, parameters=parameters))


def _place(x: Inputs, random: np.random.Generator) -> tuple[int, int]:
    return int(random.integers(len(x))), int(random.integers(len(x[0])))


def _scale(x: Inputs, trial: Trial, random: np.random.Generator) -> None:  # noqa: ARG001
    """Multiply a sample, or one of its values, by a power of two."""
    i, j = _place(x, random)
    factor = 2.0 ** int(random.integers(-6, 7))
    for k in range(len(x[i])) if random.random() < 0.5 else [j]:
        x[i][k] *= factor


def _nudge(x: Inputs, trial: Trial, random: np.random.Generator) -> None:
    """Move a value by some units in the last place."""
    i, j = _place(x, random)
    x[i][j] *= 1 + int(random.integers(-8, 9)) * float(np.finfo(trial.dtype).eps)


def _redraw(x: Inputs, trial: Trial, random: np.random.Generator) -> None:  # noqa: ARG001
    """Draw a new value of the size of another."""
    i, j = _place(x, random)
    k, n = _place(x, random)
    x[i][j] = float(random.standard_normal()) * (abs(x[k][n]) or 1.0)


def _repeat(x: Inputs, trial: Trial, random: np.random.Generator) -> None:  # noqa: ARG001
    """Make a value equal to another, or its negative, or 0."""
    i, j = _place(x, random)
    k, n = _place(x, random)
    x[i][j] = x[k][n] * float(random.choice([1, -1, 0]))


def _cancel(x: Inputs, trial: Trial, random: np.random.Generator) -> None:
    """Choose a value so that a pre-activation of the first layer is 0 but for rounding."""
    weights = initial_weights(trial.architecture, trial.seed)
    first = trial.architecture.layers[0]
    if not isinstance(first, Dense):
        return
    name = first.name
    kernel = weights[f"{name}/kernel"]
    bias = weights.get(f"{name}/bias", np.zeros(kernel.shape[1]))
    i, j = _place(x, random)
    unit = int(random.integers(kernel.shape[1]))
    if kernel[j, unit]:
        rest = np.dot(x[i], kernel[:, unit]) - x[i][j] * kernel[j, unit] + bias[unit]
        with np.errstate(over="ignore"):
            x[i][j] = float(np.nan_to_num(-rest / kernel[j, unit]))


_CHANGES = (_scale, _nudge, _redraw, _repeat, _cancel)
