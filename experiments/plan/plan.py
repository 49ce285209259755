"""A plan in TOML becomes a list of trials, checked down to the last key.

`docs/plan.md` describes the format. Every mistake is one line that names the file, the place in
it, the value and what was expected; all mistakes of a plan are reported at once.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from experiments.plan import grid
from experiments.plan.datasets import DatasetError, check_fit, known_facts
from experiments.plan.described import fields_of
from experiments.plan.kinds import Field, List, Table, Text, Unchecked
from experiments.plan.memory import check_memory, training_bytes, weight_count
from experiments.plan.mistakes import PlanError, did_you_mean, shown
from experiments.plan.toml import parse_toml, read_toml
from experiments.plan.trial import DTYPES, NAME, Reference, Trial, check_backend, trial_kind

__all__ = ["DTYPES", "Plan", "PlanError", "Reference", "Trial", "check_backend", "load_plan"]


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes
    ----------
    name
        Names the folder of the results; left out, the file does.
    description
        A sentence or two for the report.
    trials
        At least one, in the order in which they run.
    """

    name: Annotated[str, NAME]
    description: Annotated[str, Text()]
    trials: tuple[Trial, ...]

    def __post_init__(self) -> None:
        mistakes = [
            mistake
            for name in ("name", "description")
            for mistake in plan_kind().by_name[name].kind.mistakes(name, getattr(self, name))
        ]
        numbers = Counter(trial.name for trial in self.trials)
        mistakes += [
            f"trials: the name {name!r} is used twice; expected unique names"
            for name, number in numbers.items()
            if number > 1
        ]
        if mistakes:
            raise PlanError(mistakes)

    def to_toml(self) -> str:
        """Return the plan as resolved: no defaults, no lists, ready to run again."""
        import tomli_w

        return tomli_w.dumps(
            {
                "name": self.name,
                "description": self.description,
                "trials": [trial.to_dict() for trial in self.trials],
            }
        )


@cache
def plan_kind() -> Table:
    """Return what a plan may have; the entries of ``trials`` are checked one by one."""
    described = {field.name: field for field in fields_of(Plan)}
    trials = List(Unchecked(), least=1, expected="at least one [[trials]]")
    name, description = described["name"], described["description"]
    return Table(
        (
            Field("name", name.kind, name.meaning, default=None),
            Field("description", description.kind, description.meaning, default=""),
            Field(
                "defaults",
                Unchecked(),
                "Keys of a trial, for every trial that does not set them itself.",
                None,
            ),
            Field("trials", trials, described["trials"].meaning),
        )
    )


def load_plan(path: Path, overrides: Sequence[str] = ()) -> Plan:
    """Read a plan, apply overrides, and check everything, the data's shapes included.

    Parameters
    ----------
    path
        A TOML file.
    overrides
        ``key=value``, as ``epochs=50`` or ``optimizer.learning_rate=0.1``: they win over the
        defaults and over every trial's own value.

    Raises
    ------
    PlanError
        With a line for each mistake.
    """
    table = read_toml(path)
    try:
        changes = _parse_overrides(overrides)
        return _Reading(path, changes).read(table)
    except PlanError as error:
        raise error.at(str(path)) from None


@dataclass(frozen=True)
class Override:
    """An override: where a value goes, which, and how it was written."""

    keys: tuple[str, ...]
    value: Any
    written: str


