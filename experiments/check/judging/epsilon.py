"""An epsilon that somebody added beside the probabilities: which one explains a difference."""

from __future__ import annotations

import numpy as np

from experiments.check.judging.noise import CaseVerdict, TensorVerdict, explained
from experiments.check.judging.replay import At, Replay, Value
from experiments.check.reference import Tensors
from scratchnet.types import Array

EPSILON_SENTENCES = {
    "loss": "is added inside the logarithm",
    "loss_gradient": "is added to what y and 1 - y are divided by",
}
"""What is said of an epsilon, by the place in a step where it sits."""


def fitted_epsilon(
    verdict: CaseVerdict, tensor: TensorVerdict, place: str, *, both: bool = True
) -> float | None:
    """Find the epsilon, a round number, that explains a tensor.

    Parameters
    ----------
    verdict, tensor
        A divergent tensor of the first step, and its case.
    place
        A key of `EPSILON_SENTENCES`.
    both
        Whether it stands beside 1 - p too, or beside p only.
    """

    def replayed(epsilon: float) -> Array:
        return with_epsilon(verdict, place, epsilon, both=both)[tensor.name]

    ours = verdict.observation.tensors[tensor.key][0].astype(np.longdouble)
    right = replayed(0.0)
    if ours.shape != right.shape or not np.all(np.isfinite(ours)):
        return None
    # The tensor is nearly linear in an epsilon that is small.
    slope = (replayed(1e-9) - right) / np.longdouble(1e-9)
    below = float(np.sum(slope**2))
    guess = float(np.sum((ours - right) * slope)) / below if below else 0.0
    if not 0 < guess < 1:
        return None
    candidates = (float(f"{guess:.{digits}e}") for digits in (0, 1))
    return next((e for e in candidates if explained(verdict, tensor, replayed(e))), None)


def with_epsilon(verdict: CaseVerdict, place: str, epsilon: float, *, both: bool = True) -> Tensors:
    """Return the tensors of a case with an epsilon in the loss or in its gradient."""
    case = verdict.observation.case
    last = len(case.architecture.layers) - 1
    make = {"loss": _loss, "loss_gradient": _loss_gradient}[place]
    point = case.point(verdict.observation.dtype)
    beside_p = np.longdouble(epsilon)
    value = make(beside_p, beside_p if both else np.longdouble(0))
    return Replay(case, point, {place: ((last,), value)}).tensors()


def _loss(beside_p: np.longdouble, beside_rest: np.longdouble) -> Value:
    def value(at: At) -> Array:
        terms = at.y * np.log(at.p + beside_p)
        if at.replay.loss_name != "binary_crossentropy":
            return np.asarray(-np.sum(terms) / at.m)
        return np.asarray(-np.mean(terms + (1 - at.y) * np.log(1 - at.p + beside_rest)))

    return value


def _loss_gradient(beside_p: np.longdouble, beside_rest: np.longdouble) -> Value:
    def value(at: At) -> Array:
        positive: Array = -at.y / (at.p + beside_p)
        if at.replay.loss_name != "binary_crossentropy":
            return positive / at.m
        return ((1 - at.y) / (1 - at.p + beside_rest) + positive) / at.p.size

    return value
