"""A plan in TOML becomes a list of trials, checked down to the last key.

`docs/plan.md` describes the format. Every mistake is one line that names the file, the place in
it, the value and what was expected.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from experiments.plan.datasets import DatasetError, DatasetSpecification, check_fit, load
from scratchnet.architecture import Architecture
from scratchnet.conventions import CONVENTIONS
from scratchnet.errors import ArchitectureError, check_choice, check_keys
from scratchnet.layers import Dense
from scratchnet.optimizers import Optimizer, optimizer_from_dict, optimizer_to_dict

DTYPES = ("float32", "float64")

# A list under one of these keys makes a trial for each of its entries.
GRID = ("dataset", "optimizer", "dtype", "batch_size", "epochs", "seed", "backend")
TRIAL_KEYS = ("architecture", *GRID, "shuffle_seed", "reference")
DEFAULTS: dict[str, Any] = {
    "optimizer": "sgd",
    "dtype": "float32",
    "batch_size": "full",
    "seed": 0,
    "backend": "tensorflow",
}


class PlanError(ValueError):
    """A plan is wrong; the message is one line for the user."""


@dataclass(frozen=True)
class Reference:
    """What somebody else reported for a trial, to stand beside ours.

    Attributes
    ----------
    note
        Where the figures come from, and under which settings.
    epochs
        How many the original trained.
    numpy_test_accuracy, keras_test_accuracy
        As reported; None where there is no figure.
    """

    note: str
    epochs: int | None = None
    numpy_test_accuracy: float | None = None
    keras_test_accuracy: float | None = None


@dataclass(frozen=True)
class Trial:
    """One comparison: all that decides its outcome, and its name.

    Attributes
    ----------
    name
        Unique in the plan; names its plots.
    architecture, dataset, optimizer
        What is trained, on what, how; the architecture says on which backend Keras runs.
    dtype
        Of both networks: ``"float32"`` or ``"float64"``.
    batch_size
        None: all training samples.
    epochs
        How many to train.
    seed
        Of the initial weights.
    shuffle_seed
        Of the order of samples, see `scratchnet.BatchOrder`; None: as they come.
    reference
        Somebody else's figures.
    """

    name: str
    architecture: Architecture
    dataset: DatasetSpecification
    optimizer: Optimizer
    dtype: str
    batch_size: int | None
    epochs: int
    seed: int
    shuffle_seed: int | None
    reference: Reference | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PlanError(f"name = {self.name!r}; expected {_NAME_RULE}")
        for layer in self.architecture.layers:
            if not _NAME.fullmatch(layer.name):
                raise PlanError(
                    f"architecture: layer name = {layer.name!r}; expected {_NAME_RULE}, and in "
                    "TensorFlow's scopes"
                )
        check_choice("dtype", self.dtype, DTYPES)
        if self.batch_size is not None:
            _check_integer("batch_size", self.batch_size, 1, " or 'full'")
        _check_integer("epochs", self.epochs, 1)
        _check_integer("seed", self.seed, 0)
        if self.shuffle_seed is not None:
            _check_integer("shuffle_seed", self.shuffle_seed, 0)

    @property
    def backend(self) -> str:
        """What Keras runs on."""
        return self.architecture.backend

    @property
    def key(self) -> str:
        """Hash of all that decides the outcome: the name and the reference do not."""
        table = self.to_dict()
        for unimportant in ("name", "reference"):
            table.pop(unimportant, None)
        text = json.dumps(table, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as it would stand in a plan, with nothing left to defaults."""
        table: dict[str, Any] = {
            "name": self.name,
            "dtype": self.dtype,
            "batch_size": self.batch_size or "full",
            "epochs": self.epochs,
            "seed": self.seed,
            "backend": self.backend,
        }
        if self.shuffle_seed is not None:
            table["shuffle_seed"] = self.shuffle_seed
        table["dataset"] = self.dataset.to_dict()
        table["optimizer"] = optimizer_to_dict(self.optimizer)
        table["architecture"] = self.architecture.to_dict()
        table["architecture"].pop("backend", None)
        if self.reference is not None:
            fields = dataclasses.asdict(self.reference)
            table["reference"] = {key: value for key, value in fields.items() if value is not None}
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Trial:
        """Make a trial from a table of single values.

        Raises
        ------
        PlanError
            If a key is missing, unknown or wrong; the message names its place in the table.
        """
        settings = {**DEFAULTS, **table}
        _check_table("", settings, ["name", *TRIAL_KEYS])
        for required in ("name", "architecture", "dataset", "epochs"):
            if required not in settings:
                raise PlanError(f"{required} is missing")
        made: dict[str, Any] = dict(settings)
        if settings["batch_size"] == "full":
            made["batch_size"] = None
        made.setdefault("shuffle_seed", None)
        backend = made.pop("backend")
        check_backend(backend)
        parts: list[tuple[str, Callable[[Any], Any]]] = [
            ("architecture", partial(_architecture, backend=backend)),
            ("dataset", _dataset),
            ("optimizer", _optimizer),
            ("reference", _reference),
        ]
        for part, make in parts:
            if part in settings:
                try:
                    made[part] = make(settings[part])
                except (ArchitectureError, DatasetError, PlanError) as error:
                    raise PlanError(f"{part}: {error}") from None
        try:
            return cls(**made)
        except ArchitectureError as error:
            raise PlanError(str(error)) from None


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes
    ----------
    name
        Names the folder of the results.
    description
        A sentence or two for the report.
    trials
        In the order in which they run.
    """

    name: str
    description: str
    trials: tuple[Trial, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PlanError(f"name = {self.name!r}; expected {_NAME_RULE}")
        if not isinstance(self.description, str):
            raise PlanError(f"description = {self.description!r}; expected a string")
        names = [trial.name for trial in self.trials]
        for name in names:
            if names.count(name) > 1:
                raise PlanError(f"trials: the name {name!r} is taken twice; expected unique names")

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
        With one line for the user.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path}: no such plan{_nearest_plan(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PlanError(f"{path}: cannot be read as a plan: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path}: not TOML: {error}") from None
    changes = [_parse_override(override) for override in overrides]
    source = " ".join([str(path), *(f"--set {override}" for override in overrides)])
    try:
        return _plan(table, path.stem, changes)
    except PlanError as error:
        raise PlanError(f"{source}: {error}") from None


Change = tuple[list[str], Any]
"""Keys from the outside in, and the value to put there."""


def _plan(table: Mapping[str, Any], stem: str, changes: Sequence[Change]) -> Plan:
    _check_table("", table, ["name", "description", "defaults", "trials"])
    defaults = table.get("defaults", {})
    _check_table("defaults", defaults, TRIAL_KEYS)
    entries = table.get("trials")
    if not isinstance(entries, list) or not entries:
        raise PlanError(f"trials = {entries!r}; expected at least one [[trials]]")
    trials: list[Trial] = []
    for index, entry in enumerate(entries):
        where = f"trials[{index}]"
        _check_table(where, entry, ["name", *TRIAL_KEYS])
        if "name" in entry:
            where += f" ({entry['name']})"
        settings = {**DEFAULTS, **defaults, **entry}
        try:
            for keys, value in changes:
                settings = _changed(settings, keys, value)
            for single in _expand(settings):
                trials.append(Trial.from_dict(single))
                check_fit(load(trials[-1].dataset), trials[-1].architecture)
        except (PlanError, DatasetError) as error:
            raise PlanError(f"{where}: {error}") from None
    return Plan(table.get("name", stem), table.get("description", ""), tuple(trials))


def _expand(settings: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the settings of each trial that lists under `GRID` keys stand for."""
    lists = {key: settings[key] for key in GRID if isinstance(settings.get(key), list)}
    for key, values in lists.items():
        if not values:
            raise PlanError(f"{key} = []; expected at least one entry")
    for chosen in itertools.product(*(range(len(values)) for values in lists.values())):
        single = dict(settings)
        for (key, values), position in zip(lists.items(), chosen, strict=True):
            single[key] = values[position]
            if len(values) > 1 and "name" in single:
                single["name"] = f"{single['name']}-{_label(key, values, position)}"
        yield single