class _Reading:
    """One reading of a plan, and the mistakes so far."""

    def __init__(self, path: Path, changes: Sequence[Override]) -> None:
        self.path = path
        self.changes = changes
        self.mistakes: list[str] = []

    def read(self, table: Mapping[str, Any]) -> Plan:
        self.mistakes += plan_kind().mistakes("", table)
        defaults = self._table("defaults", table.get("defaults", {}), ())
        self._check_values("defaults", defaults)
        entries = table.get("trials")
        trials: list[Trial] = []
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            where = f"trials[{index}]"
            if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
                where += f" ({entry['name'][:100]})"
            entry = self._table(where, entry, ("name",))
            self._check_values(where, entry)
            trials += self._trials(where, defaults, entry)
        if self.mistakes:
            raise PlanError(self.mistakes)
        return Plan(table.get("name", self.path.stem), table.get("description", ""), tuple(trials))

    def _table(self, where: str, table: Any, further: tuple[str, ...]) -> Mapping[str, Any]:
        """Return a table of a trial's keys, without those that are unknown."""
        if not isinstance(table, Mapping):
            self.mistakes.append(f"{where}: {shown(table)}; expected a table")
            return {}
        known = [*further, *entry_keys()]
        for key in table:
            if key not in known:
                hint = did_you_mean(key, known)
                self.mistakes.append(
                    f"{where}: unknown key {shown(key)}; expected one of {', '.join(known)}{hint}"
                )
        return {key: value for key, value in table.items() if key in known}

    def _check_values(self, where: str, table: Mapping[str, Any]) -> None:
        """Check what stands there by itself, whatever a grid or an override puts in its place."""
        known = trial_kind().by_name
        for key in [key for key in table if key in known]:
            values = table[key] if key in grid.LISTS and isinstance(table[key], list) else None
            for value in [table[key]] if values is None else values:
                for mistake in known[key].kind.mistakes(key, value):
                    # A grid may put there what is missing.
                    if " is missing; " not in mistake:
                        self.mistakes.append(f"{where}: {mistake}")

    def _trials(
        self, where: str, defaults: Mapping[str, Any], entry: Mapping[str, Any]
    ) -> list[Trial]:
        """Return the trials of one entry; what is wrong with them is added to the mistakes."""
        if "name" in entry and not NAME.holds(entry["name"]):
            # It was told already, and is not wrong once more in each trial that is named after it.
            entry = {**entry, "name": "unnamed"}
        settings: dict[str, Any] = {**_LEFT_OUT, **defaults, **entry}
        touched = grid.touched(settings)
        places = {key: "defaults" for key in defaults if key not in entry and key not in touched}
        trials = []
        try:
            for change in self.changes:
                # With grid.epochs, it is epochs that may turn out wrong.
                touched_by_it = change.keys[:2] if change.keys[0] == "grid" else change.keys[:1]
                places |= dict.fromkeys(touched_by_it, change.written)
                settings = grid.overridden(settings, change.keys, change.value)
            for single in grid.expand(settings):
                try:
                    trial = Trial.from_dict(self._located(single))
                    self._check(trial)
                    trials.append(trial)
                except PlanError as error:
                    self._add(where, places, error)
        except PlanError as error:
            self._add(where, places, error)
        return trials

    def _located(self, single: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let paths start at the plan's folder."""
        dataset = single.get("dataset")
        if not isinstance(dataset, Mapping):
            return single
        folder = os.path.abspath(self.path.parent)
        key = {"file": "path", "function": "folder"}.get(str(dataset.get("name")), "")
        path = dataset.get(key, "." if key == "folder" else None)
        if not isinstance(path, str):
            return single
        return {**single, "dataset": {**dataset, key: os.path.join(folder, path)}}

    def _add(self, where: str, places: Mapping[str, str], error: PlanError) -> None:
        """Tell mistakes where they stand: a default is wrong once, and not in every trial."""
        for mistake in error.mistakes:
            word = re.match(r"\w*", mistake)
            place = places.get(word.group(), where) if word else where
            self.mistakes.append(f"{place}: {mistake}")

    @staticmethod
    def _check(trial: Trial) -> None:
        """Require that data and network fit together, and the machine's memory."""
        try:
            facts = known_facts(trial.dataset)
        except DatasetError as error:
            raise error.at("dataset") from None
        check_fit(facts, trial.architecture, trial.dtype)
        batch = trial.batch_size or facts.training_samples
        needed = training_bytes(trial.architecture, trial.optimizer, trial.dtype, batch)
        weights = f"architecture: {weight_count(trial.architecture):,} weights"
        if mistake := check_memory(needed, f"{weights} and a batch of {batch:,} samples"):
            raise PlanError(mistake)


_LEFT_OUT = {"optimizer": "sgd"}
"""Written out before anything is changed inside it."""


@cache
def entry_keys() -> tuple[str, ...]:
    """Return the keys that an entry of ``trials`` and the defaults may have, but for the name."""
    return (*(f.name for f in trial_kind().fields if f.name != "name"), *grid.KEYS)


def _parse_overrides(overrides: Sequence[str]) -> list[Override]:
    changes: list[Override] = []
    mistakes: list[str] = []
    for override in overrides:
        try:
            changes.append(_parse_override(override))
        except PlanError as error:
            mistakes += error.at(_written(override)).mistakes
    if mistakes:
        raise PlanError(mistakes)
    return changes


def _parse_override(override: str) -> Override:
    key, equals, text = override.partition("=")
    keys = tuple(key.strip().split("."))
    if not equals or not all(keys):
        raise PlanError("expected key=value, as epochs=50")
    settable = [known for known in entry_keys() if known not in ("reference", *grid.KEYS[1:])]
    if keys[0] not in settable:
        hint = did_you_mean(keys[0], settable)
        raise PlanError(
            f"unknown key {shown(keys[0])}; expected one of {', '.join(settable)}{hint}"
        )
    try:
        value = parse_toml(f"value = {text}")["value"]
    except PlanError as error:
        if "not TOML" not in str(error):
            raise
        # A word needs no quotes on a command line.
        value = text.strip()
    return Override(keys, _from_here(keys, value), _written(override))


def _written(override: str) -> str:
    """Return an override as a place; a long one is cut, so that the mistake stays in sight."""
    return f"--set {override if len(override) <= 100 else override[:96] + ' ...'}"


def _from_here(keys: Sequence[str], value: Any) -> Any:
    """Let the path of a file start where the command is given, as the shell completes it."""
    if keys == ("dataset", "path") and isinstance(value, str):
        return os.path.abspath(value)
    if keys == ("dataset",) and isinstance(value, Mapping) and isinstance(value.get("path"), str):
        return {**value, "path": os.path.abspath(value["path"])}
    return value
