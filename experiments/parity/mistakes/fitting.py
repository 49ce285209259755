"""Explanations by one number that is not known beforehand: a factor, a rate, a penalty, a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from experiments.parity.exact.formulas import FORWARD, Tensors
from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes.loss import binary_with_epsilon
from experiments.parity.mistakes.observed import BACKWARD, ObservedStep
from experiments.parity.mistakes.scene import Mistake, Scene
from scratchnet.types import Array

_Model = Callable[[ObservedStep], Bounded]
"""A step's value of a tensor, which an unknown number multiplies."""

_MOST_DECIMALS = 8


def fitted(step: ObservedStep, name: str, others: Sequence[ObservedStep]) -> Mistake | None:
    """Explain a tensor by one unknown number.

    Parameters
    ----------
    step, name
        The step, and the full name of the tensor.
    others
        Other steps of the same code: those where this tensor is wrong must agree where it has one
        element only, which is no evidence.
    """
    steps = [step, *(other for other in others if name in other.wrong)]
    if step.scene(name).role == "updated":
        return _step(steps, name)
    return (
        _epsilon(step, name)
        or _decimals(step, name)
        or _clipped(step, name)
        or _clipped_before_sigmoid(step, name)
        or _factor(steps, name)
        or _penalty(steps, name)
        or _offset(step, name)
    )


def ratio(ours: Array, right: Array) -> float | None:
    """Return the number that comes nearest to ``ours = number * right``."""
    exact = np.asarray(right, np.longdouble)
    below = np.sum(exact**2)
    if ours.shape != right.shape or not below:
        return None
    return float(np.sum(ours * exact) / below)


def _fit(
    steps: Sequence[ObservedStep], name: str, base: _Model | None, model: _Model
) -> float | None:
    """Return the number for which ``base + number * model`` is the observed tensor."""
    step, *others = steps
    ours = step.ours[name]
    number = ratio(ours - (base(step).value if base else 0), model(step).value)
    if number is None or not np.isfinite(number):
        return None

    def explains(other: ObservedStep) -> bool:
        value = model(other) * number
        return other.explained(name, base(other) + value if base else value)

    if not explains(step):
        return None
    return number if ours.size > 1 or (others and explains(others[0])) else None


def _right(name: str) -> _Model:
    return lambda step: step.right[name]


def _weight(name: str) -> _Model:
    return lambda step: step.template.precision.exact(step.template.snapshot.weights[name])


def _step(steps: Sequence[ObservedStep], name: str) -> Mistake | None:
    """Explain an updated weight: another rate, or a decay."""
    step, *others = steps
    weight = _weight(name.removesuffix("_updated"))

    def moved(one: ObservedStep) -> Bounded:
        return one.right[name] - weight(one)

    number = _fit(steps, name, weight, moved)
    if number is not None:
        rate = _rate(step)
        by = [(number, number * rate)]
        for other in others:
            again = ratio(other.ours[name] - weight(other).value, moved(other).value)
            if again is not None:
                by.append((again, again * _rate(other)))
        # Neither the share of the right step is the same everywhere, nor the rate.
        if all(np.ptp(numbers) > 1e-3 * abs(numbers[0]) for numbers in zip(*by, strict=True)):
            return _found("step_scaled", number=number)
        words = f": as by a learning rate of {number * rate:.6g} for {rate:g}" if rate else ""
        return _found("wrong_rate", number=number, rate=words)
    number = _fit(steps, name, _right(name), weight)
    return None if number is None else _found("weight_decay", number=number)


def _rate(step: ObservedStep) -> float:
    return float(getattr(step.template.optimizer, "learning_rate", 0.0))


def _found(code: str, **values: object) -> Mistake:
    def nothing() -> Bounded:
        raise ValueError("a number that was fitted is not replayed")

    return Mistake(code, nothing, values)


def _epsilon(step: ObservedStep, name: str) -> Mistake | None:
    of_loss = name == "loss"
    if not of_loss and (step.stage(name) != BACKWARD or step.isolated):
        return None
    code = "epsilon_in_log" if of_loss else "epsilon_in_gradient"
    for both in (True, False):
        epsilon = fitted_epsilon(step, name, both=both)
        if epsilon is not None:
            return _found(code, epsilon=epsilon)
    return None


def fitted_epsilon(step: ObservedStep, name: str, *, both: bool = True) -> float | None:
    """Find the epsilon, a round number, beside the probabilities that explains a tensor.

    Parameters
    ----------
    step, name
        A step, and the loss or a gradient in it.
    both
        Whether it stands beside 1 - p too, or beside p only.
    """
    if "crossentropy" not in step.template.loss:
        return None

    def replayed(epsilon: float) -> Bounded:
        of_loss = name == "loss"
        return with_epsilon(step, epsilon, of_loss=of_loss, both=both, until=name)[name]

    ours = np.asarray(step.ours[name], np.longdouble)
    right = replayed(0.0).value
    if ours.shape != right.shape or not np.all(np.isfinite(ours)):
        return None
    # The tensor is nearly linear in an epsilon that is small.
    small = 1e-9
    guess = ratio(ours - right, (replayed(small).value - right) / small)
    if guess is None or not 0 < guess < 1:
        return None
    candidates = (float(f"{guess:.{digits}e}") for digits in (0, 1))
    return next((e for e in candidates if step.explained(name, replayed(e))), None)


