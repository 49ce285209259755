"""A run's folder, read: what was planned, what was found, and what is missing."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from experiments.parity.trace import ParityRow
from experiments.plan.plan import Plan, PlanError, Trial
from experiments.plan.toml import parse_toml
from experiments.runtime.files import read_file, read_text
from experiments.trials.comparability import Comparability
from experiments.trials.store import FINISHED, Store, StoreError
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS, EpochSeconds
from scratchnet.history import History

if TYPE_CHECKING:
    import pandas as pd


class RunError(Exception):
    """A folder cannot be read as a run; the message is one line for the user."""


@dataclass(frozen=True)
class Missing:
    """Why a trial has no result.

    Attributes
    ----------
    status
        ``crashed``, ``timed out``, ``out of memory``, ``unreadable`` or ``not run``.
    reason
        In a line.
    details
        The traceback, or empty.
    """

    status: str
    reason: str
    details: str = ""


@dataclass(frozen=True, repr=False)
class StoredRun:
    """A run, finished or not.

    Attributes
    ----------
    folder
        Where it is.
    plan
        What was to be run.
    results
        Of the finished trials, by name; read from the disk each time one is asked for.
    missing
        Why the others have none, by name.
    environment
        As in ``environment.json``; empty where there is none.
    """

    folder: Path
    plan: Plan
    results: Mapping[str, TrialResult]
    missing: Mapping[str, Missing]
    environment: Mapping[str, Any]

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a run's folder.

        Where the trials' own folders are gone and only the tables are left, as in a run that was
        published, the results come from the tables: decision boundaries and envelopes are then
        missing.

        Raises
        ------
        RunError
            If there is no run in it.
        """
        folder = Path(folder)
        plan = _read_plan(folder)
        environment = _read_environment(folder)
        trials = folder / "trials"
        stored = StoredResults(folder, {trial.name: trial for trial in plan.trials})
        if any(trials.glob("*/result.json")) or any(trials.glob("*/crash.txt")):
            store = Store(folder)
            missing = {trial.name: _why(store, trial) for trial in plan.trials}
            readable = {name: stored.trials[name] for name, why in missing.items() if why is None}
            return cls(
                folder=folder,
                plan=plan,
                results=StoredResults(folder, readable),
                missing={name: why for name, why in missing.items() if why is not None},
                environment=environment,
            )
        statuses = _read_statuses(folder)
        absent = [f"{name}.csv" for name in _COLUMNS if not (folder / f"{name}.csv").exists()]
        finished = {t.name: t for t in plan.trials if statuses.get(t.name) in FINISHED}
        here = {} if absent else finished
        return cls(
            folder=folder,
            plan=plan,
            results=TableResults(folder, here),
            missing={
                trial.name: _why_not_here(statuses.get(trial.name), absent)
                for trial in plan.trials
                if trial.name not in here
            },
            environment=environment,
        )


@dataclass(frozen=True)
class Results(Mapping[str, TrialResult]):
    """Results by trial name, each read when it is asked for.

    Attributes
    ----------
    folder
        Of the run.
    trials
        Those that have a result, by name.
    """

    folder: Path
    trials: Mapping[str, Trial]

    def __contains__(self, name: object) -> bool:
        # Without reading it.
        return name in self.trials

    def __iter__(self) -> Iterator[str]:
        return iter(self.trials)

    def __len__(self) -> int:
        return len(self.trials)


@dataclass(frozen=True)
class StoredResults(Results):
    """Results on the disk: a thousand of them need not fit into memory at once."""

    def __getitem__(self, name: str) -> TrialResult:
        return self._store.load(self.trials[name])

    @cached_property
    def _store(self) -> Store:
        return Store(self.folder)


_NOT_RUN = ("not run", "the run has not reached it yet, or was interrupted before it")