def _label(key: str, values: Sequence[Any], position: int) -> str:
    """Name an entry of a list within a trial's name, as ``float32``, ``batch32``, ``adam``."""
    words = [
        str(value.get("name")) if isinstance(value, Mapping) else str(value) for value in values
    ]
    word = words[position]
    if words.count(word) > 1:
        word += str(words[: position + 1].count(word))
    prefix = {"batch_size": "batch", "epochs": "epochs", "seed": "seed"}.get(key, "")
    return prefix + word


def _changed(settings: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Return settings with a value put under a path of keys, in every entry of a list."""
    key, *inner = keys
    if not inner:
        return {**settings, key: value}
    if key not in settings:
        raise PlanError(f"{key} is missing; expected a table to set {'.'.join(inner)} in")
    old = settings[key]
    entries = [
        {"name": entry} if isinstance(entry, str) and key in ("dataset", "optimizer") else entry
        for entry in (old if isinstance(old, list) else [old])
    ]
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise PlanError(f"{key} = {entry!r}; expected a table to set {'.'.join(inner)} in")
    new = [_changed(entry, inner, value) for entry in entries]
    return {**settings, key: new if isinstance(old, list) else new[0]}


def _parse_override(override: str) -> Change:
    key, equals, text = override.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise PlanError(f"--set {override}: expected key=value, as epochs=50")
    settable = [known for known in TRIAL_KEYS if known != "reference"]
    try:
        check_keys(keys[:1], settable)
    except ArchitectureError as error:
        raise PlanError(f"--set {override}: {error}") from None
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        # A word needs no quotes on a command line.
        value = text.strip()
    return keys, value


def _architecture(table: Any, backend: str) -> Architecture:
    """Make an architecture from its full form, or from a list of units."""
    if not isinstance(table, Mapping):
        raise PlanError(f"{table!r}; expected a table")
    if "backend" in table:
        raise PlanError(f"backend = {table['backend']!r}; expected backend beside architecture")
    if "units" not in table:
        return Architecture.from_dict({**table, "backend": backend})
    check_keys(table, ["units", "activation", "last_activation", "loss", *_INITIALIZERS])
    units = table["units"]
    if not isinstance(units, list) or len(units) < 2:
        raise PlanError(f"units = {units!r}; expected inputs, then units per layer, as [2, 4, 1]")
    for name in ("last_activation", "loss"):
        if name not in table:
            raise PlanError(f"{name} is missing")
    initializers = {key: table[key] for key in _INITIALIZERS if key in table}
    activations = [table.get("activation", "relu")] * (len(units) - 2) + [table["last_activation"]]
    layers = [
        {"type": Dense.kind, "units": count, "activation": activation, **initializers}
        for count, activation in zip(units[1:], activations, strict=True)
    ]
    return Architecture.from_dict(
        {"input_shape": units[:1], "loss": table["loss"], "layers": layers, "backend": backend}
    )


_INITIALIZERS = ("kernel_initializer", "bias_initializer")


def check_backend(backend: Any) -> None:
    """Require a backend of Keras that is installed.

    Raises
    ------
    PlanError
        If it is none, or not installed; the message says what to do.
    """
    try:
        check_choice("backend", backend, CONVENTIONS)
    except ArchitectureError as error:
        raise PlanError(str(error)) from None
    if importlib.util.find_spec(backend) is None:
        raise PlanError(f"backend = {backend!r} is not installed; pip install '.[peers]' does it")


def _dataset(table: Any) -> DatasetSpecification:
    return DatasetSpecification.from_dict(_named_table(table))


def _optimizer(table: Any) -> Optimizer:
    return optimizer_from_dict(_named_table(table))


def _named_table(table: Any) -> Mapping[str, Any]:
    """Take a bare name for a table with nothing else."""
    if isinstance(table, str):
        return {"name": table}
    if not isinstance(table, Mapping):
        raise PlanError(f"{table!r}; expected a table with a name")
    return table


def _reference(table: Any) -> Reference:
    _check_table("", table, [field.name for field in dataclasses.fields(Reference)])
    if not isinstance(table.get("note"), str):
        raise PlanError(f"note = {table.get('note')!r}; expected a string")
    for key, value in table.items():
        if key != "note" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise PlanError(f"{key} = {value!r}; expected a number")
    return Reference(**table)


def _check_table(where: str, table: object, known: Sequence[str]) -> None:
    prefix = f"{where}: " if where else ""
    if not isinstance(table, Mapping):
        raise PlanError(f"{prefix}{table!r}; expected a table")
    try:
        check_keys(table, known)
    except ArchitectureError as error:
        raise PlanError(f"{prefix}{error}") from None


def _check_integer(field: str, value: object, least: int, alternative: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**32:
        raise PlanError(f"{field} = {value!r}; expected an integer >= {least}{alternative}")


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{,99}")
_NAME_RULE = "at most 100 letters, digits, '.', '_' and '-', as it names files"


def _nearest_plan(path: Path) -> str:
    """Suggest a plan of a similar name in the same folder."""
    import difflib

    names = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {path.parent / near[0]}?)" if near else ""
