"""Conventions: a loss that is half of Keras's, or a sum, and gradients that belong to it.

They are found from all cases together, told once, and taken out of the numbers before these are
judged, so that they hide no mistake. What belongs to no loss of the code is no convention.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from experiments.check.cases import Case, dense_layers
from experiments.check.observation import Observation
from experiments.check.reading import Reading
from experiments.check.recognition import Recognised
from experiments.check.reference import reference
from experiments.check.tensor_names import LOSS
from scratchnet.types import Array

_CLOSE = 1e-6
"""Relative distance within which numbers are the same; the judge looks closer afterwards."""

_POWERS = ((0, 0), (1, 0), (0, 1), (1, 1), (-1, 0), (0, -1), (-1, -1), (1, -1), (-1, 1))
"""Exponents of batch size and outputs, the plainest first."""


@dataclass(frozen=True)
class Factor:
    """A number that depends on the batch size m and the number of outputs u: k m^a u^b."""

    k: float = 1.0
    a: int = 0
    b: int = 0

    def at(self, case: Case) -> float:
        """Return the number for a case."""
        return self.k * float(case.batch_size) ** self.a * float(case.architecture.units) ** self.b

    @property
    def words(self) -> str:
        """The number for people, as `half of`."""
        number = {0.5: "half of", 1.0: "", 2.0: "twice"}.get(self.k, f"{self.k:.6g} times")
        parts = [number] if number else []
        for power, word in ((self.a, "the batch size"), (self.b, "the number of outputs")):
            if power > 0:
                parts.append(f"{word} times")
            elif power < 0:
                parts.append(f"one by {word} of")
        return " ".join(parts) or "equal to"

    @property
    def is_one(self) -> bool:
        """Whether it changes nothing."""
        return self == Factor()


@dataclass(frozen=True)
class Convention:
    """What somebody's numbers are, in terms of Keras's.

    Attributes
    ----------
    loss, gradient
        How many times Keras's they are; the loss is None where it is no multiple.
    penalty, decay
        How many times the sum of the squares of the kernels is in the loss, and how many times the
        kernel in its gradient.
    biases
        Whether the penalty counts the biases too.
    """

    loss: Factor | None = None
    gradient: Factor = Factor()
    penalty: Factor = Factor(0.0)
    decay: Factor = Factor(0.0)
    biases: bool = False


def find(observations: Sequence[Observation], found: Recognised) -> Convention:
    """Find the convention of a network in a form of its own.

    Parameters
    ----------
    observations
        In float64, of cases of the same depth.
    found
        How the network is read.
    """
    reading = found.reading
    facts = [fact for o in observations if (fact := _facts(o, reading)) is not None]
    gradient = _power_law([(o.case, c) for o, c, _ in facts])
    decay = _power_law([(o.case, d) for o, _, d in facts]) if any(d for *_, d in facts) else None
    loss = _loss_of(observations)
    if loss is not None and reading.owned:
        factor, penalty, biases = loss
        return _with_own_loss(factor, penalty, biases, gradient, decay, found)
    seen = gradient or Factor()
    if seen.k < 0 and reading.from_state:
        # Descent that climbs is no convention.
        seen = replace(seen, k=-seen.k)
    return Convention(loss[0] if loss else None, seen, decay=decay or Factor(0.0))


def _with_own_loss(
    loss: Factor,
    penalty: Factor,
    biases: bool,
    gradient: Factor | None,
    decay: Factor | None,
    found: Recognised,
) -> Convention:
    """Return the convention of a loss; gradients have to belong to it."""
    reading = found.reading
    share = 1.0
    if loss.k < 0:
        # What is climbed is descended with the other sign, as a likelihood.
        loss, climbs = replace(loss, k=-loss.k), loss
        return replace(_with_own_loss(loss, penalty, biases, gradient, decay, found), loss=climbs)
    unknown_rate = reading.from_state and not found.way.rate_known
    if gradient is not None and (unknown_rate or reading.free_factor):
        # A rate that is not ours to know stands before all gradients alike.
        share = abs(gradient.k / loss.k)
    expected = replace(loss, k=loss.k * share)
    shrink = Factor(2 * penalty.k * share, penalty.a, penalty.b)
    if not penalty.k and decay is not None and reading.from_state:
        # Weights that decay by themselves, beside a loss that does not say so.
        shrink = decay
    return Convention(loss, expected, penalty, shrink, biases)


def find_given(observations: Sequence[Observation]) -> Convention | None:
    """Find the convention of a network that is handed architectures; None if it has Keras's.

    Parameters
    ----------
    observations
        In float64, of cases with the same loss and without a problem.
    """
    loss = _loss_of(observations)
    if loss is None or loss[0].k <= 0 or (loss[0].is_one and not loss[1].k):
        return None
    factor, penalty, biases = loss
    # The last layer's gradients come first, and say whether it is meant.
    for observation in observations:
        last = dense_layers(observation.case.architecture)[-1].name
        numbers = _fit(observation, f"{last}/kernel", expect_decay=bool(penalty.k))
        if numbers is None or abs(numbers[0] - factor.at(observation.case)) > _CLOSE * numbers[0]:
            return None
        if penalty.k and abs(numbers[1]) < _CLOSE:
            return None
    shrink = Factor(2 * penalty.k, penalty.a, penalty.b)
    return Convention(factor, factor, penalty, shrink, biases)


def _facts(observation: Observation, reading: Reading) -> tuple[Observation, float, float] | None:
    """Return how many times Keras's a gradient is, and how many times the kernel is in it."""
    names = [layer.name for layer in dense_layers(observation.case.architecture)]
    for layer, kind in sorted(reading.agreed, key=lambda t: (t[1] != "kernel", -t[0])):
        numbers = _fit(observation, f"{names[layer]}/{kind}", expect_decay=bool(reading.decay))
        if numbers is not None:
            return observation, *numbers
    return None


