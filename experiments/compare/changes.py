"""What changed between two runs: parity, accuracy, time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.plan.plan import Trial
from experiments.report.run_result import RunResult
from experiments.trials.ratios import Comparison, compare_runs
from experiments.trials.run_folder import RunError, read_table
from experiments.trials.store import FINISHED
from experiments.trials.turns import IMPLEMENTATIONS

if TYPE_CHECKING:
    import pandas as pd

    from experiments.trials.tables import Tables

EQUIVALENCE = 0.25
"""The quick timings within a run are not the bench's: a smaller change is none."""

WORSE, BETTER, SAME, OTHER, UNKNOWN = "worse", "better", "same", "other", "unknown"
"""What a change is; `OTHER` is neither better nor worse, `UNKNOWN` is where nothing was shown."""

_WRONG = ("divergent", "crashed", "timed out", "out of memory", "unreadable")


@dataclass(frozen=True)
class Change:
    """How one aspect of a trial changed.

    Attributes
    ----------
    aspect
        ``parity``, ``accuracy``, ``time`` or ``settings``.
    kind
        `WORSE`, `BETTER`, `SAME`, `OTHER` or `UNKNOWN`.
    before, after
        In short.
    sentence
        What changed, or why it is not known, in words; empty where nothing did.
    """

    aspect: str
    kind: str
    before: str
    after: str
    sentence: str = ""


@dataclass(frozen=True)
class TrialChange:
    """How one trial changed.

    Attributes
    ----------
    name
        In both plans.
    parity, accuracy, time
        What changed.
    settings
        Settings that differ between the two plans, as ``epochs: 300, then 400``.
    ratio
        New over old seconds per epoch of scratchnet; None where there is none.
    """

    name: str
    parity: Change
    accuracy: Change
    time: Change
    settings: tuple[str, ...]
    ratio: Comparison | None

    @property
    def kind(self) -> str:
        """The worst of all changes."""
        kinds = {change.kind for change in (self.parity, self.accuracy, self.time)}
        if self.settings:
            kinds.add(OTHER)
        return next(kind for kind in (WORSE, OTHER, BETTER, UNKNOWN, SAME) if kind in kinds)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing about it could be compared."""
        return {self.parity.kind, self.accuracy.kind, self.time.kind} == {UNKNOWN}

    @property
    def sentences(self) -> list[str]:
        """All that changed or is not known, in words."""
        said = [change.sentence for change in (self.parity, self.accuracy, self.time)]
        settings = [f"other settings: {'; '.join(self.settings)}"] if self.settings else []
        return [sentence for sentence in (*said, *settings) if sentence]


@dataclass(frozen=True)
class RunComparison:
    """Two runs, one beside the other.

    Attributes
    ----------
    before, after
        The runs.
    trials
        Those that both plans have.
    only_before, only_after
        Names of the others.
    same_machine
        Whether both ran on the same kind of processor with as many cores: only then seconds are
        compared with seconds, and otherwise only with Keras's of the same run.
    """

    before: RunResult
    after: RunResult
    trials: tuple[TrialChange, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    same_machine: bool

    @property
    def regressions(self) -> list[TrialChange]:
        """The trials that are worse than before."""
        return [trial for trial in self.trials if trial.kind == WORSE]


def compare_two_runs(before: RunResult, after: RunResult) -> RunComparison:
    """Compare the trials that two runs have in common, by name.

    Parameters
    ----------
    before, after
        The runs. Their tables are what is compared: the CSV files where they are there, otherwise
        what the store holds.

    Raises
    ------
    RunError
        If they have no trial in common.
    """
    old, new = _tables(before), _tables(after)
    plans = [{trial.name: trial for trial in run.plan.trials} for run in (before, after)]
    common = [name for name in plans[0] if name in plans[1]]
    if not common:
        raise RunError(
            f"{before.folder} and {after.folder} have no trial in common; expected two runs of "
            "one plan"
        )
    same_machine = _machine(before.environment) == _machine(after.environment)
    return RunComparison(
        before=before,
        after=after,
        trials=tuple(
            _compare_trial(
                plans[0][name],
                plans[1][name],
                _Found.of(name, old, before),
                _Found.of(name, new, after),
                same_machine=same_machine,
            )
            for name in common
        ),
        only_before=tuple(name for name in plans[0] if name not in plans[1]),
        only_after=tuple(name for name in plans[1] if name not in plans[0]),
        same_machine=same_machine,
    )


@dataclass(frozen=True)
class _Found:
    """What one run says about one trial."""

    status: str
    verdict: str
    first: str
    accuracy: dict[str, float]
    medians: dict[str, list[float]]
    seconds: float = math.nan

    @classmethod
    def of(cls, name: str, tables: Tables, run: RunResult) -> _Found:
        rows = tables.trials[tables.trials["trial"] == name]
        if rows.empty or rows.iloc[0]["status"] not in FINISHED:
            status = run.missing[name].status if name in run.missing else "not run"
            if not rows.empty and status != "not run":
                status = str(rows.iloc[0]["status"])
            return cls(status, "", "", {}, {})
        row = rows.iloc[0]
        parity = tables.parity[tables.parity["trial"] == name]
        verdict, first = _verdict(str(row["verdict"]), parity)
        timings = tables.timings[tables.timings["trial"] == name]
        return cls(
            status="finished",
            verdict=verdict,
            first=first,
            accuracy={side: float(row[f"{side}_test_accuracy"]) for side in IMPLEMENTATIONS},
            medians={
                side: timings[timings["implementation"] == side]
                .groupby("repeat")["seconds"]
                .median()
                .tolist()
                for side in IMPLEMENTATIONS
            },
            seconds=float(row.get("scratchnet_median_epoch_seconds", math.nan)),
        )


def _verdict(said: str, parity: pd.DataFrame) -> tuple[str, str]:
    """Return a trial's worst verdict, and where it first diverges."""
    from experiments.trials.tables import VERDICTS

    found = [verdict for verdict in (said, *parity["verdict"]) if verdict in VERDICTS]
    worst = max(found, key=VERDICTS.index, default="")
    divergent = parity[parity["verdict"] == "divergent"]
    if divergent.empty:
        return worst, ""
    row = divergent.iloc[0]
    diagnosis = row["diagnosis"] if isinstance(row["diagnosis"], str) else ""
    where = f"step {row['step']}, {row['layer']}/{row['tensor']}"
    return worst, f"{where}: {diagnosis}" if diagnosis else where


