"""What a plan would do, shown before it runs: its trials, their time, and what may be set."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.plan.datasets import known_facts
from experiments.plan.describe import describe_architecture, describe_optimizer
from experiments.plan.kinds import Field, Form, List, Named
from experiments.plan.mistakes import shown
from experiments.plan.plan import Plan
from experiments.plan.trial import Trial, trial_kind
from scratchnet.architecture import Architecture

TRIAL_COLUMNS = ("trial", "network", "data", "optimizer", "dtype", "batch", "epochs", "time")
SET_COLUMNS = ("--set", "takes", "in this plan")


def trial_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    """Yield a row of `TRIAL_COLUMNS` for each trial."""
    for trial in plan.trials:
        yield (
            trial.name,
            describe_architecture(trial.architecture),
            str(trial.dataset),
            describe_optimizer(trial.optimizer),
            trial.dtype,
            str(trial.batch_size or "full"),
            f"{trial.epochs:,}",
            duration(estimated_seconds(trial)),
        )


# Fitted to the trials of plans/article.toml, which then add up to the minute and a half that they
# take on two cores of an AMD EPYC.
_PER_TRIAL = 2.5
_PER_UPDATE = 4e-4
_PER_PRODUCT_AND_BYTE = 4e-11


def estimated_seconds(trial: Trial) -> float:
    """Return about how long a trial takes; it may well be half or twice that.

    Three parts: what every trial takes (Keras's tracing, the timings), what an update takes
    whatever its size, and the multiplications: three products per weight, position and sample.
    They stand for both sides, and for the perturbed trainings that show how rounding grows.
    """
    samples = known_facts(trial.dataset).training_samples
    updates = trial.epochs * math.ceil(samples / (trial.batch_size or samples))
    products = 3 * _products(trial.architecture) * samples * trial.epochs
    per_product = _PER_PRODUCT_AND_BYTE * np.dtype(trial.dtype).itemsize
    return _PER_TRIAL + _PER_UPDATE * updates + per_product * products


def _products(architecture: Architecture) -> int:
    """Return the multiplications of one sample's way forward, at a guess.

    A kernel is used at each position of an image and at each step of a sequence.
    """
    products = 0
    for layer in architecture.layers:
        shapes = architecture.input_shapes(layer)
        ends = [*shapes, layer.output_shape(*shapes)]
        positions = max(math.prod(shape[:-1]) for shape in ends)
        weights = layer.weights(*shapes)
        kernels = sum(math.prod(w.shape) for name, w in weights.items() if "kernel" in name)
        products += kernels * positions
    return products


def duration(seconds: float) -> str:
    """Return a time in one unit, as ``40 s``, ``3 min`` or ``1.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def summary(plan: Plan) -> str:
    """Return in a line how many trials there are, and about how long they take."""
    distinct = {trial.key: trial for trial in plan.trials}
    number = f"{len(plan.trials):,} trial{'s' if len(plan.trials) != 1 else ''}"
    if len(distinct) < len(plan.trials):
        number += f", {len(distinct):,} of them different"
    total = sum(estimated_seconds(trial) for trial in distinct.values())
    return f"{number}, about {duration(total)} on two cores if none is finished yet"


def set_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    """Yield a row of `SET_COLUMNS` for each name that ``--set`` takes with this plan."""
    found: dict[str, dict[str, Any]] = {}
    for trial in plan.trials:
        for key, value in trial.to_dict().items():
            # Each value once: a grid repeats its parts.
            found.setdefault(key, {})[json.dumps(value)] = value
    fields = [field for field in trial_kind().fields if field.name not in ("name", "reference")]
    rows = (
        row
        for field in fields
        for row in _rows(
            (field.name,),
            field,
            [{field.name: value} for value in found.get(field.name, {}).values()],
        )
    )
    # The two forms of an architecture have a key in common.
    yield from {row[0]: row for row in rows}.values()
    yield "grid.<any of these>", "a list of values, a trial for each", ""


def _rows(
    path: tuple[str, ...], field: Field, tables: list[dict[str, Any]]
) -> Iterator[tuple[str, ...]]:
    values = [value for table in tables for value in _values(table, path)]
    kind = field.kind
    if isinstance(kind, List) and isinstance(kind.kind, Named):
        # In all layers at once, or in one of them by its number.
        entries = [table for table in tables if next(_values(table, path), None)]
        yield from _rows((*path, "<number>"), replace(field, kind=kind.kind), entries)
    elif isinstance(kind, Form):
        for inner in (*kind.short.fields, *kind.full.fields):
            yield from _rows((*path, inner.name), inner, tables)
    elif isinstance(kind, Named):
        names = list(dict.fromkeys(_name(value, kind) for value in values))
        yield ".".join(path), kind.words, ", ".join(names[:4])
        inner_fields = {f.name: f for name in names for f in kind.tables[name].fields}
        for inner in inner_fields.values():
            yield from _rows((*path, inner.name), inner, tables)
    else:
        told = list(dict.fromkeys(shown(value) for value in values))
        more = f" and {len(told) - 4} more" if len(told) > 4 else ""
        yield ".".join(path), kind.words, ", ".join(told[:4]) + more


def _name(value: Any, kind: Named) -> str:
    return str(value.get(kind.key, kind.default) if isinstance(value, Mapping) else value)


def _values(table: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield what stands under a path, where it leads somewhere."""
    for position, key in enumerate(path):
        if key == "<number>":
            for entry in table:
                yield from _values(entry, path[position + 1 :])
            return
        if not isinstance(table, Mapping) or key not in table:
            return
        table = table[key]
    yield table
