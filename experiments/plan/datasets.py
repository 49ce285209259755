"""Datasets by name: the arrays that both networks are trained and tested on.

Generators and tables are scikit-learn's, with scikit-learn's own parameter names; XOR, the
spirals, and data without meaning are ours. Nothing is downloaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.plan.random_data import random_data, rows
from scratchnet.architecture import Architecture
from scratchnet.errors import ArchitectureError, check_choice, check_keys
from scratchnet.losses import LOSSES
from scratchnet.types import Array

Points = tuple[Array, Array]
"""Inputs ``(samples, features)`` and class numbers ``(samples,)``."""


class DatasetError(ValueError):
    """A dataset cannot be made; the message names the field and what was expected."""


@dataclass(frozen=True)
class Dataset:
    """Training and test data.

    Attributes
    ----------
    x_train, x_test
        float64 ``(samples, features)``.
    y_train, y_test
        int64 class numbers from 0, ``(samples,)``.
    classes
        Number of classes.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    classes: int

    @property
    def features(self) -> int:
        """Number of columns of the inputs."""
        return int(self.x_train.shape[1])


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
        training part. None: as the dataset's entry says, which is yes for real tables.

    Raises
    ------
    DatasetError
        If a field is wrong; the message names it.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    test_fraction: float = 0.2
    split_seed: int = 42
    stratify: bool = True
    standardise: bool | None = None

    def __post_init__(self) -> None:
        _check(check_choice, "name", self.name, DATASETS)
        source = DATASETS[self.name]
        known = source.parameters()
        _check(check_keys, self.parameters, [*known, *_OPTIONS])
        given = {"random_state": 0, **self.parameters}
        parameters = {parameter: given[parameter] for parameter in known if parameter in given}
        object.__setattr__(self, "parameters", parameters)
        for name, seed in [
            ("split_seed", self.split_seed),
            ("random_state", self.parameters.get("random_state", 0)),
        ]:
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
                raise DatasetError(f"{name} = {seed!r}; expected an integer from 0 to 2**32 - 1")
        fraction = self.test_fraction
        if isinstance(fraction, bool) or not isinstance(fraction, float) or not 0 < fraction < 1:
            raise DatasetError(f"test_fraction = {fraction!r}; expected a number between 0 and 1")
        if self.standardise is None:
            object.__setattr__(self, "standardise", source.is_table)
        for name in ("stratify", "standardise"):
            if not isinstance(getattr(self, name), bool):
                raise DatasetError(f"{name} = {getattr(self, name)!r}; expected true or false")

    def __str__(self) -> str:
        """Return ``moons(n_samples=1000, noise=0.2)``; lists are shortened to ``[...]``."""
        settings = ", ".join(
            f"{name}={'[...]' if isinstance(value, list) else value}"
            for name, value in self.parameters.items()
        )
        return f"{self.name}({settings})" if settings else self.name

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> DatasetSpecification:
        """Make a specification from a flat table; what is not a field of it is a parameter."""
        if "name" not in table:
            raise DatasetError(f"name is missing; expected one of {', '.join(DATASETS)}")
        options = {key: value for key, value in table.items() if key in ("name", *_OPTIONS)}
        parameters = {key: value for key, value in table.items() if key not in options}
        return cls(**options, parameters=parameters)

    def to_dict(self) -> dict[str, Any]:
        """Return the flat table that `from_dict` takes, with nothing left out."""
        options = {option: getattr(self, option) for option in _OPTIONS}
        return {"name": self.name, **self.parameters, **options}


_OPTIONS = ("test_fraction", "split_seed", "stratify", "standardise")