def _why(store: Store, trial: Trial) -> Missing | None:
    """Return why a trial has no result, None if it has one."""
    if (store.path(trial) / "result.json").exists():
        return None
    try:
        failure = store.failure(trial)
    except StoreError as error:
        return Missing("unreadable", str(error))
    if failure is None:
        return Missing(*_NOT_RUN)
    return Missing(failure.status, failure.reason, failure.details)


def _why_not_here(status: str | None, absent: Sequence[str]) -> Missing:
    """Return why a trial has no result in a folder that has tables at most."""
    if status is None:
        return Missing(*_NOT_RUN)
    if status in FINISHED:
        return Missing(
            "not here", f"it finished, but some of its results are missing: {', '.join(absent)}"
        )
    return Missing(status, "only the tables of this run are here")


def _read_plan(folder: Path) -> Plan:
    path = folder / "plan.toml"
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise RunError(f"{folder}: {what}; expected one that experiments.run left")
    try:
        table = parse_toml(read_text(path))
        if not isinstance(table["name"], str) or not isinstance(table["trials"], list):
            raise TypeError
        if not all(isinstance(entry, dict) for entry in table["trials"]):
            raise TypeError
        # The plan was checked when it was run; its data need not be there any more.
        return Plan(
            table["name"],
            table.get("description", ""),
            tuple(Trial.from_dict(entry) for entry in table["trials"]),
        )
    except FileNotFoundError:
        raise RunError(
            f"{folder}: has no plan.toml; expected a folder that experiments.run left"
        ) from None
    except (OSError, UnicodeDecodeError, PlanError) as error:
        first, *others = str(error).splitlines()
        more = f" (and {len(others)} more mistakes)" if others else ""
        raise RunError(f"{path}: cannot be read as a run's plan: {first}{more}") from None
    except KeyError as error:
        raise RunError(f"{path}: not a resolved plan: {error} is missing") from None
    except (TypeError, AttributeError, RecursionError):
        raise RunError(f"{path}: not a resolved plan: expected tables under trials") from None


def _read_environment(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(folder / "environment.json"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{folder / 'environment.json'}: cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}


def _read_statuses(folder: Path) -> dict[str, str]:
    """Return the status of each trial by ``trials.csv``; empty where that is not."""
    if not os.path.lexists(folder / "trials.csv"):
        return {}
    trials = read_table(folder / "trials.csv", ("trial", "status"))
    return dict(zip(trials["trial"].astype(str), trials["status"].astype(str), strict=True))


@dataclass(frozen=True)
class TableResults(Results):
    """Results made from the CSV files of a run."""

    def __getitem__(self, name: str) -> TrialResult:
        trial = self.trials[name]
        try:
            return _result(trial, {table: parts[name] for table, parts in self._parts.items()})
        except RunError as error:
            raise StoreError(str(error)) from None
        except KeyError:
            raise StoreError(f"{self.folder}: a table has no row of {name}") from None
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"{self.folder}: the tables' rows of {name} cannot be read ({error})"
            ) from None

    @cached_property
    def _parts(self) -> dict[str, dict[Any, pd.DataFrame]]:
        """Each table, cut up by trial."""
        return {
            name: dict(
                tuple(read_table(self.folder / f"{name}.csv", columns).groupby("trial", sort=False))
            )
            for name, columns in _COLUMNS.items()
        }


# What is needed of each table.
_COLUMNS = {
    "trials": ("trial", "parameters"),
    "epochs": ("trial", "implementation", "loss", "accuracy", "val_loss", "val_accuracy"),
    "timings": ("trial", "implementation", "repeat", "epoch", "seconds"),
    "comparability": ("trial", "comparable"),
    "parity": ("trial", "mode", "step", "layer", "tensor", "max_ulp", "bound_ratio", "verdict"),
}


