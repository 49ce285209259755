"""Explanations by one number that is not known beforehand: a factor, a rate, a penalty, a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from experiments.check.cases import dense_layers
from experiments.check.judging.epsilon import EPSILON_SENTENCES, fitted_epsilon
from experiments.check.judging.mistakes import Diagnosis
from experiments.check.judging.noise import CaseVerdict, TensorVerdict, explained
from experiments.check.judging.replay import Replay, activate
from experiments.check.tensor_names import LOSS
from scratchnet.types import Array

_Model = Callable[[CaseVerdict], Array]
"""A case's value of a tensor, which an unknown number multiplies."""

_MOST_DECIMALS = 8


def fitted(verdicts: Sequence[CaseVerdict], first: TensorVerdict) -> Diagnosis | None:
    """Explain the first divergent tensor by one unknown number.

    Parameters
    ----------
    verdicts
        The divergent cases; the first holds the tensor, and the others must agree where the
        tensor has one element only.
    first
        A tensor of the first step.
    """
    if first.tensor.endswith("_updated"):
        return _step(verdicts, first)
    return (
        _epsilon(verdicts[0], first)
        or _decimals(verdicts[0], first)
        or _clipped(verdicts[0], first)
        or _clipped_before_sigmoid(verdicts[0], first)
        or _factor(verdicts, first)
        or _penalty(verdicts, first)
    )


def gradient_of(updated: str) -> str:
    """Return the full name of the gradient by which a weight is updated."""
    return updated.replace("_updated", "_gradient")


def ratio(ours: Array, right: Array) -> np.longdouble | None:
    """Return the number that comes nearest to ``ours = number * right``."""
    below = np.sum(right.astype(np.longdouble) ** 2)
    if ours.shape != right.shape or not below:
        return None
    number: np.longdouble = np.sum(ours * right) / below
    return number


def _ours(verdict: CaseVerdict, key: str) -> Array:
    ours: Array = verdict.observation.tensors[key][0].astype(np.longdouble)
    return ours


def _right(verdict: CaseVerdict, name: str) -> Array:
    right: Array = verdict.references["0"][name].astype(np.longdouble)
    return right


def _weight(verdict: CaseVerdict, name: str) -> Array:
    observation = verdict.observation
    weight: Array = observation.case.point(observation.dtype).weights[name]
    return weight.astype(np.longdouble)


def _fit(
    verdicts: Sequence[CaseVerdict], first: TensorVerdict, base: _Model, model: _Model
) -> float | None:
    """Return the number for which ``base + number * model`` is the user's tensor.

    One element is no evidence, so another case must show the same number then.
    """
    main = verdicts[0]
    number = ratio(_ours(main, first.key) - base(main), model(main))
    if number is None or not explained(main, first, base(main) + number * model(main)):
        return None
    if first.index is not None and _ours(main, first.key).size > 1:
        return float(number)
    for other in verdicts[1:]:
        for tensor in other.divergent:
            if tensor.key == first.key:
                again = explained(other, tensor, base(other) + number * model(other))
                return float(number) if again else None
    return None


def _step(verdicts: Sequence[CaseVerdict], first: TensorVerdict) -> Diagnosis | None:
    """Explain an updated weight: another rate, or a decay."""
    name, gradient = first.name.removesuffix("_updated"), gradient_of(first.name)
    number = _fit(verdicts, first, lambda v: _weight(v, name), lambda v: -_right(v, gradient))
    rate = verdicts[0].observation.case.learning_rate
    if number is not None:
        moves = (
            f"{name} moves by {number:.6g} times the gradient; expected {rate:g} times, the "
            "learning rate"
        )
        moved = [_moved_by(other, first.key) for other in verdicts[1:]]
        if any(n is not None and abs(n - number) > 1e-3 * abs(number) for n in moved):
            return Diagnosis(
                "step_scaled",
                f"{moves}; in other cases by other numbers, as if the gradient were divided by its "
                "size or cut to a length",
            )
        return Diagnosis("wrong_rate", moves)
    number = _fit(verdicts, first, lambda v: _right(v, first.name), lambda v: -_weight(v, name))
    if number is not None:
        return Diagnosis(
            "weight_decay",
            f"{name} decays by {number:.6g} of itself at every update; plain gradient descent has "
            "no decay",
        )
    return None


def _moved_by(verdict: CaseVerdict, key: str) -> float | None:
    """Return how many times its gradient a weight moved, where it has moved so at all."""
    if key not in verdict.observation.tensors:
        return None
    name = key.partition("|")[2]
    moved = _weight(verdict, name.removesuffix("_updated")) - _ours(verdict, key)
    number = ratio(moved, _right(verdict, gradient_of(name)))
    return None if number is None else float(number)