def _compare_trial(
    old_trial: Trial, new_trial: Trial, old: _Found, new: _Found, *, same_machine: bool
) -> TrialChange:
    ratio = _ratio(old, new, same_machine=same_machine)
    settings = _settings(old_trial, new_trial)
    return TrialChange(
        name=new_trial.name,
        parity=_parity(old, new),
        accuracy=_accuracy(old, new, new_trial, same_settings=not settings),
        time=_time(old, new, ratio),
        settings=settings,
        ratio=ratio[0] if ratio else None,
    )


def _parity(old: _Found, new: _Found) -> Change:
    from experiments.trials.tables import VERDICTS

    before, after = (found.verdict or found.status for found in (old, new))
    kind, sentence = SAME, ""
    silent = [word not in (*VERDICTS, *_WRONG) for word in (before, after)]
    if any(silent) and after not in _WRONG:
        kind, sentence = UNKNOWN, f"it is not known whether it is still right: {_which(silent)}"
    elif after in _WRONG and before not in _WRONG:
        kind = WORSE
        sentence = {
            "divergent": f"differs from Keras now, and did not before: {new.first}"
            if before in VERDICTS
            else f"differs from Keras now, and was not judged before: {new.first}",
            "crashed": "crashes now",
            "timed out": "exceeds its time limit now",
            "out of memory": "exceeds its memory limit now",
        }.get(after, "cannot be read now")
    elif before in _WRONG and after not in _WRONG:
        kind, sentence = BETTER, f"is {after} now; it was {before}"
    elif before != after:
        kind, sentence = OTHER, f"is {after} now; it was {before}"
    elif before == "divergent" and old.first != new.first:
        kind, sentence = OTHER, f"first diverges elsewhere: {new.first}; before: {old.first}"
    return Change("parity", kind, before, after, sentence)


def _accuracy(old: _Found, new: _Found, trial: Trial, *, same_settings: bool) -> Change:
    a, b = (found.accuracy.get("scratchnet", math.nan) for found in (old, new))
    change = Change("accuracy", SAME, _figure(old), _figure(new))
    silent = [not math.isfinite(value) for value in (a, b)]
    if any(silent):
        return replace(
            change, kind=UNKNOWN, sentence=f"its test accuracy is not known {_where(silent)}"
        )
    if abs(a - b) < 1e-6:
        return change
    points = f"{100 * abs(a - b):.2g} percentage points"
    # The same trial gives the same accuracy, so any fall is one. But where rounding grows to chaos,
    # or other settings were trained, only chance says how much two right runs may differ; and a
    # rise within chance is no merit.
    chaos = "chaos" in (old.verdict, new.verdict)
    if (chaos or not same_settings or b > a) and _by_chance(a, b, trial):
        kind = OTHER
        why = ", a difference that chance could explain" + (
            ", as rounding grows to chaos" if chaos else ""
        )
    else:
        kind, why = (WORSE if b < a else BETTER), ""
    direction = "lower" if b < a else "higher"
    sentence = f"its test accuracy is {points} {direction}{why}"
    return Change("accuracy", kind, change.before, change.after, sentence)


def _by_chance(a: float, b: float, trial: Trial) -> bool:
    """Whether two shares of the held-out samples differ by no more than chance, at 95 %."""
    from experiments.plan.datasets import DatasetError, load

    try:
        samples = len(load(trial.dataset).y_test)
    except DatasetError:
        return False
    mean = (a + b) / 2
    return abs(a - b) <= 1.96 * math.sqrt(2 * mean * (1 - mean) / samples)