def load(specification: DatasetSpecification) -> Dataset:
    """Make or read the data, divide them, and standardise them if wanted.

    Raises
    ------
    DatasetError
        If scikit-learn refuses a parameter's value, or the data cannot be divided as asked.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    try:
        x, y = DATASETS[specification.name].make(**specification.parameters)
        x_train, x_test, y_train, y_test = train_test_split(
            np.asarray(x, np.float64),
            np.asarray(y, np.int64),
            test_size=specification.test_fraction,
            random_state=specification.split_seed,
            stratify=y if specification.stratify else None,
        )
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        # InvalidParameterError is a ValueError too.
        reason = " ".join(str(error).split())
        if "test_size" in reason:
            reason += f" (test_fraction = {specification.test_fraction} is the plan's key for it)"
        raise DatasetError(f"{specification}: {reason}") from None
    if specification.standardise:
        scaler = StandardScaler().fit(x_train)
        x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    largest = np.finfo(np.float32).max
    if not all(np.all(np.abs(part) <= largest) for part in (x_train, x_test)):
        raise DatasetError(f"{specification}: has inputs that float32 cannot hold, or no numbers")
    return Dataset(x_train, y_train, x_test, y_test, classes=int(np.max(y)) + 1)


def check_fit(dataset: Dataset, architecture: Architecture) -> None:
    """Require that a network has the inputs and outputs that a dataset needs.

    Raises
    ------
    DatasetError
        If it has not.
    """
    if dataset.features != architecture.input_shape[0]:
        raise DatasetError(
            f"the dataset has {dataset.features} features; expected {architecture.input_shape[0]},"
            " the architecture's input"
        )
    if architecture.units != dataset.classes and (architecture.units, dataset.classes) != (1, 2):
        allowed = "1 or 2" if dataset.classes == 2 else str(dataset.classes)
        raise DatasetError(
            f"the architecture ends in {architecture.units} units; expected {allowed} for the "
            f"dataset's {dataset.classes} classes"
        )


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


def xor(*, n_samples: int = 1000, noise: float = 0.1, random_state: int = 0) -> Points:
    """Draw points from the square [-1, 1]^2; class 1 where the signs differ.

    Parameters
    ----------
    n_samples
        Number of points.
    noise
        Standard deviation of what is added to each coordinate after the class is set.
    random_state
        Seed.
    """
    _check_generator(n_samples, noise)
    random = np.random.RandomState(random_state)
    x = random.uniform(-1.0, 1.0, (n_samples, 2))
    y = (x[:, 0] * x[:, 1] < 0).astype(np.int64)
    return x + noise * random.standard_normal(x.shape), y


def spirals(
    *,
    n_samples: int = 1000,
    noise: float = 0.05,
    arms: int = 2,
    turns: float = 1.0,
    random_state: int = 0,
) -> Points:
    """Draw points from spiral arms about the origin, a class for each.

    Parameters
    ----------
    n_samples
        Number of points, shared evenly among the arms.
    noise
        Standard deviation of what is added to each coordinate.
    arms
        Number of spirals, at least 2.
    turns
        How often each winds about the origin on its way to radius 1.
    random_state
        Seed.
    """
    _check_generator(n_samples, noise)
    if isinstance(arms, bool) or not isinstance(arms, int) or arms < 2:
        raise DatasetError(f"arms = {arms!r}; expected an integer >= 2")
    random = np.random.RandomState(random_state)
    y = np.arange(n_samples) % arms
    radius = np.sqrt(random.uniform(0.0, 1.0, n_samples))
    angle = 2 * np.pi * (turns * radius + y / arms)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + noise * random.standard_normal(x.shape), y


def _check_generator(n_samples: int, noise: float) -> None:
    if isinstance(n_samples, bool) or not isinstance(n_samples, int) or n_samples < 1:
        raise DatasetError(f"n_samples = {n_samples!r}; expected a positive integer")
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not noise >= 0:
        raise DatasetError(f"noise = {noise!r}; expected a number >= 0")


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from.

    Attributes
    ----------
    function
        Ours, or the name of one in `sklearn.datasets`.
    is_table
        Whether it is a real table, which is standardised unless told otherwise.
    """

    function: Callable[..., Points] | str
    is_table: bool = False

    # What would change the form of the answer rather than the data.
    _FORMS = ("return_X_y", "return_centers", "return_distributions", "as_frame")

    def parameters(self) -> list[str]:
        """Return the names of the parameters that a specification may set."""
        return [
            name
            for name in inspect.signature(self._callable()).parameters
            if name not in self._FORMS
        ]

    def make(self, **parameters: Any) -> Points:
        """Return inputs and class numbers."""
        form = {"return_X_y": True} if self.is_table else {}
        x, y = self._callable()(**parameters, **form)
        return x, y

    def _callable(self) -> Callable[..., Any]:
        if not isinstance(self.function, str):
            return self.function
        import sklearn.datasets

        found: Callable[..., Any] = getattr(sklearn.datasets, self.function)
        return found


DATASETS: dict[str, Source] = {
    "moons": Source("make_moons"),
    "circles": Source("make_circles"),
    "blobs": Source("make_blobs"),
    "classification": Source("make_classification"),
    "gaussian_quantiles": Source("make_gaussian_quantiles"),
    "xor": Source(xor),
    "spirals": Source(spirals),
    "random": Source(random_data),
    "rows": Source(rows),
    "breast_cancer": Source("load_breast_cancer", is_table=True),
    "digits": Source("load_digits", is_table=True),
}


def _check(check: Callable[..., None], *arguments: Any) -> None:
    """Run one of scratchnet's checks as one of ours."""
    try:
        check(*arguments)
    except ArchitectureError as error:
        raise DatasetError(str(error)) from None
