"""From a case that fails to the smallest one that fails likewise.

Greedy: try simpler cases, the boldest first, take the first that still fails, and start over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from experiments.fuzz.cases import inputs_of
from experiments.plan.datasets import DatasetError, DatasetSpecification, check_fit, load
from experiments.plan.plan import PlanError, Trial
from scratchnet.architecture import Architecture
from scratchnet.errors import ArchitectureError
from scratchnet.optimizers import SGD

MOST_ATTEMPTS = 400


def shrink(trial: Trial, fails: Callable[[Trial], bool]) -> Trial:
    """Return a smaller trial that still fails; at worst, the trial itself.

    Parameters
    ----------
    trial
        A case that fails.
    fails
        Whether a case fails in the way that matters.
    """
    attempts = 0
    tried = {trial.key}
    shrinking = True
    while shrinking:
        shrinking = False
        for smaller in simpler(trial):
            if smaller.key in tried:
                continue
            if attempts == MOST_ATTEMPTS:
                return trial
            attempts += 1
            tried.add(smaller.key)
            if fails(smaller):
                trial, shrinking = smaller, True
                break
    return trial


def simpler(trial: Trial) -> Iterator[Trial]:
    """Yield trials that differ from one in a single simplification, the boldest first."""
    for fields in _changes(trial):
        try:
            smaller = replace(trial, **fields)
            check_fit(load(smaller.dataset), smaller.architecture, smaller.dtype)
        except (ArchitectureError, DatasetError, PlanError):
            continue  # as a loss that needs two units on a layer that has one left
        yield smaller


def _changes(trial: Trial) -> Iterator[dict[str, Any]]:
    """Yield fields to replace; not every combination makes a trial."""
    for epochs in _fewer(trial.epochs):
        yield {"epochs": epochs}
    if trial.optimizer != SGD():
        yield {"optimizer": SGD()}
    yield from _smaller_networks(trial)
    yield from _fewer_samples(trial)
    if trial.batch_size is not None:
        yield {"batch_size": None}
    if trial.shuffle_seed is not None:
        yield {"shuffle_seed": None}
    for settings in _default_settings(trial.optimizer):
        yield {"optimizer": settings}
    yield from _plainer_data(trial)
    if trial.seed:
        yield {"seed": 0}


def _fewer(count: int) -> list[int]:
    """Return smaller positive numbers: 1, half, one less."""
    return sorted({n for n in (1, count // 2, count - 1) if 0 < n < count})


def _smaller_networks(trial: Trial) -> Iterator[dict[str, Any]]:
    architecture = trial.architecture
    layers: list[Any] = list(architecture.layers)
    last = len(layers) - 1
    for index in range(last):
        yield from _with_layers(trial, [*layers[:index], *layers[index + 1 :]])
    shape = architecture.input_shape
    for axis, size in enumerate(shape):
        for fewer in _fewer(size):
            yield from _with_layers(trial, layers, (*shape[:axis], fewer, *shape[axis + 1 :]))
    for index, layer in enumerate(layers):
        for field in dataclasses.fields(layer):
            yield from _simpler_field(trial, index, field)


def _simpler_field(
    trial: Trial, index: int, field: dataclasses.Field[Any]
) -> Iterator[dict[str, Any]]:
    """Yield smaller numbers, and what a field is where nothing is said."""
    value = getattr(trial.architecture.layers[index], field.name)
    if field.name in ("name", "inputs"):
        return
    if isinstance(value, int) and not isinstance(value, bool):
        for fewer in _fewer(value):
            yield from _with_layer(trial, index, **{field.name: fewer})
    if field.default is not dataclasses.MISSING and value != field.default:
        yield from _with_layer(trial, index, **{field.name: field.default})
    if field.name == "use_bias" and value:
        yield from _with_layer(trial, index, use_bias=False)


def _with_layer(trial: Trial, index: int, **fields: Any) -> Iterator[dict[str, Any]]:
    layers: list[Any] = list(trial.architecture.layers)
    try:
        layers[index] = replace(layers[index], **fields)
    except ArchitectureError:
        return
    yield from _with_layers(trial, layers)


def _with_layers(
    trial: Trial, layers: list[Any], input_shape: tuple[int, ...] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield an architecture of these layers, and the data that fit it."""
    shape = input_shape or trial.architecture.input_shape
    try:
        architecture = Architecture(
            shape,
            # Names follow from the order, unless another layer asks for one.
            tuple(replace(layer, name=_name(layer, layers)) for layer in layers),
            trial.architecture.loss,
            trial.architecture.backend,
        )
    except ArchitectureError:
        return
    yield {"architecture": architecture, "dataset": _fitting(trial.dataset, architecture)}


def _name(layer: Any, layers: list[Any]) -> str:
    asked = {name for other in layers for name in other.inputs}
    return str(layer.name) if layer.name in asked else ""


def _fitting(dataset: DatasetSpecification, architecture: Architecture) -> DatasetSpecification:
    """Return the data with the features and classes that a network takes."""
    parameters = dict(dataset.parameters)
    features, classes = architecture.input_shape[0], max(2, architecture.units)
    if dataset.name == "random":
        tokens = parameters.get("tokens", 0)
        parameters |= {**inputs_of(architecture, tokens), "classes": classes}
    else:
        parameters["x"] = [row[:features] for row in parameters["x"]]
        parameters["y"] = [min(label, classes - 1) for label in parameters["y"]]
    return replace(dataset, parameters=parameters)


def _fewer_samples(trial: Trial) -> Iterator[dict[str, Any]]:
    parameters = dict(trial.dataset.parameters)
    if trial.dataset.name == "random":
        for training in _fewer(parameters["n_samples"] // 2):
            yield _with_data(trial, n_samples=2 * training)
        return
    x, y = parameters["x"], parameters["y"]
    for index in range(len(x)):
        if len(x) > 2:
            yield _with_data(trial, x=x[:index] + x[index + 1 :], y=y[:index] + y[index + 1 :])


def _with_data(trial: Trial, **parameters: Any) -> dict[str, Any]:
    dataset = trial.dataset
    changed = replace(dataset, parameters={**dataset.parameters, **parameters})
    samples = changed.parameters.get("n_samples", 0) // 2
    fits = trial.batch_size is None or dataset.name != "random" or trial.batch_size <= samples
    return {"dataset": changed} if fits else {"dataset": changed, "batch_size": None}


def _default_settings(optimizer: Any) -> Iterator[Any]:
    for field in dataclasses.fields(optimizer):
        if getattr(optimizer, field.name) != field.default:
            yield replace(optimizer, **{field.name: field.default})


def _plainer_data(trial: Trial) -> Iterator[dict[str, Any]]:
    parameters = dict(trial.dataset.parameters)
    if trial.dataset.name == "random":
        plain = {"scale": 1.0, "values": "integers", "labels": "random", "random_state": 0}
        for name, value in plain.items():
            if parameters[name] != value:
                yield _with_data(trial, **{name: value})
        return
    for i, row in enumerate(parameters["x"]):
        for j, value in enumerate(row):
            for simple in _simpler_numbers(value):
                changed = [list(other) for other in parameters["x"]]
                changed[i][j] = simple
                yield _with_data(trial, x=changed)


def _simpler_numbers(value: float) -> list[float]:
    """Return 0, 1, and the number with fewer digits, where that is not the number itself."""
    candidates = [0.0, 1.0, *(float(f"{value:.{digits}g}") for digits in (1, 2, 4, 8))]
    shorter = [other for other in candidates if len(repr(other)) < len(repr(value))]
    return list(dict.fromkeys(shorter))