def _epsilon(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    if first.name == LOSS:
        place = "loss"
    elif first.tensor.endswith("_gradient"):
        place = "loss_gradient"
    else:
        return None
    if verdict.observation.case.architecture.loss.name == "mean_squared_error":
        return None
    code = "epsilon_in_log" if place == "loss" else "epsilon_in_gradient"
    for both in (True, False):
        epsilon = fitted_epsilon(verdict, first, place, both=both)
        if epsilon is not None:
            return Diagnosis(code, f"{epsilon:.2g} {EPSILON_SENTENCES[place]}; Keras adds none")
    return None


def _decimals(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that was rounded to decimals."""
    right = _right(verdict, first.name)
    if not np.any(_ours(verdict, first.key)):
        return None
    for decimals in range(_MOST_DECIMALS + 1):
        if explained(verdict, first, np.round(right, decimals)):
            return Diagnosis("rounded", f"{first.spoken} is rounded to {decimals} decimals")
    return None


def _clipped(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that was clipped, to a bound that it then reaches."""
    ours, right = _ours(verdict, first.key), _right(verdict, first.name)
    most = np.max(np.abs(ours), initial=0)
    # Were all elements at the bound, it would be no more than their signs.
    reached = most < np.max(np.abs(right), initial=0) and np.any(np.abs(ours) < most)
    if not reached or not explained(verdict, first, np.clip(right, -most, most)):
        return None
    return Diagnosis("clipped", f"{first.spoken} is clipped to {float(most):.6g}")


def _clipped_before_sigmoid(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a sigmoid whose argument was clipped."""
    layers = {layer.name: layer for layer in dense_layers(verdict.observation.case.architecture)}
    if first.tensor != "activation" or layers[first.layer].activation != "sigmoid":
        return None
    ours = _ours(verdict, first.key)
    if not np.all((ours > 0) & (ours < 1)):
        return None
    most = float(np.max(np.abs(np.log(ours / (1 - ours)))))
    z = _right(verdict, f"{first.layer}/pre_activation")
    if not explained(verdict, first, activate("sigmoid", np.clip(z, -most, most))):
        return None
    return Diagnosis(
        "clipped",
        f"the argument of sigmoid is clipped to [-{most:.4g}, {most:.4g}], or its result (in "
        f"{first.layer}); Keras clips neither",
    )


def _factor(verdicts: Sequence[CaseVerdict], first: TensorVerdict) -> Diagnosis | None:
    number = _fit(
        verdicts,
        first,
        lambda v: np.zeros_like(_right(v, first.name)),
        lambda v: _right(v, first.name),
    )
    if number is None:
        return None
    if number == 0:
        return Diagnosis("zero", f"{first.spoken} is all zero: never computed, or never stored")
    if _passed_back(verdicts[0], first, np.longdouble(number)):
        return Diagnosis(
            "factor", f"what every layer passes back is {number:.6g} times what it should be"
        )
    return Diagnosis("factor", f"{first.spoken} is {number:.6g} times what it should be")


def _passed_back(verdict: CaseVerdict, first: TensorVerdict, number: np.longdouble) -> bool:
    """Whether a factor in what every layer passes back explains all gradients of a case."""
    if not first.tensor.endswith("_gradient"):
        return False
    observation = verdict.observation
    replay = Replay(observation.case, observation.case.point(observation.dtype))
    tensors = replay.from_the_start("input_gradient", lambda at: number * at.right).tensors()
    gradients = [
        t for t in verdict.tensors if t.key.startswith("0|") and t.tensor.endswith("_gradient")
    ]
    return all(explained(verdict, t, tensors[t.name]) for t in gradients)


def _penalty(verdicts: Sequence[CaseVerdict], first: TensorVerdict) -> Diagnosis | None:
    """Explain a loss or a gradient by a penalty on the weights."""
    if first.tensor.endswith("_gradient"):
        name = first.name.removesuffix("_gradient")
        number = _fit(verdicts, first, lambda v: _right(v, first.name), lambda v: _weight(v, name))
        if number is not None:
            return Diagnosis(
                "weight_decay",
                f"{number:.6g} times the weight itself is added to {first.spoken}, as by a penalty "
                "on the weights that the loss does not have",
            )
    if first.name == LOSS:
        for biases, mean in ((False, False), (True, False), (False, True), (True, True)):
            number = _fit(
                verdicts, first, lambda v: _right(v, LOSS), _squares(biases=biases, mean=mean)
            )
            if number is not None:
                which = "weights" if biases else "kernels"
                over = ", divided by the batch size," if mean else ""
                return Diagnosis(
                    "penalty",
                    f"{number:.6g} times the sum of the squares of the {which}{over} is added to "
                    "the loss, a penalty that Keras's loss does not have",
                )
    return None


def _squares(*, biases: bool, mean: bool) -> _Model:
    def value(verdict: CaseVerdict) -> Array:
        observation = verdict.observation
        weights = observation.case.point(observation.dtype).weights.values()
        chosen = [w.astype(np.longdouble) for w in weights if biases or w.ndim == 2]
        total = sum((np.sum(w**2) for w in chosen), np.longdouble(0))
        return np.asarray(total / observation.case.batch_size if mean else total)

    return value
