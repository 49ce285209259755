"""Where data come from, by name: the function, and the kinds of its parameters.

Generators and tables are scikit-learn's, with scikit-learn's own parameter names; XOR, the
spirals, and data without meaning are ours. Nothing is downloaded.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from experiments.plan.described import fields_of
from experiments.plan.files import content_hash, read_file
from experiments.plan.functions import call_function, result_hash
from experiments.plan.generators import spirals, xor
from experiments.plan.images import digit_images, shifted_patterns
from experiments.plan.kinds import (
    Boolean,
    Either,
    Field,
    Integer,
    Kind,
    List,
    Number,
)
from experiments.plan.mistakes import shown
from experiments.plan.random_data import random_data, rows
from experiments.plan.samples import Samples
from experiments.plan.sequences import ordered_pulses, token_sequences
from scratchnet.types import Array

Points = tuple[Array, Array]
"""Inputs ``(samples, ...)`` and class numbers ``(samples,)``."""

Parameters = Mapping[str, Any]

Together = Callable[[Mapping[str, Any]], Iterator[str]]
"""Finds what is wrong between parameters that are right one by one."""


def _shape_of_random(settings: Parameters) -> Iterator[str]:
    shape, features = settings["shape"], settings["n_features"]
    if shape and math.prod(shape) != features:
        yield f"n_features = {features}; expected {math.prod(shape)}, the product of shape"


def _fine(settings: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG001
    yield from ()


def _seeded(parameters: Parameters) -> Parameters:
    return {"random_state": 0, **parameters}


@dataclass(frozen=True)
class Source:
    """A function that makes or reads data.

    Attributes
    ----------
    function
        Ours, or the name of one in `sklearn.datasets`.
    kinds
        Of the parameters of scikit-learn's; ours say it themselves.
    is_table
        Whether it is a real table, which is standardised unless told otherwise.
    together
        Finds what is wrong between parameters.
    complete
        Adds to the parameters what decides the data and was not given.
    about_place
        Parameters that say where the data are and not what they are: a trial's key is without
        them.
    title
        Names the data in a table.
    taken_for_granted
        Values that need no mention there.
    """

    function: Callable[..., Points | Samples] | str
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    is_table: bool = False
    together: Together = _fine
    complete: Callable[[Parameters], Parameters] = _seeded
    about_place: tuple[str, ...] = ()
    title: Callable[[Parameters], str] | None = None
    taken_for_granted: Parameters = field(default_factory=dict)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The parameters that a specification may set."""
        if not isinstance(self.function, str):
            return fields_of(self.function)
        if not self.kinds:
            return ()
        signature = inspect.signature(self._callable()).parameters
        # A seed that is not given is 0.
        defaults = {name: signature[name].default for name in self.kinds} | {"random_state": 0}
        return tuple(
            Field(name, kind, default=_as_in_a_plan(defaults[name]))
            for name, kind in self.kinds.items()
        )

    def mistakes(self, parameters: Mapping[str, Any]) -> list[str]:
        """Return what is wrong between parameters, a line each."""
        settings = {field.name: field.default for field in self.fields} | dict(parameters)
        return list(self.together(settings))

    def numbers(self, parameters: Parameters) -> int:
        """Return about how many numbers the inputs have, before any is made."""
        settings = {field.name: field.default for field in self.fields} | dict(parameters)
        samples = settings.get("n_samples", 0)
        count = sum(samples) if isinstance(samples, list) else int(samples)
        width = settings.get("n_features") or settings.get("steps") or settings.get("size", 1) ** 2
        return count * int(width)

    def make(self, **parameters: Any) -> Samples:
        """Return inputs and class numbers, with their names where they have some."""
        if "center_box" in parameters:
            parameters["center_box"] = tuple(parameters["center_box"])
        if not isinstance(self.function, str) or not self.is_table:
            made = self._callable()(**parameters)
            return made if isinstance(made, Samples) else Samples(made[0], made[1])
        table = self._callable()(**parameters)
        columns, classes = (tuple(map(str, t)) for t in (table.feature_names, table.target_names))
        return Samples(table.data, table.target, columns, classes)

    def _callable(self) -> Callable[..., Any]:
        if not isinstance(self.function, str):
            return self.function
        import sklearn.datasets

        found: Callable[..., Any] = getattr(sklearn.datasets, self.function)
        return found


