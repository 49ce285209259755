"""What is right: every tensor of a step in higher precision, confirmed against Keras.

The reference is `scratchnet` in longdouble. Two yardsticks stand beside it: scratchnet in the
precision of the run, which shows how much a right network rounds there, and Keras itself.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.checking.cases import Case, Point
from scratchnet.architecture import Architecture
from scratchnet.metrics import correct_predictions
from scratchnet.network import Network, StepTrace
from scratchnet.optimizers import SGD, OptimizerState

Array = NDArray[Any]
Tensors = dict[str, Array]

LOSS = "loss/loss"
ACCURACY = "metrics/accuracy"


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


@cache
def reference_points(case: Case, dtype: str) -> list[Tensors]:
    """Return the reference at each of a case's starting points in a dtype."""
    return [
        step_tensors(case.architecture, point, case.learning_rate, "longdouble")
        for point in case.points(dtype)
    ]


@cache
def twin_points(case: Case, dtype: str) -> list[Tensors]:
    """Return what scratchnet computes in that dtype itself."""
    return [
        step_tensors(case.architecture, point, case.learning_rate, dtype)
        for point in case.points(dtype)
    ]


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
    sparse = "sparse" in architecture.loss
    correct = correct_predictions(prediction, point.y, sparse=sparse)
    tensors[ACCURACY] = np.asarray(correct / len(point.y), dtype)
    return tensors
