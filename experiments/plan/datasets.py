"""Datasets by name: the arrays that both networks are trained and tested on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Annotated, Any

import numpy as np

from experiments.plan.described import fields_of
from experiments.plan.kinds import Boolean, Integer, Named, Number, Table
from experiments.plan.memory import check_memory
from experiments.plan.samples import DatasetError, Samples, class_shares, filled
from experiments.plan.sources import DATASETS
from scratchnet.architecture import Architecture
from scratchnet.types import Array

__all__ = [
    "Dataset",
    "DatasetError",
    "DatasetSpecification",
    "Facts",
    "check_fit",
    "dataset_kind",
    "known_facts",
    "load",
    "shape_targets",
]


@dataclass(frozen=True)
class Dataset:
    """Training and test data.

    Attributes
    ----------
    x_train, x_test
        float64 ``(samples, ...)``, mostly ``(samples, features)``.
    y_train, y_test
        int64 class numbers from 0, ``(samples,)``.
    classes
        Number of classes.
    columns
        What the features are called; empty where they have no names.
    class_names
        What the classes are called, by their numbers; empty where they have no names.
    dropped
        Number of rows left out because a value was missing.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    classes: int
    columns: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def features(self) -> int:
        """Number of columns of the inputs."""
        return int(self.x_train.shape[1])

    def summary(self) -> dict[str, Any]:
        """Return what a report says of the data: rows, shares of the classes, columns."""
        everyone = np.concatenate([self.y_train, self.y_test])
        names = self.class_names or tuple(map(str, range(self.classes)))
        return {
            "rows": len(everyone),
            "training_rows": len(self.y_train),
            "test_rows": len(self.y_test),
            "dropped_rows": self.dropped,
            "class_shares": dict(class_shares(everyone, names)),
            "columns": list(self.columns),
            "shape": list(self.x_train.shape[1:]),
        }

    @property
    def facts(self) -> Facts:
        """What a network must fit."""
        largest = max(float(np.max(np.abs(part))) for part in (self.x_train, self.x_test))
        return Facts(self.x_train.shape[1:], self.classes, len(self.x_train), largest)


@dataclass(frozen=True)
class Facts:
    """What can be known about data without the data.

    Attributes
    ----------
    shape
        Of one sample.
    classes
        Number of classes.
    training_samples
        Number of samples to train on.
    largest
        Largest absolute value of an input.
    """

    shape: tuple[int, ...]
    classes: int
    training_samples: int
    largest: float