def _fit(
    observation: Observation, weight: str, *, expect_decay: bool
) -> tuple[float, float] | None:
    key = f"0|{weight}_gradient"
    right = reference(observation.case, observation.dtype).right[f"{weight}_gradient"][0]
    if key not in observation.tensors or observation.tensors[key].shape[1:] != right.shape:
        return None
    ours = observation.tensors[key][0].astype(np.longdouble)
    columns = [right.ravel()]
    if expect_decay and right.ndim == 2:
        columns.append(_start(observation, weight).ravel())
    solution = _solved(columns, ours.ravel())
    if solution is None:
        return None
    return solution[0], solution[1] if len(solution) > 1 else 0.0


def _solved(columns: Sequence[Array], ours: Array) -> list[float] | None:
    """Return the numbers by which the columns add up to an array, if they do."""
    table = np.column_stack(columns).astype(np.float64)
    if not np.all(np.isfinite(ours)) or len(ours) < len(columns):
        return None
    values = ours.astype(np.float64)
    solution, *_ = np.linalg.lstsq(table, values, rcond=None)
    largest = float(np.max(np.abs(values)))
    if not largest or np.max(np.abs(table @ solution - values)) > _CLOSE * largest:
        return None
    return [float(number) for number in solution]


def _start(observation: Observation, weight: str) -> Array:
    start: Array = observation.case.point(observation.dtype).weights[weight]
    return start


def _loss_of(observations: Sequence[Observation]) -> tuple[Factor, Factor, bool] | None:
    """Return how many times Keras's the loss is, and its penalty, from all cases together."""
    shown = [o for o in observations if f"0|{LOSS}" in o.tensors]
    if not shown or len(shown) < len(observations):
        return None
    ours = np.array([float(o.tensors[f"0|{LOSS}"][0].reshape(-1)[0]) for o in shown])
    if any(o.tensors[f"0|{LOSS}"][0].size != 1 for o in shown) or not np.all(np.isfinite(ours)):
        return None
    right = np.array([float(reference(o.case, o.dtype).right[LOSS][0]) for o in shown])
    plain = _power_law([(o.case, a / b) for o, a, b in zip(shown, ours, right, strict=True)])
    if plain is not None:
        return plain, Factor(0.0), False
    if len(shown) < 3:
        return None
    for biases in (False, True):
        squares = np.array([_squares(o, biases=biases) for o in shown])
        for (a, b), p in itertools.product(_POWERS[:4], (0, -1)):
            first = np.array([Factor(1.0, a, b).at(o.case) for o in shown]) * right
            second = np.array([Factor(1.0, p, 0).at(o.case) for o in shown]) * squares
            numbers = _solved([first, second], ours)
            if numbers is not None and numbers[0] > _CLOSE:
                return (
                    Factor(_rounded(numbers[0]), a, b),
                    Factor(_rounded(numbers[1]), p, 0),
                    biases,
                )
    return None


def _squares(observation: Observation, *, biases: bool) -> float:
    weights = observation.case.point(observation.dtype).weights.values()
    return float(sum(np.sum(np.square(w)) for w in weights if biases or w.ndim == 2))


