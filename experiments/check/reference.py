"""What is right: every tensor of a step in higher precision, confirmed against Keras.

The reference is `scratchnet` in longdouble. Two yardsticks stand beside it: scratchnet in the
precision of the run, which shows how much a right network rounds there, and Keras itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from experiments.check.cases import Case, Point
from experiments.check.tensor_names import ACCURACY, LOSS
from scratchnet.architecture import Architecture
from scratchnet.metrics import correct_predictions
from scratchnet.network import Network, StepTrace
from scratchnet.optimizers import SGD, OptimizerState
from scratchnet.types import Array

Tensors = dict[str, Array]


def step_tensors(
    architecture: Architecture, point: Point, learning_rate: float, dtype: str
) -> Tensors:
    """Compute every tensor of a step of plain gradient descent with scratchnet.

    Parameters
    ----------
    architecture, point, learning_rate
        The step.
    dtype
        Of the computation; ``"longdouble"`` for the reference.

    Returns
    -------
    dict
        By full name as in `scratchnet.StepTrace`, and `LOSS` and `ACCURACY`, both of shape ().
    """
    network = _network(architecture, dtype)
    network.set_weights(point.weights)
    optimizer = OptimizerState(SGD(learning_rate), network.parameters)
    return _with_loss(architecture, network.trace_step(point.x, point.y, optimizer), point, dtype)


@dataclass(frozen=True)
class Reference:
    """What is right at several starting points, and how much a right network rounds there.

    Attributes
    ----------
    case, points
        What was computed, and from where.
    right
        Tensors in longdouble by full name, with the points along a first axis.
    twin
        By full name, the largest error of scratchnet in the points' own dtype.
    """

    case: Case
    points: Sequence[Point]
    right: Tensors
    twin: dict[str, float]

    @cached_property
    def twin_in_single(self) -> dict[str, float]:
        """By full name, the largest error of scratchnet in float32 from the same points."""
        return _twin_error(self.case, "float32", self.right, self.points)


@cache
def reference(case: Case, dtype: str) -> Reference:
    """Return the reference of a case's first step, at all its points rounded to a dtype."""
    points = case.points(dtype)
    return reference_at(case, dtype, points, points)


def reference_at(
    case: Case, dtype: str, points: Sequence[Point], twin_points: Sequence[Point]
) -> Reference:
    """Return the reference of a step from any points, the twin's error at some of them."""
    exact = [_step_from(case, point, "longdouble") for point in points]
    right = {name: np.stack([tensors[name] for tensors in exact]) for name in exact[0]}
    return Reference(case, points, right, _twin_error(case, dtype, right, twin_points))


def _twin_error(
    case: Case, dtype: str, right: Tensors, points: Sequence[Point]
) -> dict[str, float]:
    """Return by full name the largest error of scratchnet in a dtype, at some of the points."""
    twins = [_step_from(case, point, dtype) for point in points]
    return {
        name: max(distance(twin[name], value) for twin, value in zip(twins, values, strict=False))
        for name, values in right.items()
    }


def _step_from(case: Case, point: Point, dtype: str) -> Tensors:
    return step_tensors(case.architecture, point, case.learning_rate, dtype)


def distance(a: Array, b: Array) -> float:
    """Return the largest difference; NaN counts as infinite, another shape as 0."""
    if np.shape(a) != np.shape(b):
        return 0.0
    with np.errstate(all="ignore"):
        difference = np.abs(np.asarray(a, np.longdouble) - b)
    return float(np.max(np.where(np.isnan(difference), np.inf, difference), initial=0.0))


def keras_tensors(case: Case, dtype: str, point: Point) -> Tensors:
    """Return what Keras on TensorFlow computes."""
    step: Any = _keras_step(case.architecture, dtype, case.learning_rate)
    return _with_loss(case.architecture, step.trace(point.weights, point.x, point.y), point, dtype)


@cache
def _network(architecture: Architecture, dtype: str) -> Network:
    return Network(architecture, seed=0, dtype=dtype)


@cache
def _keras_step(architecture: Architecture, dtype: str, learning_rate: float) -> object:
    # Imported here because TensorFlow takes seconds to start.
    from keras_baseline.tracing import KerasStep

    return KerasStep(architecture, dtype, SGD(learning_rate))


def _with_loss(architecture: Architecture, trace: StepTrace, point: Point, dtype: str) -> Tensors:
    tensors = dict(trace.tensors)
    tensors[LOSS] = np.asarray(trace.loss, dtype)
    prediction = tensors[f"{architecture.layers[-1].name}/activation"]
    sparse = "sparse" in architecture.loss.name
    correct = correct_predictions(prediction, point.y, sparse=sparse)
    tensors[ACCURACY] = np.asarray(correct / len(point.y), dtype)
    return tensors
