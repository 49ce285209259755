"""One trial of a plan: all that decides its outcome, checked where it is made."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import Annotated, Any

import numpy as np

from experiments.plan.architectures import architecture_kind, read_architecture
from experiments.plan.datasets import DatasetSpecification, dataset_kind
from experiments.plan.described import fields_of, registry_kind
from experiments.plan.kinds import (
    REQUIRED,
    Choice,
    Constant,
    Either,
    Field,
    Integer,
    Kind,
    Number,
    Pattern,
    Table,
    Text,
)
from experiments.plan.mistakes import PlanError, shown
from scratchnet.architecture import Architecture
from scratchnet.conventions import CONVENTIONS
from scratchnet.optimizers import (
    OPTIMIZERS,
    Optimizer,
    optimizer_from_dict,
    optimizer_to_dict,
)

DTYPES = ("float32", "float64")
NAME = Pattern(
    "[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "at most 100 letters, digits, '.', '_' and '-', as it names files",
)
Accuracy = Annotated[float | None, Number(0, 1)]


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
        As reported; left out, or None, where there is no figure.
    """

    note: Annotated[str, Text()]
    epochs: Annotated[int | None, Integer(1)] = None
    numpy_test_accuracy: Accuracy = None
    keras_test_accuracy: Accuracy = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One comparison: all that decides its outcome, and its name.

    Attributes
    ----------
    name
        Unique in the plan; it names the trial's pictures.
    architecture
        The network, and the loss it is trained on.
    dataset
        The data, and how they are divided.
    epochs
        How many to train.
    optimizer
        The rule of the updates.
    dtype
        Of both networks.
    batch_size
        Samples of a batch; ``full``, or None: all training samples.
    shuffle_seed
        Of the order of samples, a new one each epoch, the same for both sides. Left out, or None:
        samples stay in order.
    seed
        Of the initial weights.
    reference
        What somebody else reported, to stand beside ours.
    """

    name: Annotated[str, NAME]
    architecture: Architecture
    dataset: DatasetSpecification
    epochs: Annotated[int, Integer(1)]
    optimizer: Optimizer
    dtype: Annotated[str, Choice(DTYPES)]
    batch_size: Annotated[int | None, Either((Integer(1), Constant("full")))]
    shuffle_seed: Annotated[int | None, Integer(0)]
    seed: Annotated[int, Integer(0)]
    reference: Reference | None = None

    def __post_init__(self) -> None:
        mistakes = list(self._mistakes())
        if mistakes:
            raise PlanError(mistakes)

    def _mistakes(self) -> Iterator[str]:
        for name in ("name", "epochs", "dtype", "batch_size", "shuffle_seed", "seed"):
            value = getattr(self, name)
            if value is not None or name not in ("batch_size", "shuffle_seed"):
                yield from trial_kind().by_name[name].kind.mistakes(name, value)
        for layer in self.architecture.layers:
            if not NAME.holds(layer.name):
                yield (
                    f"architecture: layer name = {shown(layer.name)}; expected {NAME.words}, and "
                    "in TensorFlow's scopes"
                )
        if self.dtype not in DTYPES:
            return
        largest = float(np.finfo(self.dtype).max)
        for setting, value in vars(self.optimizer).items():
            if isinstance(value, int | float) and abs(value) > largest:
                yield (
                    f"optimizer: {setting} = {shown(value)}; expected at most {largest:.3g}, as "
                    f"{self.dtype} can hold no more"
                )

    @property
    def backend(self) -> str:
        """What Keras runs on."""
        return self.architecture.backend

    @cached_property
    def key(self) -> str:
        """Hash of all that decides the outcome: the name and the reference do not."""
        table = self.to_dict()
        for unimportant in ("name", "reference"):
            table.pop(unimportant, None)
        # Data are known by their content, wherever they are.
        table["dataset"] = self.dataset.identity()
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
            With a line for each key that is missing, unknown or wrong; each names its place in
            the table.
        """
        mistakes = _mistakes(table)
        if mistakes:
            raise PlanError(mistakes)
        settings = {**left_out(), **table}
        backend = settings.pop("backend")
        made: dict[str, Any] = {
            **settings,
            "batch_size": None if settings["batch_size"] == "full" else settings["batch_size"],
            "shuffle_seed": settings.get("shuffle_seed"),
        }
        parts: list[tuple[str, Callable[[Any], Any]]] = [
            ("architecture", partial(_architecture, backend=backend)),
            ("dataset", _dataset),
            ("optimizer", _optimizer),
            ("reference", _reference),
        ]
        for part, make in parts:
            if part in settings:
                try:
                    made[part] = make(json.dumps(settings[part]))
                except PlanError as error:
                    mistakes += error.at(part).mistakes
        try:
            check_backend(backend)
        except PlanError as error:
            mistakes += error.mistakes
        if mistakes:
            raise PlanError(mistakes)
        return cls(**made)


