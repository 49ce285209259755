"""Tidy tables of a run; their columns are a contract, see `docs/results.md`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

import pandas as pd

from experiments.parity.trace import ParityRow
from experiments.plan.describe import describe_architecture, describe_optimizer
from experiments.plan.plan import Trial
from experiments.trials.comparability import Accuracies, Settings
from experiments.trials.store import StoreError
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS
from scratchnet.history import History

# From the best to the worst; a trial's verdict is its worst row's.
VERDICTS = ("identical", "rounding", "chaos", "undecidable", "divergent")

PARITY_COLUMNS = [
    "trial",
    "mode",
    "step",
    "layer",
    "tensor",
    "max_abs",
    "max_rel",
    "max_ulp",
    "bound_ratio",
    "verdict",
    "diagnosis",
]

COMPARABILITY_COLUMNS = [
    "trial",
    "comparable",
    *(f"{side}_{field.name}" for side in IMPLEMENTATIONS for field in dataclasses.fields(Settings)),
    *(field.name for field in dataclasses.fields(Accuracies)),
]


@dataclass(frozen=True)
class Tables:
    """The tables of a run.

    Attributes
    ----------
    trials
        One row per trial of the plan, finished or not.
    epochs, timings, parity
        One row per epoch, timed epoch and compared tensor of the finished trials.
    comparability
        One row per finished trial.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    timings: pd.DataFrame
    parity: pd.DataFrame
    comparability: pd.DataFrame


def build_tables(
    trials: Sequence[Trial],
    results: Mapping[str, TrialResult],
    statuses: Mapping[str, str] = MappingProxyType({}),
) -> Tables:
    """Gather the results of a run.

    Parameters
    ----------
    trials
        All of the plan.
    results
        Of the finished ones, by name.
    statuses
        Of the others, by name; ``not run`` for those that are not in it.
    """
    rows, epochs, timings, parity, comparability = [], [], [], [], []
    # Each result is asked for once: it may have to be read from the disk.
    for trial in trials:
        try:
            result = results.get(trial.name)
            status = statuses.get(trial.name, "not run") if result is None else "finished"
            if result is not None and first_not_finite(result) is not None:
                status = "not finite"
        except StoreError:
            result, status = None, "unreadable"
        rows.append(_trial_row(trial, result, status))
        if result is not None:
            epochs.append(_epochs(trial.name, result))
            timings.append(_timings(trial.name, result))
            parity.append(_parity(trial.name, result.parity))
            comparability.append({"trial": trial.name, **result.comparability.row()})
    return Tables(
        trials=pd.DataFrame(rows),
        epochs=_together(
            epochs,
            ["trial", "implementation", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"],
        ),
        timings=_together(timings, ["trial", "implementation", "repeat", "epoch", "seconds"]),
        parity=_together(parity, PARITY_COLUMNS),
        comparability=pd.DataFrame(comparability, columns=COMPARABILITY_COLUMNS),
    )


def first_not_finite(result: TrialResult) -> int | None:
    """Return the first epoch in which a side's loss is nan or infinite, from 1; None if none is."""
    pairs = zip(result.scratchnet.loss, result.keras.loss, strict=False)
    wrong = (epoch for epoch, losses in enumerate(pairs, 1) if not all(map(math.isfinite, losses)))
    return next(wrong, None)


def worst_verdict(rows: Sequence[ParityRow]) -> str:
    """Return the verdict of a trial: the worst among its rows; empty without rows."""
    return max((row.verdict for row in rows), key=VERDICTS.index, default="")


def epoch_medians(result: TrialResult) -> dict[str, float]:
    """Return the median seconds per epoch of each side."""
    return {
        implementation: median(
            row.seconds for row in result.seconds_per_epoch if row.implementation == implementation
        )
        for implementation in IMPLEMENTATIONS
    }


def _trial_row(trial: Trial, result: TrialResult | None, status: str) -> dict[str, object]:
    row: dict[str, object] = {
        "trial": trial.name,
        "dataset": str(trial.dataset),
        "architecture": describe_architecture(trial.architecture),
        "optimizer": describe_optimizer(trial.optimizer),
        "dtype": trial.dtype,
        "backend": trial.backend,
        "seed": trial.seed,
        "batch_size": trial.batch_size or "full",
        "epochs": trial.epochs,
        "parameters": sum(
            math.prod(shape) for shape in trial.architecture.weight_shapes().values()
        ),
        "status": status,
        "verdict": "" if result is None else worst_verdict(result.parity),
    }
    medians = None if result is None else epoch_medians(result)
    for measure in ("train_accuracy", "test_accuracy", "final_loss", "median_epoch_seconds"):
        for side in IMPLEMENTATIONS:
            value = math.nan
            if result is not None and medians is not None:
                history: History = getattr(result, side)
                value = {
                    "train_accuracy": history.accuracy[-1],
                    "test_accuracy": history.val_accuracy[-1],
                    "final_loss": history.loss[-1],
                    "median_epoch_seconds": medians[side],
                }[measure]
            row[f"{side}_{measure}"] = value
    epoch = None if result is None else first_not_finite(result)
    row["not_finite_epoch"] = "" if epoch is None else epoch
    row["speedup"] = math.nan if medians is None else medians["keras"] / medians["scratchnet"]
    return row


def _epochs(name: str, result: TrialResult) -> pd.DataFrame:
    parts = []
    for side in IMPLEMENTATIONS:
        history: History = getattr(result, side)
        parts.append(
            pd.DataFrame(
                {
                    "trial": name,
                    "implementation": side,
                    "epoch": range(1, len(history.loss) + 1),
                    "loss": history.loss,
                    "accuracy": history.accuracy,
                    "val_loss": history.val_loss,
                    "val_accuracy": history.val_accuracy,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _timings(name: str, result: TrialResult) -> pd.DataFrame:
    table = pd.DataFrame([dataclasses.asdict(row) for row in result.seconds_per_epoch])
    table.insert(0, "trial", name)
    return table


def _parity(name: str, rows: Sequence[ParityRow]) -> pd.DataFrame:
    fields = [field.name for field in dataclasses.fields(ParityRow)]
    table = pd.DataFrame([dataclasses.astuple(row) for row in rows], columns=fields)
    table.insert(0, "trial", name)
    further = [column for column in table.columns if column not in PARITY_COLUMNS]
    return table[[*PARITY_COLUMNS, *further]]


def _together(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