def _power_law(numbers: Sequence[tuple[Case, float]]) -> Factor | None:
    """Return the factor that all cases agree on, if they do."""
    if not numbers:
        return None
    found = []
    for a, b in _POWERS:
        ks = [number / Factor(1.0, a, b).at(case) for case, number in numbers]
        if max(ks) - min(ks) <= 2 * _CLOSE * abs(ks[0]):
            found.append(Factor(_rounded(ks[0]), a, b))
    # Where outputs are always as many, a factor of them looks like a number: the plainer wins.
    plain = [factor for factor in found if factor.k in (1.0, 0.5, 2.0)]
    return next(iter([*plain, *found]), None)


def _rounded(number: float) -> float:
    """Return the round number that is meant, where one is near."""
    for digits in range(1, 7):
        short = float(f"{number:.{digits}g}")
        if abs(short - number) <= 1e-9 * abs(number) + (_CLOSE * abs(number) if digits < 2 else 0):
            return short
    fraction = float(Fraction(number).limit_denominator(2000))
    return fraction if abs(fraction - number) <= 1e-9 * abs(number) else number


def in_keras_terms(observation: Observation, convention: Convention) -> Observation:
    """Return an observation with its convention taken out.

    The second step starts from weights that the convention has moved otherwise, so it is left out.
    """
    case = observation.case
    points = case.points(observation.dtype)
    factor = np.longdouble(convention.gradient.at(case))
    decay = np.longdouble(convention.decay.at(case))
    shapes = case.architecture.weight_shapes()
    tensors: dict[str, Array] = {}
    for key, values in observation.tensors.items():
        step, _, name = key.partition("|")
        if step == "1":
            continue
        tensors[key] = values
        short = name.rpartition("_")[0]
        if name == LOSS and convention.loss is not None:
            tensors[key] = _loss_in_keras_terms(values, convention, observation)
        elif short in shapes and values.shape[1:] == shapes[short]:
            starts = np.stack([point.weights[short] for point in points[: len(values)]])
            weights, exact = starts.astype(np.longdouble), values.astype(np.longdouble)
            shrinks = decay if len(shapes[short]) == 2 or convention.biases else 0
            if name.endswith("_gradient"):
                exact = (exact - shrinks * weights) / factor
            elif name.endswith("_updated"):
                moved = weights - exact - case.learning_rate * shrinks * weights
                exact = weights - moved / factor
            tensors[key] = exact.astype(values.dtype)
        elif name.endswith("_gradient") and short in shapes:
            tensors[key] = (values.astype(np.longdouble) / factor).astype(values.dtype)
    return replace(observation, tensors=tensors)


def _loss_in_keras_terms(values: Array, convention: Convention, observation: Observation) -> Array:
    assert convention.loss is not None
    case = observation.case
    exact = values.astype(np.longdouble)
    if convention.penalty.k:
        each = []
        for point in case.points(observation.dtype)[: len(values)]:
            chosen = [w for w in point.weights.values() if convention.biases or w.ndim == 2]
            each.append(sum(np.sum(np.square(w.astype(np.longdouble))) for w in chosen))
        taken = np.asarray(each, np.longdouble) * convention.penalty.at(case)
        exact = exact - taken.reshape(-1, *(1,) * (values.ndim - 1))
    result: Array = (exact / np.longdouble(convention.loss.at(case))).astype(values.dtype)
    return result


def remarks(convention: Convention, *, owned: bool) -> dict[str, str]:
    """Say once what the convention is."""
    told: dict[str, str] = {}
    loss, gradient = convention.loss, convention.gradient
    if owned and loss is not None and not loss.is_one:
        told["convention"] = (
            f"your loss is {loss.words} Keras's, and your gradients belong to it: that is a "
            "choice, not a mistake"
        )
    elif not owned and not gradient.is_one:
        told["convention"] = (
            f"your gradients are {gradient.words} those of Keras's mean loss, all alike: a choice "
            "that the learning rate makes up for"
        )
    if convention.penalty.k:
        told["penalty"] = (
            f"the loss has {convention.penalty.k:.6g} times the sum of the squares of the "
            f"{'weights' if convention.biases else 'kernels'}, a penalty (L2) that was allowed for"
        )
    elif convention.decay.k:
        told["penalty"] = (
            f"{abs(convention.decay.k):.6g} times the kernel is in its gradient, as by a penalty "
            "(L2) or a decay of the weights; it was allowed for"
        )
    return told
