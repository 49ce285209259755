"""Differences of meaning that are no mistakes: named in a remark, and not called divergent.

What people add on purpose, and what differs from Keras by no more than Keras differs from itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from experiments.checking.diagnosis import explained
from experiments.checking.judgement import CaseVerdict, TensorVerdict
from experiments.checking.reference import ACCURACY, LOSS
from experiments.checking.replay import Array, At, Replay, Value
from scratchnet.losses import EPSILON

LARGEST_GUARD = EPSILON * 1.01
"""Keras itself clips probabilities by its epsilon where it does not work on logits."""


def forgive(verdict: CaseVerdict) -> tuple[CaseVerdict, dict[str, str]]:
    """Take a small guard of the logarithm, and an accuracy in per cent, for what they are.

    Returns
    -------
    tuple
        The verdict, in which tensors that are explained count as rounding; and remarks by code.
    """
    remarks: dict[str, str] = {}
    divergent = {tensor.key: tensor for tensor in verdict.divergent}
    if not divergent:
        return verdict, remarks
    forgiven: set[str] = set()
    for key in (f"0|{ACCURACY}", f"again|{ACCURACY}", f"1|{ACCURACY}"):
        if key in divergent:
            right = verdict.references[key.partition("|")[0]][ACCURACY]
            if explained(verdict, divergent[key], 100 * right):
                forgiven.add(key)
                remarks["percent"] = "the accuracy is given in per cent; Keras gives a share"
    forgiven |= _guarded(verdict, divergent, remarks)
    tensors = [
        replace(tensor, verdict="rounding") if tensor.key in forgiven else tensor
        for tensor in verdict.tensors
    ]
    return replace(verdict, tensors=tensors), remarks


def _guarded(
    verdict: CaseVerdict, divergent: dict[str, TensorVerdict], remarks: dict[str, str]
) -> set[str]:
    """Return the tensors that a small epsilon beside the probabilities explains."""
    if verdict.observation.case.architecture.loss == "mean_squared_error":
        return set()
    losses = [t for t in divergent.values() if t.name == LOSS]
    others = [t for t in divergent.values() if t.name not in (LOSS, ACCURACY)]
    if any(not t.tensor.endswith(("_gradient", "_updated")) for t in others):
        return set()
    forgiven: set[str] = set()
    for tensors, place, make, code, sentence in (
        (losses, "loss", _guarded_loss, "epsilon_in_log", "is added inside the logarithm"),
        (
            others,
            "loss_gradient",
            _guarded_gradient,
            "epsilon_in_gradient",
            "is added to what y and 1 - y are divided by",
        ),
    ):
        if not tensors:
            continue
        first = tensors[0]
        if first.key.partition("|")[0] == "1":
            continue
        epsilon = _fitted(verdict, first, place, make)
        if epsilon is None:
            continue
        replayed = _replayed(verdict, place, make(epsilon))
        explains = {
            t.key
            for t in tensors
            if not t.key.startswith("1|") and explained(verdict, t, replayed.get(t.name))
        }
        # In the second step the same guard is at work; it is not replayed again.
        if len(explains) == sum(not t.key.startswith("1|") for t in tensors):
            forgiven |= {t.key for t in tensors}
            remarks[code] = (
                f"{epsilon:.1g} {sentence}: a difference of meaning, as small as Keras's own "
                "clipping on JAX and torch; Keras on TensorFlow works on the logits and has none"
            )
    return forgiven


def _fitted(
    verdict: CaseVerdict,
    tensor: TensorVerdict,
    place: str,
    make: Callable[[float], Value],
) -> float | None:
    """Find the epsilon, a round number, that explains a tensor."""
    ours = verdict.observation.tensors[tensor.key][0].astype(np.longdouble)
    right = _replayed(verdict, place, make(0.0))[tensor.name]
    if ours.shape != right.shape or not np.all(np.isfinite(ours)):
        return None
    # The tensor is nearly linear in so small an epsilon.
    slope = (_replayed(verdict, place, make(1e-9))[tensor.name] - right) / np.longdouble(1e-9)
    below = float(np.sum(slope**2))
    if not below:
        return None
    guess = float(np.sum((ours - right) * slope)) / below
    if not 0 < guess <= LARGEST_GUARD:
        return None
    for digits in (0, 1):
        rounded = float(f"{guess:.{digits}e}")
        if explained(verdict, tensor, _replayed(verdict, place, make(rounded))[tensor.name]):
            return rounded
    return None


def _replayed(verdict: CaseVerdict, place: str, value: Value) -> dict[str, Array]:
    case = verdict.observation.case
    last = len(case.architecture.layers) - 1
    point = case.point(verdict.observation.dtype)
    return Replay(case, point, {place: ((last,), value)}).tensors()


def _guarded_loss(epsilon: float) -> Value:
    def value(at: At) -> Array:
        e = np.longdouble(epsilon)
        terms = at.y * np.log(at.p + e)
        if at.replay.loss_name != "binary_crossentropy":
            return np.asarray(-np.sum(terms) / at.m)
        return np.asarray(-np.mean(terms + (1 - at.y) * np.log(1 - at.p + e)))

    return value


def _guarded_gradient(epsilon: float) -> Value:
    def value(at: At) -> Array:
        e = np.longdouble(epsilon)
        if at.replay.loss_name != "binary_crossentropy":
            one: Array = -at.y / (at.p + e) / at.m
            return one
        both: Array = ((1 - at.y) / (1 - at.p + e) - at.y / (at.p + e)) / at.p.size
        return both

    return value


def sums_over_outputs(verdict: CaseVerdict) -> str:
    """Return a remark if loss and gradients of several outputs are sums where Keras averages.

    Empty if they are not, or not all of them.
    """
    units = verdict.observation.case.architecture.units
    references = verdict.references["0"]
    judged = [
        tensor
        for tensor in verdict.tensors
        if tensor.key.startswith("0|")
        and (tensor.name == LOSS or tensor.tensor.endswith("_gradient"))
    ]
    if not all(explained(verdict, t, units * references[t.name]) for t in judged):
        return ""
    return (
        "with several outputs the binary cross-entropy is summed over them; Keras takes the mean, "
        f"so that loss and gradients are {units} times Keras's with {units} outputs"
    )