def _mistakes(table: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a table's values; a part that many trials share is checked once."""
    simple = {key: value for key, value in table.items() if key not in _PARTS}
    parts = {key: value for key, value in table.items() if key in _PARTS}
    mistakes: list[str] = []
    for key, value in parts.items():
        try:
            mistakes += _part_mistakes(key, json.dumps(value))
        except TypeError:
            # A date, which JSON does not have.
            mistakes += trial_kind().by_name[key].kind.mistakes(key, value)
    known = [field for field in trial_kind().fields if field.name not in parts]
    return [*Table(tuple(known)).mistakes("", simple), *mistakes]


@lru_cache(maxsize=4096)
def _part_mistakes(key: str, text: str) -> tuple[str, ...]:
    return tuple(trial_kind().by_name[key].kind.mistakes(key, json.loads(text)))


_PARTS = ("architecture", "dataset", "optimizer", "reference")


@cache
def trial_kind() -> Table:
    """Return what a trial of a plan may have."""
    described = {field.name: field for field in fields_of(Trial)}
    tables: dict[str, Kind] = {
        "architecture": architecture_kind(),
        "dataset": dataset_kind(),
        "optimizer": registry_kind(OPTIMIZERS),
        "reference": Table(fields_of(Reference)),
    }
    defaults = {**_LEFT_OUT, "shuffle_seed": None}
    backend = Field("backend", Choice(tuple(CONVENTIONS)), "What Keras runs on.", "tensorflow")
    fields = (
        dataclasses.replace(
            field,
            kind=tables.get(name, field.kind),
            default=defaults.get(name, field.default),
        )
        for name, field in described.items()
    )
    return Table((*fields, backend))


_LEFT_OUT = {"optimizer": "sgd", "dtype": "float32", "batch_size": "full", "seed": 0}


@cache
def left_out() -> Mapping[str, Any]:
    """Return what holds where a trial does not say it."""
    return {
        field.name: field.default
        for field in trial_kind().fields
        if field.default is not REQUIRED and field.default is not None
    }


def check_backend(backend: Any) -> None:
    """Require a backend of Keras that is installed.

    Raises
    ------
    PlanError
        If it is none, or not installed; the message says what to do.
    """
    mistakes = list(Choice(tuple(CONVENTIONS)).mistakes("backend", backend))
    if mistakes:
        raise PlanError(mistakes)
    if not _is_installed(backend):
        raise PlanError(f"backend = {backend!r} is not installed; pip install '.[peers]' does it")


@cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


# A grid of trials has few parts, which many of its trials share: each is made once.
@lru_cache(maxsize=4096)
def _architecture(text: str, backend: str) -> Architecture:
    return read_architecture(json.loads(text), backend)


def _dataset(text: str) -> DatasetSpecification:
    table = _named(json.loads(text))
    if table["name"] in ("file", "function") and "sha256" not in table:
        # What the name stands for may have changed since.
        return DatasetSpecification.from_dict(table)
    return _known_dataset(text)


@lru_cache(maxsize=4096)
def _known_dataset(text: str) -> DatasetSpecification:
    return DatasetSpecification.from_dict(_named(json.loads(text)))


@lru_cache(maxsize=4096)
def _optimizer(text: str) -> Optimizer:
    return optimizer_from_dict(_named(json.loads(text)))


def _reference(text: str) -> Reference:
    return Reference(**json.loads(text))


def _named(table: Any) -> Mapping[str, Any]:
    """Take a bare name for a table with nothing else."""
    return {"name": table} if isinstance(table, str) else table
