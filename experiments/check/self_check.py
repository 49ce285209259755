"""Whether a network's gradients are the derivative of its own loss, by differences.

For a network that is none of dense layers as Keras has them here, with a leaky relu, dropout or
batch normalisation, there is nothing to hold it against but itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.check.cases import Case, Point
from experiments.check.plain import loss_value
from experiments.check.recognition import Recognised
from experiments.check.tensor_names import LOSS
from scratchnet.types import Array

Step = Callable[[Case, Point], dict[str, Array] | None]
"""Lets the network take a step from a point; tensors by full name, or None."""

_DISTANCE = 2.0**-17
"""About the cube root of float64's precision, where a central difference is best."""

_CLOSE = 1e-5
"""Relative; a central difference is good to about 1e-9, a kink apart."""

_DIRECTIONS = 3


@dataclass(frozen=True)
class SelfCheck:
    """What differences say.

    Attributes
    ----------
    wrong
        Full names of the gradients that are not the derivative of the loss, the last layer first.
    factor
        The gradients are so many times the derivative of the loss that was looked at.
    """

    wrong: list[str]
    factor: float


def self_check(case: Case, step: Step, found: Recognised) -> SelfCheck | None:
    """Compare gradients with differences of the loss along a few directions.

    Parameters
    ----------
    case
        Where to look.
    step
        Asks the network.
    found
        How it is read.

    Returns
    -------
    SelfCheck or None
        None where the network shows no loss and no prediction, or draws at random.
    """
    if found.reading.owned:
        return _along_loss(case, step, found, found.reading.loss)
    # Where no loss is to be seen, it is the one whose derivative most of the gradients are.
    checks = [
        check
        for loss in dict.fromkeys((found.reading.loss, *_losses(case)))
        if (check := _along_loss(case, step, found, loss)) is not None
    ]
    return min(checks, key=lambda check: len(check.wrong), default=None)


def _losses(case: Case) -> list[str]:
    last = case.architecture.last_activation
    if last == "softmax":
        return ["categorical_crossentropy", "mean_squared_error"]
    return ["binary_crossentropy", "mean_squared_error"]


def _along_loss(case: Case, step: Step, found: Recognised, name_of_loss: str) -> SelfCheck | None:
    point = case.point("float64")
    start, again = step(case, point), step(case, point)
    if start is None or again is None:
        return None
    value = _loss(start, case, point, found, name_of_loss)
    if value is None or value != _loss(again, case, point, found, name_of_loss):
        return None
    random = np.random.RandomState(case.seed)
    ratios: dict[str, list[float]] = {}
    names = [name for name in reversed(point.weights) if f"{name}_gradient" in start]
    for name in names:
        gradient = start[f"{name}_gradient"]
        if gradient.shape != point.weights[name].shape:
            ratios[name] = [np.nan]
            continue
        ratios[name] = []
        for _ in range(_DIRECTIONS):
            direction = random.standard_normal(gradient.shape)
            moved = []
            for sign in (1, -1):
                weights = dict(point.weights)
                weights[name] = weights[name] + sign * _DISTANCE * direction
                there = Point(weights, point.x, point.y)
                tensors = step(case, there)
                loss = None if tensors is None else _loss(tensors, case, there, found, name_of_loss)
                if loss is None:
                    return None
                moved.append(loss)
            slope = (moved[0] - moved[1]) / (2 * _DISTANCE)
            along = float(np.sum(gradient * direction))
            ratios[name].append(along / slope if slope else np.nan)
    return _judged(ratios)


def _judged(ratios: dict[str, list[float]]) -> SelfCheck:
    """Find the factor that most agree on, and those that do not."""
    constant = {
        name: float(np.median(numbers))
        for name, numbers in ratios.items()
        if np.ptp(numbers) <= _CLOSE * abs(np.median(numbers))
    }
    factor, agreeing = 1.0, 0
    for number in constant.values():
        like = sum(abs(other - number) <= _CLOSE * abs(number) for other in constant.values())
        if like > agreeing:
            factor, agreeing = number, like
    wrong = [
        name
        for name in ratios
        if name not in constant or abs(constant[name] - factor) > _CLOSE * abs(factor)
    ]
    return SelfCheck(wrong, factor)


def _loss(
    tensors: dict[str, Array], case: Case, point: Point, found: Recognised, name: str
) -> float | None:
    """Return the network's own loss, or that of its prediction."""
    if found.reading.owned and LOSS in tensors:
        value = tensors[LOSS]
        return float(value) if value.size == 1 else None
    prediction = tensors.get(f"{case.architecture.layers[-1].name}/activation")
    if prediction is None or prediction.shape != point.y.shape:
        return None
    with np.errstate(all="ignore"):
        loss = loss_value(name, prediction, point.y)
    return loss if np.isfinite(loss) else None
