"""One entry of a plan becomes its trials: lists, a grid over any field, exceptions."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from experiments.plan.mistakes import PlanError, shown

# A list under one of these keys makes a trial for each of its entries.
LISTS = (
    "architecture",
    "dataset",
    "optimizer",
    "dtype",
    "batch_size",
    "epochs",
    "seed",
    "shuffle_seed",
    "backend",
)
KEYS = ("grid", "include", "exclude")
MOST_TRIALS = 100_000

Path = tuple[str, ...]
"""Keys from the outside in, as ``("optimizer", "learning_rate")``."""


@dataclass(frozen=True)
class Axis:
    """What varies, and over which values."""

    path: Path
    values: Sequence[Any]

    @cached_property
    def labels(self) -> list[str]:
        """What names each value within a trial's name: ``float32``, ``learning_rate0.1``."""
        words = [_word(value) for value in self.values]
        numbers, seen = Counter(words), Counter[str]()
        key = self.path[-1]
        prefix = key if len(self.path) > 1 else _PREFIXES.get(key, key)
        labels = []
        for word in words:
            seen[word] += 1
            labels.append(prefix + word + (str(seen[word]) if numbers[word] > 1 else ""))
        return labels


def expand(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the settings of each trial that an entry stands for.

    Parameters
    ----------
    settings
        Of a trial; lists under `LISTS` are axes, as are those in ``grid``, whose keys are paths.
        ``exclude`` takes combinations away, ``include`` adds some.

    Raises
    ------
    PlanError
        If a list is empty, or one of these three is not what it should be.
    """
    base = {key: value for key, value in settings.items() if key not in KEYS}
    grid = settings.get("grid", {})
    if not isinstance(grid, Mapping):
        raise PlanError(f"grid = {shown(grid)}; expected a table of lists")
    axes = [*_lists(base), *(Axis(path, values) for path, values in _flat(grid, leaf=list))]
    for axis in axes:
        if not isinstance(axis.values, list):
            raise PlanError(
                f"grid: {'.'.join(axis.path)} = {shown(axis.values)}; expected a list of values"
            )
        if not axis.values:
            raise PlanError(f"{'.'.join(axis.path)} = []; expected at least one entry")
    if math.prod(len(axis.values) for axis in axes) > MOST_TRIALS:
        raise PlanError(f"the lists make more than {MOST_TRIALS:,} trials; expected fewer")
    exclude = _entries(settings, "exclude")
    used = [False] * len(exclude)
    for single in _product(base, axes):
        fits = [_fits(single, entry) for entry in exclude]
        used = [before or now for before, now in zip(used, fits, strict=True)]
        if not any(fits):
            yield single
    for index, was_used in enumerate(used):
        if not was_used:
            raise PlanError(
                f"exclude[{index}] = {shown(exclude[index])} matches no trial; expected values "
                "that occur together"
            )
    for entry in _entries(settings, "include"):
        yield from _included(base, axes, entry)


def touched(settings: Mapping[str, Any]) -> set[str]:
    """Return the keys that ``grid`` and ``include`` put something in."""
    tables = [settings.get("grid", {}), *_tables(settings.get("include"))]
    return {str(key).split(".")[0] for t in tables if isinstance(t, Mapping) for key in t}


def _tables(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _lists(base: Mapping[str, Any]) -> list[Axis]:
    return [Axis((key,), base[key]) for key in LISTS if isinstance(base.get(key), list)]


def _entries(settings: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = settings.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(e, Mapping) and e for e in entries):
        raise PlanError(f"{key} = {shown(entries)}; expected a list of tables, none of them empty")
    return entries


def _flat(table: Mapping[str, Any], *, leaf: type = object, before: Path = ()) -> Iterator[Any]:
    """Yield paths and values of a table; TOML writes ``optimizer.learning_rate`` as two tables."""
    for key, value in table.items():
        path = (*before, *str(key).split("."))
        if isinstance(value, Mapping) and value:
            yield from _flat(value, leaf=leaf, before=path)
        else:
            yield path, value


def _product(base: Mapping[str, Any], axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    for positions in itertools.product(*(range(len(axis.values)) for axis in axes)):
        single = dict(base)
        for axis, position in zip(axes, positions, strict=True):
            single = changed(single, axis.path, axis.values[position])
            if len(axis.values) > 1 and isinstance(single.get("name"), str):
                single["name"] += f"-{axis.labels[position]}"
        yield single


def _included(
    base: Mapping[str, Any], axes: Sequence[Axis], entry: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the trials of one entry of ``include``: what it does not set keeps all its values."""
    changes = list(_changes(entry))
    remaining = [axis for axis in axes if not any(_same(axis.path, path) for path, _ in changes)]
    fixed: dict[str, Any] = dict(base)
    for axis in axes:
        if axis not in remaining:
            # The path must lead somewhere; what is there is replaced below.
            fixed = changed(fixed, axis.path, axis.values[0])
    words = []
    for path, value in changes:
        fixed = changed(fixed, path, value)
        words += Axis(path, [value]).labels
    if "name" not in entry and isinstance(fixed.get("name"), str):
        fixed["name"] = "-".join([fixed["name"], *words])
    yield from _product(fixed, remaining)


def _same(one: Path, other: Path) -> bool:
    """Whether one path leads to the other's value, or into it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _changes(entry: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield what an entry sets: a table with a name as a whole, any other key by key."""
    for key, value in entry.items():
        if isinstance(value, Mapping) and value and "name" not in value:
            yield from _flat(value, before=(*key.split("."),))
        else:
            yield (*key.split("."),), value


def _fits(single: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    for path, expected in _flat(_with_names(entry)):
        value: Any = _with_names(single)
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        # JSON: 1 and true are not the same there.
        if json.dumps(value, default=str) != json.dumps(expected, default=str):
            return False
    return True


def _with_names(table: Mapping[str, Any]) -> dict[str, Any]:
    """Write a bare name as a table."""
    named = ("dataset", "optimizer")
    return {k: {"name": v} if k in named and isinstance(v, str) else v for k, v in table.items()}


def overridden(settings: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return settings with a value from the command line; ``grid.seed`` makes an axis."""
    if path[0] != "grid" or len(path) == 1:
        return changed(settings, path, value)
    grid = settings.get("grid", {})
    axis = {".".join(path[1:]): value}
    return {**settings, "grid": {**grid, **axis} if isinstance(grid, Mapping) else grid}


def changed(settings: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return settings with a value put under a path of keys, in every entry of a list.

    Raises
    ------
    PlanError
        If the path leads nowhere.
    """
    key, *inner = path
    if not inner:
        return {**settings, key: value}
    if key not in settings:
        raise PlanError(f"{key} is missing; expected a table to set {'.'.join(inner)} in")
    old = settings[key]
    if isinstance(old, list) and inner[0].isdigit():
        return {**settings, key: _changed_entry(key, old, inner, value)}
    entries = [
        {"name": entry} if isinstance(entry, str) and key in ("dataset", "optimizer") else entry
        for entry in (old if isinstance(old, list) else [old])
    ]
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise PlanError(f"{key} = {shown(entry)}; expected a table to set {'.'.join(inner)} in")
    new = [changed(entry, inner, value) for entry in entries]
    return {**settings, key: new if isinstance(old, list) else new[0]}


def _changed_entry(key: str, entries: Sequence[Any], inner: Sequence[str], value: Any) -> list[Any]:
    """Return a list with one entry changed, as ``layers.0.units`` does."""
    index, *further = inner
    if int(index) >= len(entries):
        raise PlanError(f"{key}.{index}: there are {len(entries)} entries; expected one of them")
    new = list(entries)
    if not further:
        new[int(index)] = value
    elif isinstance(entries[int(index)], Mapping):
        new[int(index)] = changed(entries[int(index)], further, value)
    else:
        raise PlanError(f"{key}.{index} = {shown(entries[int(index)])}; expected a table")
    return new


_PREFIXES = {
    "dataset": "",
    "optimizer": "",
    "dtype": "",
    "backend": "",
    "batch_size": "batch",
    "shuffle_seed": "shuffle",
}


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("name", value.get("units", ""))
    if isinstance(value, list):
        value = "-".join(_word(entry) for entry in value)
    # A word must be fit for a file's name, and leave room for others.
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(value))[:40]