@dataclass(frozen=True)
class DatasetSpecification:
    """What to load, and how to divide it.

    Parameters
    ----------
    name
        A name in `DATASETS`.
    parameters
        Of the function behind the name, as ``{"n_samples": 1000, "noise": 0.2}``. A random state
        that is not given is 0.
    test_fraction
        Share of the samples that is held out.
    split_seed
        Of the random division.
    stratify
        Whether both parts have the classes in the proportions of the whole.
    standardise
        Whether each feature is shifted and scaled to mean 0 and variance 1, measured on the
        training part. Left out, or None: yes for real tables, no for what is generated.

    Raises
    ------
    DatasetError
        If a field is wrong; the message names it.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    test_fraction: Annotated[float, Number(0, 1, open=True)] = 0.2
    split_seed: Annotated[int, Integer(0)] = 42
    stratify: bool = True
    standardise: Annotated[bool | None, Boolean()] = None

    def __post_init__(self) -> None:
        options = {option: getattr(self, option) for option in _OPTIONS}
        given = {option: value for option, value in options.items() if value is not None}
        mistakes = list(
            dataset_kind().mistakes("", {"name": self.name, **self.parameters, **given})
        )
        if mistakes:
            raise DatasetError(mistakes)
        source = DATASETS[self.name]
        whole = source.complete(self.parameters)
        known = [field.name for field in source.fields if field.name in whole]
        object.__setattr__(self, "parameters", {name: whole[name] for name in known})
        if mistakes := source.mistakes(self.parameters):
            raise DatasetError(mistakes)
        if self.standardise is None:
            object.__setattr__(self, "standardise", source.is_table)

    def __str__(self) -> str:
        """Return ``moons(n_samples=1000, noise=0.2)``; lists are shortened to ``[...]``."""
        source = DATASETS[self.name]
        title = source.title(self.parameters) if source.title else self.name
        settings = ", ".join(
            f"{name}={'[...]' if isinstance(value, list) else value}"
            for name, value in self.parameters.items()
            if name not in (*source.about_place, "sha256")
            and source.taken_for_granted.get(name) != value
        )
        return f"{title}({settings})" if settings else title

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> DatasetSpecification:
        """Make a specification from a flat table; what is not a field of it is a parameter."""
        if "name" not in table:
            raise DatasetError(dataset_kind().mistakes("", table))
        options = {key: value for key, value in table.items() if key in ("name", *_OPTIONS)}
        parameters = {key: value for key, value in table.items() if key not in options}
        return cls(**options, parameters=parameters)

    def to_dict(self) -> dict[str, Any]:
        """Return the flat table that `from_dict` takes, with nothing left out."""
        options = {option: getattr(self, option) for option in _OPTIONS}
        return {"name": self.name, **self.parameters, **options}

    def identity(self) -> dict[str, Any]:
        """Return the part of `to_dict` that decides the data, wherever they come from."""
        about_place = DATASETS[self.name].about_place
        return {key: value for key, value in self.to_dict().items() if key not in about_place}


_OPTIONS = ("test_fraction", "split_seed", "stratify", "standardise")


@cache
def dataset_kind() -> Named:
    """Return what ``dataset`` may hold in a plan: for each name, its parameters and the split."""
    options = fields_of(DatasetSpecification, leave_out=("name", "parameters"))
    return Named({name: Table((*source.fields, *options)) for name, source in DATASETS.items()})


def load(specification: DatasetSpecification) -> Dataset:
    """Make or read the data, divide them, and standardise them if wanted.

    Raises
    ------
    DatasetError
        If the data cannot be made, or not be divided as asked.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    samples = _made(specification)
    x, y = samples.x, samples.y
    _check_division(specification, y)
    x_train, x_test, y_train, y_test = train_test_split(
        x.reshape(len(x), -1),
        y,
        test_size=specification.test_fraction,
        random_state=specification.split_seed,
        stratify=y if specification.stratify else None,
    )
    try:
        x_train, x_test = filled(samples, x_train, x_test)
    except DatasetError as error:
        raise error.at(str(specification)) from None
    if specification.standardise:
        scaler = StandardScaler().fit(x_train)
        x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    if not all(np.isfinite(part).all() for part in (x_train, x_test)):
        raise DatasetError(f"{specification}: has inputs that are infinite or not a number")
    return Dataset(
        x_train.reshape(-1, *x.shape[1:]),
        y_train,
        x_test.reshape(-1, *x.shape[1:]),
        y_test,
        classes=int(y.max()) + 1,
        columns=samples.columns,
        class_names=samples.classes,
        dropped=samples.dropped,
    )


def known_facts(specification: DatasetSpecification) -> Facts:
    """Return what a network must fit; the data are made when it is first asked for.

    Raises
    ------
    DatasetError
        As `load` does.
    """
    known = _facts(json.dumps(specification.to_dict()))
    if isinstance(known, DatasetError):
        raise known
    return known


# A grid of trials has few datasets, and what is known of one is small.
@lru_cache(maxsize=2**17)
def _facts(text: str) -> Facts | DatasetError:
    try:
        return load(DatasetSpecification.from_dict(json.loads(text))).facts
    except DatasetError as error:
        return error


_COPIES = 3
"""The data as they are made, their two parts, and these in the trial's dtype."""