def read_table(path: Path, columns: Sequence[str]) -> Any:
    """Return a CSV file as a pandas table.

    Parameters
    ----------
    path
        The file.
    columns
        Those that it must have.

    Raises
    ------
    RunError
        If it cannot be read, or has not these columns.
    """
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(read_file(path)))
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{path}: cannot be read as a table: {reason}") from None
    for column in columns:
        if column not in table:
            raise RunError(
                f"{path}: has no column {column!r}; expected what experiments.run writes"
            )
    for column in table.columns:
        if column in _WORDS:
            # An empty cell of a column of words is an empty word.
            table[column] = table[column].astype(object).fillna("").astype(str)
        elif _is_number(str(column)):
            try:
                table[column] = pd.to_numeric(table[column])
            except (ValueError, TypeError, OverflowError):
                raise RunError(
                    f"{path}: column {column!r} has values that are not numbers; expected what "
                    "experiments.run writes"
                ) from None
    _check_values(path, table)
    return table


_WORDS = frozenset(
    ("trial", "status", "verdict", "implementation", "mode", "layer", "tensor", "side", "diagnosis")
)
_NUMBERS = frozenset(
    field.name
    for of in (ParityRow, EpochSeconds, History)
    for field in dataclasses.fields(of)
    if field.name not in _WORDS
)
_FIGURES = ("_accuracy", "_final_loss", "_median_epoch_seconds")


def _is_number(column: str) -> bool:
    return column in _NUMBERS or column in ("parameters", "speedup") or column.endswith(_FIGURES)


def _check_values(path: Path, table: pd.DataFrame) -> None:
    """Refuse values that no run writes, and that nothing could be made of."""
    from experiments.trials.tables import VERDICTS

    known = {"verdict": (*VERDICTS, ""), "mode": ("layer", "step", "free")}
    for column, words in known.items():
        if column in table:
            for word in table[column].unique():
                if word not in words:
                    expected = ", ".join(filter(None, words))
                    raise RunError(f"{path}: {column} = {word!r}; expected one of {expected}")
    for column in ("parameters", "repeat", "epoch", "step", "seconds"):
        if column in table and not np.isfinite(table[column].dropna()).all():
            raise RunError(f"{path}: column {column!r} holds an infinite number")
    if "seconds" in table and not (table["seconds"].dropna() > 0).all():
        raise RunError(
            f"{path}: column 'seconds' holds {table['seconds'].min()}; expected more than 0"
        )


def _result(trial: Trial, tables: Mapping[str, pd.DataFrame]) -> TrialResult:
    epochs = tables["epochs"]
    histories = {
        side: _history(epochs[epochs["implementation"] == side]) for side in IMPLEMENTATIONS
    }
    parity = tables["parity"].reindex(columns=[f.name for f in dataclasses.fields(ParityRow)])
    # A column that is not there at all.
    words = ("layer", "tensor", "side", "verdict", "diagnosis")
    parity = parity.assign(**{w: parity[w].astype(object).fillna("").astype(str) for w in words})
    timings = tables["timings"]
    empty = np.empty((0, 1))
    return TrialResult(
        trial=trial,
        parameters=int(tables["trials"]["parameters"].iloc[0]),
        comparability=_comparability(tables["comparability"]),
        scratchnet=histories["scratchnet"],
        keras=histories["keras"],
        seconds_per_epoch=[
            EpochSeconds(*row)
            for row in timings[["implementation", "repeat", "epoch", "seconds"]].itertuples(
                index=False, name=None
            )
        ],
        parity=[ParityRow(*row) for row in parity.itertuples(index=False, name=None)],
        envelope={},
        test_targets=empty,
        scratchnet_predictions=empty,
        keras_predictions=empty,
        boundary=None,
        seconds=float("nan"),
    )


def _comparability(row: pd.DataFrame) -> Comparability:
    # Python's own numbers and words, not pandas's.
    values = row.astype(object).iloc[0]
    return Comparability.from_row({str(name): value for name, value in values.items()})


def _history(rows: pd.DataFrame) -> History:
    return History(
        loss=rows["loss"].tolist(),
        accuracy=rows["accuracy"].tolist(),
        val_loss=rows["val_loss"].tolist(),
        val_accuracy=rows["val_accuracy"].tolist(),
    )