Ratios = tuple[Comparison, Sequence[Comparison]]
"""What is shown, and all that must agree on a verdict."""


def _ratio(old: _Found, new: _Found, *, same_machine: bool) -> Ratios | None:
    """Compare seconds per epoch: with each other, and relative to Keras's of the same run."""
    if not all(found.medians.get(side) for found in (old, new) for side in IMPLEMENTATIONS):
        return None
    seconds = compare_runs(
        new.medians["scratchnet"], old.medians["scratchnet"], equivalence=EQUIVALENCE
    )
    beside = compare_runs(_beside(new), _beside(old), equivalence=EQUIVALENCE)
    return (seconds, (seconds, beside)) if same_machine else (beside, (beside,))


def _beside(found: _Found) -> list[float]:
    pairs = zip(found.medians["scratchnet"], found.medians["keras"], strict=False)
    return [ours / twin for ours, twin in pairs]


def _time(old: _Found, new: _Found, ratios: Ratios | None) -> Change:
    change = Change("time", SAME, _epoch(old), _epoch(new))
    if ratios is None:
        silent = [not all(found.medians.get(s) for s in IMPLEMENTATIONS) for found in (old, new)]
        return replace(
            change, kind=UNKNOWN, sentence=f"its time per epoch is not known {_where(silent)}"
        )
    shown, all_ = ratios
    # A busy machine slows Keras down as well: where one of the two ratios is 1, nothing changed.
    if any(_is_equal(comparison) for comparison in all_):
        return change
    took = (
        f"an epoch of scratchnet takes {shown.ratio:.2f} times as long as before (95 % interval "
        f"{shown.low:.2f} to {shown.high:.2f})"
    )
    verdicts = {comparison.verdict for comparison in all_}
    if verdicts == {"slower"}:
        return replace(change, kind=WORSE, sentence=took)
    if verdicts == {"faster"}:
        return replace(change, kind=BETTER, sentence=took)
    if not math.isfinite(shown.low):
        took = f"an epoch took {shown.ratio:.2f} times as long, but the repeats are too few"
    return replace(
        change, kind=UNKNOWN, sentence=f"it is not known whether its time changed: {took}"
    )


def _is_equal(comparison: Comparison) -> bool:
    """Whether the whole interval lies within what counts as equal."""
    return 1 / (1 + EQUIVALENCE) <= comparison.low <= comparison.high <= 1 + EQUIVALENCE


def _which(silent: Sequence[bool]) -> str:
    """Say which of two runs did not judge a trial."""
    if all(silent):
        return "neither run judged it"
    return f"the {'earlier' if silent[0] else 'later'} run did not judge it"


def _where(silent: Sequence[bool]) -> str:
    """Say in which of two runs a number is missing."""
    if all(silent):
        return "in either run"
    return f"in the {'earlier' if silent[0] else 'later'} run"


def _figure(found: _Found) -> str:
    accuracy = found.accuracy.get("scratchnet", math.nan)
    return f"{accuracy:.3f}" if math.isfinite(accuracy) else "n/a"


def _epoch(found: _Found) -> str:
    from experiments.runtime.figures import duration

    return "n/a" if math.isnan(found.seconds) else duration(found.seconds)


def _settings(old: Trial, new: Trial) -> tuple[str, ...]:
    before, after = (_flat(trial.to_dict()) for trial in (old, new))
    keys = dict.fromkeys([*before, *after])
    return tuple(
        f"{key}: {before.get(key, 'none')}, then {after.get(key, 'none')}"
        for key in keys
        if key.split(".")[0] not in ("name", "reference") and before.get(key) != after.get(key)
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _machine(environment: Mapping[str, Any]) -> tuple[Any, Any]:
    return environment.get("processor"), environment.get("cores")


def _tables(run: RunResult) -> Tables:
    import pandas as pd

    from experiments.trials.tables import Tables

    paths = {name: run.folder / f"{name}.csv" for name in _NEEDED}
    if not paths["trials"].exists():
        return run.tables
    found = {
        # Of a run that was published, parts may be missing: nothing is known of them.
        name: read_table(path, _NEEDED[name])
        if path.exists()
        else pd.DataFrame(columns=list(_NEEDED[name]))
        for name, path in paths.items()
    }
    unread = found["trials"][:0]
    return Tables(**found, epochs=unread, comparability=unread)


_NEEDED: dict[str, Sequence[str]] = {
    "trials": (
        "trial",
        "status",
        "verdict",
        *(f"{side}_test_accuracy" for side in IMPLEMENTATIONS),
    ),
    "timings": ("trial", "implementation", "repeat", "seconds"),
    "parity": ("trial", "step", "layer", "tensor", "verdict", "diagnosis"),
}


def name_of(folder: Path) -> str:
    """Return what a run is called beside another one."""
    return folder.resolve().name
