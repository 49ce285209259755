"""A run's folder, read: what was planned, what was found, and what is missing.

::

    from experiments.results import RunResult

    run = RunResult.load("results/article")
    run                 # in a notebook: the verdict and one row per trial
    run.tables.trials   # a pandas table, as are epochs, timings and parity
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.epoch_seconds import EpochSeconds
from experiments.parity.trace import ParityRow
from experiments.plan import Plan, PlanError, Trial
from experiments.store import Store
from experiments.trial import TrialResult
from scratchnet.training import History

if TYPE_CHECKING:
    import pandas as pd

    from experiments.report.tables import Tables


class RunError(Exception):
    """A folder cannot be read as a run; the message is one line for the user."""


@dataclass(frozen=True)
class Missing:
    """Why a trial has no result.

    Attributes
    ----------
    status
        ``crashed``, ``unreadable`` or ``not run``.
    reason
        In a line.
    details
        The traceback, or empty.
    """

    status: str
    reason: str
    details: str = ""


@dataclass(frozen=True)
class RunResult:
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
    def load(cls, folder: str | Path) -> RunResult:
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
            missing = {trial.name: _why(trials, trial) for trial in plan.trials}
            readable = {name: stored.trials[name] for name, why in missing.items() if why is None}
            return cls(
                folder=folder,
                plan=plan,
                results=StoredResults(folder, readable),
                missing={name: why for name, why in missing.items() if why is not None},
                environment=environment,
            )
        results, statuses = _from_tables(folder, plan)
        return cls(
            folder=folder,
            plan=plan,
            results=results,
            missing={
                trial.name: Missing(*statuses.get(trial.name, _NOT_RUN))
                for trial in plan.trials
                if trial.name not in results
            },
            environment=environment,
        )

    @cached_property
    def tables(self) -> Tables:
        """The run's tables, as in its CSV files."""
        from experiments.report.tables import build_tables

        return build_tables(self.plan.trials, self.results)

    def write_report(self) -> Path:
        """Write ``report.html`` and ``plots/``, and return the page's path."""
        from experiments.report.html import write_report

        return write_report(self)

    def _repr_html_(self) -> str:
        from experiments.report.html import render_notebook

        return render_notebook(self)


@dataclass(frozen=True)
class StoredResults(Mapping[str, TrialResult]):
    """Results on the disk: a thousand of them need not fit into memory at once.

    Attributes
    ----------
    folder
        Of the run.
    trials
        Those that have a result, by name.
    """

    folder: Path
    trials: Mapping[str, Trial]

    def __getitem__(self, name: str) -> TrialResult:
        return self._store.load(self.trials[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.trials)

    def __len__(self) -> int:
        return len(self.trials)

    @cached_property
    def _store(self) -> Store:
        return Store(self.folder)


_NOT_RUN = ("not run", "the run has not come to it yet, or was interrupted before")


def _why(trials: Path, trial: Trial) -> Missing | None:
    """Return why a trial has no result, None if it has one."""
    folder = trials / trial.key
    if (folder / "result.json").exists():
        return None
    try:
        crash = (folder / "crash.txt").read_text(encoding="utf-8")
    except FileNotFoundError:
        return Missing(*_NOT_RUN)
    summary, _, details = crash.strip().partition("\n")
    return Missing("crashed", summary, details.strip())


def _read_plan(folder: Path) -> Plan:
    path = folder / "plan.toml"
    if not folder.is_dir():
        raise RunError(f"{folder}: no such folder; expected one that experiments.run left")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
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
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, PlanError) as error:
        raise RunError(f"{path}: cannot be read as a run's plan: {error}") from None
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: not a resolved plan: {error} is missing or wrong") from None


def _read_environment(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / 'environment.json'}: cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}


def _from_tables(
    folder: Path, plan: Plan
) -> tuple[dict[str, TrialResult], dict[str, tuple[str, str]]]:
    """Return results made from the CSV files, and the statuses of trials that did not finish."""
    tables = {name: _read_table(folder / f"{name}.csv") for name in _TABLES}
    if any(table is None for table in tables.values()):
        return {}, {}
    rows = {row["trial"]: row for row in tables["trials"].to_dict("records")}
    parts = {
        name: dict(tuple(tables[name].groupby("trial", sort=False)))
        for name in ("epochs", "timings", "parity")
    }
    results, statuses = {}, {}
    for trial in plan.trials:
        row = rows.get(trial.name)
        if row is None:
            continue
        if row["status"] == "finished" and all(trial.name in part for part in parts.values()):
            own = {name: part[trial.name] for name, part in parts.items()}
            results[trial.name] = _result(trial, int(row["parameters"]), own)
        elif row["status"] != "finished":
            statuses[trial.name] = (str(row["status"]), "only the tables of this run are here")
    return results, statuses


_TABLES = ("trials", "epochs", "timings", "parity")


def _read_table(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(path, keep_default_na=True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as a table: {error}") from None


def _result(trial: Trial, parameters: int, tables: Mapping[str, pd.DataFrame]) -> TrialResult:
    epochs = tables["epochs"]
    histories = {side: _history(epochs[epochs["implementation"] == side]) for side in _SIDES}
    parity = tables["parity"].reindex(columns=[f.name for f in dataclasses.fields(ParityRow)])
    # An empty cell of a column of words is an empty word.
    for column in ("layer", "tensor", "side", "verdict", "diagnosis"):
        parity[column] = parity[column].fillna("").astype(str)
    timings = tables["timings"]
    empty = np.empty((0, 1))
    return TrialResult(
        trial=trial,
        parameters=parameters,
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


_SIDES = ("scratchnet", "keras")


def _history(rows: pd.DataFrame) -> History:
    return History(
        **{
            column: rows[column].tolist()
            for column in ("loss", "accuracy", "val_loss", "val_accuracy")
        }
    )