def with_epsilon(
    step: ObservedStep, epsilon: float, *, of_loss: bool, both: bool = True, until: str = ""
) -> Tensors:
    """Return the tensors of a step with an epsilon in the loss or in its gradient."""
    last = f"{step.template.layers[-1].name}/activation_gradient"
    place, formula = ("loss", _loss) if of_loss else (last, _loss_gradient)

    def replaced(name: str, right: Bounded, tensors: Tensors) -> Bounded:
        if name != place:
            return right
        return formula(step.scene(name, right, tensors), epsilon, epsilon if both else 0.0)

    return step.replay(replaced, until)


def _loss(scene: Scene, beside_p: float, beside_rest: float) -> Bounded:
    p, y = scene.prediction, scene.targets
    if scene.loss == "binary_crossentropy":
        return binary_with_epsilon(p, y, beside_p, beside_rest)
    found: Bounded = -((y * (p + beside_p).log()).sum() / scene.samples)
    return found


def _loss_gradient(scene: Scene, beside_p: float, beside_rest: float) -> Bounded:
    p, y = scene.prediction, scene.targets
    found: Bounded = -(y / (p + beside_p))
    if scene.loss == "binary_crossentropy":
        found = (1 - y) / (1 - p + beside_rest) + found
    return found / scene.count


def _decimals(step: ObservedStep, name: str) -> Mistake | None:
    """Explain a tensor that was rounded to decimals."""
    exact = step.template.precision.exact
    right = step.right[name].value
    if not np.any(step.ours[name]):
        return None
    for decimals in range(_MOST_DECIMALS + 1):
        if step.explained(name, exact(np.round(right, decimals))):
            return _found("rounded", number=decimals)
    return None


def _clipped(step: ObservedStep, name: str) -> Mistake | None:
    """Explain a tensor that was clipped, to a bound that it then reaches."""
    ours, right = step.ours[name], step.right[name]
    most = float(np.max(np.abs(ours), initial=0))
    # Were all elements at the bound, it would be no more than their signs.
    reached = most < np.max(np.abs(right.value), initial=0) and np.any(np.abs(ours) < most)
    if not reached or not step.explained(name, right.clip(-most, most)):
        return None
    return _found("clipped", number=most)


def _clipped_before_sigmoid(step: ObservedStep, name: str) -> Mistake | None:
    """Explain a sigmoid whose argument was clipped."""
    scene = step.scene(name)
    ours = np.asarray(step.ours[name], np.longdouble)
    if scene.tensor != "activation" or scene.activation != "sigmoid":
        return None
    if not np.all((ours > 0) & (ours < 1)):
        return None
    most = float(np.max(np.abs(np.log(ours / (1 - ours)))))
    if not step.explained(name, FORWARD["sigmoid"](scene.z.clip(-most, most))):
        return None
    return _found("clipped_argument", number=most)


def _factor(steps: Sequence[ObservedStep], name: str) -> Mistake | None:
    number = _fit(steps, name, None, _right(name))
    if number is None:
        return None
    if _passed_back(steps[0], name, number):
        return _found("factor", number=number, it="what every layer passes back")
    return _found("factor", number=number)


def _passed_back(step: ObservedStep, name: str, number: float) -> bool:
    """Whether a factor in what every layer passes back explains all gradients of a step."""
    if step.isolated or step.stage(name) != BACKWARD:
        return False

    def replaced(current: str, right: Bounded, _tensors: Tensors) -> Bounded:
        scene = step.scene(current, right)
        inner = scene.tensor == "activation_gradient" and not scene.is_last
        return right * number if inner else right

    tensors = step.replay(replaced)
    gradients = [n for n in step.ours if step.stage(n) == BACKWARD]
    return all(step.explained(n, tensors[n]) for n in gradients)


def _penalty(steps: Sequence[ObservedStep], name: str) -> Mistake | None:
    """Explain a loss or a gradient by a penalty on the weights."""
    scene = steps[0].scene(name)
    if scene.role == "gradient":
        weight = _weight(name.removesuffix("_gradient"))
        number = _fit(steps, name, _right(name), weight)
        return None if number is None else _found("weight_decay", number=number)
    for biases in (False, True) if name == "loss" else ():
        for mean in (False, True):
            number = _fit(steps, name, _right(name), _squares(biases=biases, mean=mean))
            if number is not None:
                which = "weights" if biases else "kernels"
                over = ", divided by the batch size," if mean else ""
                return _found("penalty", number=number, which=which + over)
    return None


def _squares(*, biases: bool, mean: bool) -> _Model:
    def value(step: ObservedStep) -> Bounded:
        scene = step.template
        weights = scene.snapshot.weights.values()
        chosen = [scene.precision.exact(w) for w in weights if biases or w.ndim > 1]
        total = sum(((w * w).sum() for w in chosen), scene.precision.exact(0.0))
        return total / scene.samples if mean else total

    return value


def _offset(step: ObservedStep, name: str) -> Mistake | None:
    ours, right = step.ours[name], step.right[name]
    if ours.size < 2:
        return None
    offset = float(np.mean(ours - right.value))
    return _found("offset", number=offset) if step.explained(name, right + offset) else None
