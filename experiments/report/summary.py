"""What one trial says, in figures and words: a row of the page's first table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from experiments.parity.trace import ParityRow
from experiments.plan.describe import describe_architecture, describe_optimizer
from experiments.plan.plan import Trial
from experiments.trials.ratios import student_interval
from experiments.trials.tables import worst_verdict
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS, EpochSeconds

SIDES = {"scratchnet": "scratchnet", "keras": "Keras"}
"""How the two sides are called on the page."""


@dataclass(frozen=True)
class Speed:
    """How many times faster scratchnet is per epoch.

    Attributes
    ----------
    ratio
        Keras's median seconds over scratchnet's.
    low, high
        Student's 95 % interval over the repeats, in logarithms; nan for fewer than two.
    """

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One trial in short.

    Attributes
    ----------
    name, network, dataset, optimizer, dtype, backend, batch_size, epochs, parameters
        What was run.
    status
        ``finished``, or why there is no result.
    verdict, lockstep, free
        The worst of all comparisons, of those step by step, and of the free-running curves.
    compared, steps
        Number of tensors compared in lockstep, and of training steps that they come from.
    gradient_ulps, gradient_share
        The largest difference of a gradient's element in units in the last place, and the largest
        share of its bound.
    least_certain
        Of the gradients, each operation alone, the one in which the largest mistake could have
        gone unnoticed: its `floor` is how large. A gradient that is 0 has none.
    first_divergence
        The first divergent comparison, None if there is none.
    test_accuracy, train_accuracy, final_loss, seconds
        By side; seconds are the median per epoch.
    curve_gap
        Largest distance of the two training losses.
    last_number
        The last epoch before either training loss is no number any more; None if it never is.
    speed
        None where nothing was timed.
    """

    name: str
    network: str
    dataset: str
    optimizer: str
    dtype: str
    backend: str
    batch_size: str
    epochs: int
    parameters: int
    status: str
    verdict: str = ""
    lockstep: str = ""
    free: str = ""
    compared: int = 0
    steps: int = 0
    gradient_ulps: float = math.nan
    gradient_share: float = math.nan
    least_certain: ParityRow | None = None
    first_divergence: ParityRow | None = None
    test_accuracy: Mapping[str, float] | None = None
    train_accuracy: Mapping[str, float] | None = None
    final_loss: Mapping[str, float] | None = None
    seconds: Mapping[str, float] | None = None
    curve_gap: float = math.nan
    last_number: int | None = None
    speed: Speed | None = None

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.status == "finished"


def summarize_trial(trial: Trial, result: TrialResult | None, status: str = "finished") -> Summary:
    """Say in short what a trial found out, or that it found nothing."""
    what: dict[str, Any] = {
        "name": trial.name,
        "network": describe_architecture(trial.architecture),
        "dataset": str(trial.dataset),
        "optimizer": describe_optimizer(trial.optimizer),
        "dtype": trial.dtype,
        "backend": trial.backend,
        "batch_size": str(trial.batch_size or "full"),
        "epochs": trial.epochs,
        "parameters": sum(
            math.prod(shape) for shape in trial.architecture.weight_shapes().values()
        ),
        "status": status,
    }
    if result is None:
        return Summary(**what)
    lockstep = [row for row in result.parity if row.mode != "free"]
    free = [row for row in result.parity if row.mode == "free"]
    gradients = [row for row in lockstep if row.tensor.endswith("gradient")]
    return Summary(
        **what,
        verdict=worst_verdict(result.parity),
        lockstep=worst_verdict(lockstep),
        free=worst_verdict(free),
        compared=len(lockstep),
        steps=len({row.step for row in lockstep}),
        gradient_ulps=_largest(row.max_ulp for row in gradients),
        gradient_share=_largest(row.bound_ratio for row in gradients),
        least_certain=max(
            (row for row in gradients if row.mode == "layer" and math.isfinite(row.floor)),
            key=lambda row: row.floor,
            default=None,
        ),
        first_divergence=first_divergence(result.parity),
        test_accuracy=_last(result, "val_accuracy"),
        train_accuracy=_last(result, "accuracy"),
        final_loss=_last(result, "loss"),
        seconds=_median_seconds(result.seconds_per_epoch),
        curve_gap=_largest(row.max_abs for row in free if row.tensor == "loss"),
        last_number=_last_number(result),
        speed=speed(result.seconds_per_epoch),
    )


def _last_number(result: TrialResult) -> int | None:
    pairs = zip(result.scratchnet.loss, result.keras.loss, strict=False)
    finite = [math.isfinite(ours) and math.isfinite(twin) for ours, twin in pairs]
    return finite.index(False) if False in finite else None


def first_divergence(rows: Sequence[ParityRow]) -> ParityRow | None:
    """Return the first divergent comparison: the earliest step, operation by operation first."""
    divergent = [row for row in rows if row.verdict == "divergent"]
    order = {"layer": 0, "step": 1, "free": 2}
    # Within a step the rows stand in the order of computation, which min keeps.
    return min(divergent, key=lambda row: (order[row.mode], row.step), default=None)


def speed(measured: Sequence[EpochSeconds]) -> Speed | None:
    """Compare the medians per epoch, with an interval over the repeats."""
    medians = _median_seconds(measured)
    if medians is None:
        return None
    logs = []
    for repeat in sorted({row.repeat for row in measured}):
        turn = _median_seconds([row for row in measured if row.repeat == repeat])
        if turn is not None:
            logs.append(math.log(turn["keras"] / turn["scratchnet"]))
    low, high = student_interval(np.array(logs)) if len(logs) > 1 else (math.nan, math.nan)
    return Speed(medians["keras"] / medians["scratchnet"], math.exp(low), math.exp(high))


def _median_seconds(measured: Sequence[EpochSeconds]) -> dict[str, float] | None:
    seconds = {
        side: [row.seconds for row in measured if row.implementation == side and row.seconds > 0]
        for side in IMPLEMENTATIONS
    }
    if not all(seconds.values()):
        return None
    return {side: median(values) for side, values in seconds.items()}


def _last(result: TrialResult, column: str) -> dict[str, float] | None:
    values = {side: getattr(getattr(result, side), column) for side in IMPLEMENTATIONS}
    if not all(values.values()):
        return None
    return {side: float(entries[-1]) for side, entries in values.items()}


def _largest(values: Iterable[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)