def _made(specification: DatasetSpecification) -> Samples:
    """Return inputs and class numbers, not divided yet."""
    settings, source = specification.parameters, DATASETS[specification.name]
    # Asked before anything is made: a machine that swaps does not answer.
    numbers = source.numbers(settings)
    if mistake := check_memory(_COPIES * 8 * numbers, f"{numbers:,} inputs"):
        raise DatasetError(f"{specification}: {mistake}")
    try:
        with np.errstate(all="ignore"):
            samples = source.make(**settings)
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(
            f"{specification}: does not fit into this machine's memory; expected less data"
        ) from None
    except (ValueError, TypeError, OverflowError) as error:
        # What is known to go wrong was told before; this is the generator's own sentence.
        reason = " ".join(str(error).split())
        raise DatasetError(
            f"{specification}: these parameters cannot be combined ({reason}); change one of them"
        ) from None
    return replace(samples, x=np.asarray(samples.x, np.float64), y=np.asarray(samples.y, np.int64))


def _check_division(specification: DatasetSpecification, labels: Array) -> None:
    """Require that both parts get what they need; scikit-learn's own count of each.

    Raises
    ------
    DatasetError
        If one gets none, or not all classes although it was asked to.
    """
    fraction = specification.test_fraction
    held_out = math.ceil(fraction * len(labels))
    kept = min(math.floor((1 - fraction) * len(labels)), len(labels) - held_out)
    numbers = np.unique(labels, return_counts=True)
    classes = len(numbers[0])
    least = classes if specification.stratify else 1
    instead = "; or set stratify = false" if specification.stratify else ""
    if specification.stratify and numbers[1].min() < 2:
        rare = numbers[0][numbers[1].argmin()]
        raise DatasetError(
            f"{specification}: class {rare} has 1 sample; expected at least 2 of each, to divide "
            f"them{instead}"
        )
    for part, count in (("holds out", held_out), ("leaves for training", kept)):
        if count < least:
            why = f", one for each of {classes} classes" if specification.stratify else ""
            raise DatasetError(
                f"{specification}: test_fraction = {fraction} of {len(labels)} samples {part} "
                f"{count}; expected at least {least}{why}{instead}"
            )


def check_fit(dataset: Dataset | Facts, architecture: Architecture, dtype: str) -> None:
    """Require that a network has the inputs and outputs that a dataset needs, and the range.

    Raises
    ------
    DatasetError
        If it has not.
    """
    facts = dataset.facts if isinstance(dataset, Dataset) else dataset
    mistakes = []
    if facts.shape != architecture.input_shape:
        mistakes.append(
            f"the dataset has {_described(facts.shape)}; expected "
            f"{_described(architecture.input_shape)}, the architecture's input"
        )
    if facts.classes < 2:
        mistakes.append("the dataset has one class; expected at least 2")
    elif architecture.units != facts.classes and (architecture.units, facts.classes) != (1, 2):
        allowed = "1 or 2" if facts.classes == 2 else str(facts.classes)
        mistakes.append(
            f"the architecture ends in {architecture.units} units; expected {allowed} for the "
            f"dataset's {facts.classes} classes"
        )
    limit = float(np.finfo(dtype).max)
    if facts.largest > limit:
        mistakes.append(
            f"the dataset has inputs as large as {facts.largest:.3g}, which {dtype} cannot hold; "
            f"expected at most {limit:.3g}"
        )
    if mistakes:
        raise DatasetError(mistakes)


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} features" if len(shape) == 1 else f"samples of the shape {shape}"


def shape_targets(labels: Array, architecture: Architecture) -> Array:
    """Turn class numbers into what a network's loss takes.

    Parameters
    ----------
    labels
        Class numbers, ``(samples,)``.
    architecture
        Its loss and its last layer decide.

    Returns
    -------
    array
        Class numbers ``(samples, 1)`` int64 for a sparse loss; 0 or 1 ``(samples, 1)`` float64
        for one unit; otherwise one-hot rows ``(samples, units)`` float64.
    """
    if architecture.loss.sparse:
        return labels.reshape(-1, 1).astype(np.int64)
    if architecture.units == 1:
        return labels.reshape(-1, 1).astype(np.float64)
    one_hot: Array = np.eye(architecture.units)[labels]
    return one_hot