def _as_in_a_plan(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _blobs(settings: Mapping[str, Any]) -> Iterator[str]:
    samples, centers, deviations = (
        settings[name] for name in ("n_samples", "centers", "cluster_std")
    )
    if isinstance(samples, list):
        if isinstance(centers, int):
            yield f"centers = {centers} beside a list of n_samples; expected a list, or none"
        count = len(samples)
    else:
        count = 3 if centers is None else centers if isinstance(centers, int) else len(centers)
    if isinstance(centers, list):
        if len(centers) != count:
            yield f"centers: {len(centers)} points; expected {count}, as in n_samples"
        if any(len(point) != len(centers[0]) for point in centers):
            yield f"centers = {shown(centers)}; expected points of one length"
    if isinstance(deviations, list) and len(deviations) != count:
        yield f"cluster_std: {len(deviations)} numbers; expected {count}, one per center"
    if settings["center_box"][0] > settings["center_box"][1]:
        yield f"center_box = {settings['center_box']}; expected the lower end first"


def _classification(settings: Mapping[str, Any]) -> Iterator[str]:
    features, classes, informative = (
        settings[name] for name in ("n_features", "n_classes", "n_informative")
    )
    made = informative + settings["n_redundant"] + settings["n_repeated"]
    if made > features:
        yield (
            f"n_features = {features}; expected at least {made}, the sum of n_informative, "
            "n_redundant and n_repeated"
        )
    clusters = classes * settings["n_clusters_per_class"]
    if informative < 64 and clusters > 2**informative:
        yield (
            f"n_informative = {informative} has {2**informative} corners; expected at least "
            f"{clusters}, that is n_classes * n_clusters_per_class"
        )
    weights = settings["weights"]
    if weights is not None and len(weights) not in (classes - 1, classes):
        yield f"weights: {len(weights)} numbers; expected {classes}, one per class"
    elif weights is not None and sum(weights) > 1 + 1e-9:
        yield f"weights = {shown(weights)} add up to more than 1; expected at most 1"
    for name in ("shift", "scale"):
        if isinstance(settings[name], list) and len(settings[name]) != features:
            yield f"{name}: {len(settings[name])} numbers; expected {features}, one per feature"


def _gaussian_quantiles(settings: Mapping[str, Any]) -> Iterator[str]:
    samples, features, mean = (settings[name] for name in ("n_samples", "n_features", "mean"))
    if samples < settings["n_classes"]:
        yield f"n_samples = {samples}; expected at least {settings['n_classes']}, one per class"
    if mean is not None and len(mean) != features:
        yield f"mean: {len(mean)} numbers; expected {features}, one per feature"


def _rows(settings: Mapping[str, Any]) -> Iterator[str]:
    x, y = settings["x"], settings["y"]
    if len(x) != len(y):
        yield f"x: {len(x)} rows, y: {len(y)} numbers; expected a class number for each sample"
    for index, row in enumerate(x):
        if len(row) != len(x[0]):
            yield f"x[{index}]: {len(row)} numbers; expected {len(x[0])}, as in x[0]"
            return


_HANDLING = {"categories": "one_hot", "missing": "refuse"}
"""Written out in a resolved plan."""


def _located(parameters: Parameters) -> Parameters:
    """Add the hash of a file's content: it decides the data, wherever the file is."""
    path = os.path.abspath(parameters["path"])
    given = parameters.get("sha256")
    return {**_HANDLING, **parameters, "path": path, "sha256": given or content_hash(path)}


def _called(parameters: Parameters) -> Parameters:
    """Add the hash of what a function returns."""
    folder = os.path.abspath(parameters.get("folder", "."))
    here = {**_HANDLING, **parameters, "folder": folder}
    return {**here, "sha256": parameters.get("sha256") or result_hash(here)}


_SAMPLES, _SEED, _COUNT, _SHUFFLE = Integer(1), Integer(0), Integer(0), Boolean()
_NUMBERS = List(Number(), least=1)
_PLANE = {"n_samples": _SAMPLES, "shuffle": _SHUFFLE, "noise": Number(0), "random_state": _SEED}

DATASETS: dict[str, Source] = {
    "moons": Source("make_moons", _PLANE),
    "circles": Source("make_circles", {**_PLANE, "factor": Number(0, 0.999999)}),
    "blobs": Source(
        "make_blobs",
        {
            "n_samples": Either((_SAMPLES, List(_SAMPLES, least=2))),
            "n_features": Integer(1),
            "centers": Either((Integer(1), List(_NUMBERS, least=1))),
            "cluster_std": Either((Number(0), List(Number(0), least=1))),
            "center_box": List(Number(), least=2, most=2),
            "shuffle": _SHUFFLE,
            "random_state": _SEED,
        },
        together=_blobs,
    ),
    "classification": Source(
        "make_classification",
        {
            "n_samples": _SAMPLES,
            "n_features": Integer(1),
            "n_informative": Integer(1),
            "n_redundant": _COUNT,
            "n_repeated": _COUNT,
            "n_classes": Integer(1),
            "n_clusters_per_class": Integer(1),
            "weights": List(Number(0, 1), least=1),
            "flip_y": Number(0, 1),
            "class_sep": Number(0),
            "hypercube": Boolean(),
            "shift": Either((Number(), _NUMBERS)),
            "scale": Either((Number(0), List(Number(0), least=1))),
            "shuffle": _SHUFFLE,
            "random_state": _SEED,
        },
        together=_classification,
    ),
    "gaussian_quantiles": Source(
        "make_gaussian_quantiles",
        {
            "mean": _NUMBERS,
            "cov": Number(0),
            "n_samples": _SAMPLES,
            "n_features": Integer(1),
            "n_classes": Integer(1),
            "shuffle": _SHUFFLE,
            "random_state": _SEED,
        },
        together=_gaussian_quantiles,
    ),
    "xor": Source(xor),
    "spirals": Source(spirals),
    "random": Source(random_data, together=_shape_of_random),
    "rows": Source(rows, together=_rows),
    "iris": Source("load_iris", is_table=True),
    "wine": Source("load_wine", is_table=True),
    "breast_cancer": Source("load_breast_cancer", is_table=True),
    "digits": Source("load_digits", {"n_class": Integer(2, 10)}, is_table=True),
    "digit_images": Source(digit_images),
    "shifted_patterns": Source(shifted_patterns),
    "ordered_pulses": Source(ordered_pulses),
    "token_sequences": Source(token_sequences),
    "file": Source(
        read_file,
        is_table=True,
        complete=_located,
        about_place=("path",),
        taken_for_granted=_HANDLING,
        title=lambda parameters: os.path.basename(parameters["path"]),
    ),
    "function": Source(
        call_function,
        complete=_called,
        about_place=("function", "arguments", "folder"),
        taken_for_granted=_HANDLING,
        title=lambda parameters: str(parameters["function"]),
    ),
}
"""Every dataset that a plan may name."""
