"""From the first divergent tensor to the likely mistake.

Every known mistake is replayed in every place where it could be made: in all layers, in the
hidden ones, in one. It is named if what it computes equals what the user's code computed, to
rounding. The one that explains most tensors, in most cases, wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.checking.backward_mistakes import backward_mistakes
from experiments.checking.cases import dense_layers
from experiments.checking.forward_mistakes import forward_mistakes
from experiments.checking.judgement import CaseVerdict, TensorVerdict, longest_chain
from experiments.checking.mistakes import Mistake
from experiments.checking.reference import ACCURACY, LOSS, Tensors
from experiments.checking.replay import Replay
from experiments.checking.update_mistakes import update_mistakes

Array = NDArray[Any]

_CASES_TO_WEIGH = 3
"""How many cases of each kind have a say in which of several mistakes explains most."""


@dataclass(frozen=True)
class Diagnosis:
    """The likely mistake.

    Attributes
    ----------
    code
        For machines, as ``batch_size_missing``.
    sentence
        For people.
    """

    code: str
    sentence: str


@dataclass(frozen=True)
class _Suspect:
    """A mistake in certain layers: ``every``, ``hidden``, ``last``, or one by its index."""

    mistake: Mistake
    layers: str | int

    def replay(self, verdict: CaseVerdict) -> Tensors:
        """Return what a network with this mistake computes in the first step of a case."""
        case = verdict.observation.case
        layers = self.layers_in(verdict)
        replacements = dict.fromkeys(self.mistake.places, (layers, self.mistake.value))
        point = case.point(verdict.observation.dtype)
        return Replay(case, point, replacements).tensors()

    def layers_in(self, verdict: CaseVerdict) -> tuple[int, ...]:
        """Return the layers of a case that have the mistake: those of the right activation."""
        names = [layer.activation for layer in dense_layers(verdict.observation.case.architecture)]
        every = range(len(names))
        chosen = {"every": every, "hidden": every[:-1], "last": every[-1:]}.get(
            str(self.layers), (self.layers,)
        )
        wanted = self.mistake.activations
        return tuple(i for i in every if i in chosen and (not wanted or names[i] in wanted))


def diagnose(verdicts: Sequence[CaseVerdict]) -> Diagnosis | None:
    """Name the mistake behind the first divergence, if a known one explains it.

    Parameters
    ----------
    verdicts
        Of the cases in one dtype; the first divergent one is explained, and the others have a
        say, whether they diverge or not.

    Returns
    -------
    Diagnosis or None
    """
    divergent = [verdict for verdict in verdicts if verdict.divergent]
    if not divergent:
        return None
    # A batch of 1 cannot tell a sum from a mean.
    telling = [v for v in divergent if v.observation.case.batch_size > 1] or divergent
    main = telling[0]
    first = main.divergent[0]
    found = (
        _wrong_shape(main, first)
        or _not_finite(main, first)
        or _not_repeatable(main, first)
        or _second_call(main, first)
        or _second_step(main, first)
    )
    if found is not None:
        return found
    if first.name == ACCURACY:
        return _accuracy(main, first)
    if first.key.startswith("0|"):
        right = [verdict for verdict in verdicts if not verdict.divergent]
        return (
            _replayed(telling, right, first)
            or _proportional(telling, first)
            or _inputs_changed(main, first)
        )
    return None


def explained(verdict: CaseVerdict, tensor: TensorVerdict, value: Array | None) -> bool:
    """Whether the user's tensor equals a value to rounding."""
    ours = verdict.observation.tensors[tensor.key][0]
    if value is None or value.shape != ours.shape:
        return False
    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(value), initial=0.0))
        # What is larger than the right value also rounds in larger steps.
        bound = tensor.bound * max(1.0, size / tensor.scale if tensor.scale else 1.0)
        if np.isinf(tensor.max_abs) or not bound:
            chain_length = longest_chain(verdict.observation.case)
            bound = size * chain_length * float(np.finfo(verdict.observation.dtype).eps)
        distance = np.abs(ours.astype(np.longdouble) - value)
    return bool(np.all(distance <= bound))


def _replayed(
    divergent: Sequence[CaseVerdict], right: Sequence[CaseVerdict], first: TensorVerdict
) -> Diagnosis | None:
    """Try every known mistake in every place."""
    main = divergent[0]
    # What a mistake would have spoilt elsewhere, and did not, speaks against it.
    others = [*divergent[1:_CASES_TO_WEIGH], *right[:_CASES_TO_WEIGH]]
    best: tuple[int, _Suspect] | None = None
    for suspect in _suspects(main, first):
        try:
            tensors = suspect.replay(main)
        except ValueError:  # shapes that do not fit: nobody's code gets so far
            continue
        if not explained(main, first, tensors.get(first.name)):
            continue
        score = _score(main, tensors)
        for other in others:
            try:
                score += _score(other, suspect.replay(other))
            except ValueError:  # shapes that do not fit: nobody's code gets so far
                continue
        if best is None or score > best[0]:
            best = score, suspect
    if best is None:
        return None
    suspect = best[1]
    case = main.observation.case
    sentence = suspect.mistake.sentence.format(m=case.batch_size, units=case.architecture.units)
    where = "" if first.name == LOSS else f" {_where(main, suspect)}"
    return Diagnosis(suspect.mistake.code, f"{sentence}{where}")


def _score(verdict: CaseVerdict, tensors: Tensors) -> int:
    """Count the tensors of the first step that a replay explains; the first divergent one most."""
    score = 0
    for tensor in verdict.tensors:
        if tensor.key.startswith("0|") and explained(verdict, tensor, tensors.get(tensor.name)):
            score += 1 + 100 * (tensor in verdict.divergent[:1])
    return score


def _suspects(verdict: CaseVerdict, first: TensorVerdict) -> Iterator[_Suspect]:
    """Yield every mistake that could show first in this tensor, in every set of layers."""
    architecture = verdict.observation.case.architecture
    names = [layer.name for layer in dense_layers(architecture)]
    layer = names.index(first.layer) if first.layer in names else None
    for mistake in chain(forward_mistakes(), backward_mistakes(), update_mistakes()):
        if mistake.losses and architecture.loss not in mistake.losses:
            continue
        if not _may_show_first(mistake, first):
            continue
        if mistake.places[0] in ("loss", "loss_gradient"):
            yield _Suspect(mistake, "last")
            continue
        yield _Suspect(mistake, "every")
        if len(names) > 1:
            yield _Suspect(mistake, "last")
            yield _Suspect(mistake, "hidden")
        if layer is None or mistake.places[0] in ("pre_activation", "activation"):
            # Not every activation is shown: the mistake may lie before what shows it.
            yield from (_Suspect(mistake, i) for i in range(len(names) - 1))
        else:
            # What a layer passes back shows in the layer before it.
            yield _Suspect(mistake, layer + (mistake.places[0] == "input_gradient"))


def _may_show_first(mistake: Mistake, first: TensorVerdict) -> bool:
    """Whether a mistake at its place could leave everything before the tensor right."""
    place, tensor = mistake.places[0], first.tensor
    if tensor.endswith("_updated"):
        return place.endswith("_updated")
    if tensor.endswith("_gradient"):
        return place.endswith("_gradient")
    if tensor in ("pre_activation", "activation"):
        return place in ("pre_activation", "activation")
    # Where no activation was shown, a mistake before the loss shows there first.
    return place in ("loss", "pre_activation", "activation")


def _where(verdict: CaseVerdict, suspect: _Suspect) -> str:
    layers = dense_layers(verdict.observation.case.architecture)
    passes_back = suspect.mistake.places == ("input_gradient",)
    names = [layers[i].name for i in suspect.layers_in(verdict) if i or not passes_back]
    if len(names) == 1:
        return f"(in {names[0]})"
    if len(names) == len(layers):
        return "(in every layer)"
    return f"(in {', '.join(names)})"


def _wrong_shape(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a shape."""
    if first.index is not None:
        return None
    observation = verdict.observation
    ours = observation.tensors[first.key][0]
    right = verdict.references[first.key.partition("|")[0]][first.name]
    was, wanted = observation.odd_shapes.get(first.key, (ours.shape, right.shape))
    text = f"{first.name} has shape {was}; expected {wanted}"
    if ours.ndim == 2 and explained(verdict, first, right.T):
        return Diagnosis("transposed", f"{text}: it is transposed")
    if first.tensor == "bias_gradient" and ours.shape == right.shape:
        return Diagnosis(
            "keepdims_missing",
            f"{text}, as from np.sum(..., keepdims=True): subtracted from a bias of that shape it "
            "spreads over a square",
        )
    if first.name == LOSS and ours.size == observation.case.batch_size:
        return Diagnosis(
            "batch_mean_missing", f"{text}: it is a loss per sample, not averaged over the batch"
        )
    return Diagnosis("wrong_shape", text)


def _not_finite(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a NaN or an infinity."""
    if first.ours is None or np.isfinite(first.ours):
        return None
    if changed := _inputs_changed(verdict, first):
        return changed
    return Diagnosis(
        "not_finite",
        f"{first.name} is {first.ours} on inputs that are nowhere near saturated; a logarithm of "
        "0 or less, a division by 0, or an array that was never filled",
    )


def _not_repeatable(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that is another at each call, and right at none."""
    tensors = verdict.observation.tensors
    again = tensors.get(first.key.replace("0|", "again|"))
    if not first.key.startswith("0|") or again is None or _inputs_changed(verdict, first):
        return None
    if again[0].shape != tensors[first.key][0].shape or explained(verdict, first, again[0]):
        return None
    return Diagnosis(
        "not_repeatable",
        f"two calls with the same arguments give two different values for {first.name}: "
        "something is drawn at random, never filled, or kept between calls",
    )


def _inputs_changed(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor by arguments that were changed on the way."""
    changes = [text for code, text in verdict.observation.notes.items() if "changes:" in code]
    if not changes:
        return None
    return Diagnosis("inputs_changed", f"{first.name} is off, and {changes[0]}")


def _second_call(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain why a second call with the same arguments gives something else."""
    step, _, name = first.key.partition("|")
    if step != "again":
        return None
    if changed := _inputs_changed(verdict, first):
        return Diagnosis(
            changed.code, f"at a second call with the same arguments {changed.sentence}"
        )
    right = verdict.references["again"][name]
    if explained(verdict, first, 2 * right):
        return Diagnosis(
            "accumulated",
            f"a second call doubles {name}: gradients are added to those of the call before",
        )
    return Diagnosis(
        "not_repeatable",
        f"a second call with the same arguments gives another {name}: something is kept between "
        "calls, or drawn at random",
    )


def _second_step(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that is right in the first step and wrong after the update."""
    step, _, name = first.key.partition("|")
    if step != "1":
        return None
    before = verdict.references["0"]
    if explained(verdict, first, before[name]):
        return Diagnosis(
            "stale_weights",
            f"after the update {name} is still that of the old weights",
        )
    if name in before and explained(verdict, first, before[name] + verdict.references["1"][name]):
        return Diagnosis(
            "accumulated", f"{name} of the second step has that of the first added to it"
        )
    if changed := _inputs_changed(verdict, first):
        return Diagnosis(changed.code, f"in the second step {changed.sentence}")
    return Diagnosis("second_step", f"{name} is right in the first step and wrong after an update")


def _accuracy(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis:
    """Explain an accuracy."""
    right, m = verdict.references["0"][ACCURACY], verdict.observation.case.batch_size
    for code, sentence, value in (
        ("complement", "it is the share of wrong predictions, not of right ones", 1 - right),
        ("batch_size_missing", f"it counts, and is not divided by the batch size ({m})", m * right),
        ("zero", "it is 0 whatever is predicted", 0 * right),
    ):
        if explained(verdict, first, value):
            return Diagnosis(code, f"the accuracy is off: {sentence}")
    return Diagnosis(
        "accuracy",
        "the accuracy is off: Keras counts a probability strictly above 0.5 as class 1, and the "
        "share of samples whose class is right",
    )


def _proportional(verdicts: Sequence[CaseVerdict], first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor by one unknown number: a factor, a rate, a weight decay."""
    main = verdicts[0]
    case, dtype = main.observation.case, main.observation.dtype
    ours = main.observation.tensors[first.key][0].astype(np.longdouble)
    right: Array = main.references["0"][first.name].astype(np.longdouble)
    if first.tensor.endswith("_updated"):
        weight_name = first.name.removesuffix("_updated")
        weight = case.point(dtype).weights[weight_name]
        gradient = main.references["0"][f"{weight_name}_gradient"]
        number = _ratio(weight - ours, gradient)
        if number is None or not explained(main, first, weight - number * gradient):
            return None
        return Diagnosis(
            "rate_ignored",
            f"{weight_name} moves by {float(number):.6g} times the gradient; expected "
            f"{case.learning_rate:g} times, the learning rate",
        )
    number = _ratio(ours, right)
    if number is not None and explained(main, first, number * right):
        # One number is no evidence; the same factor in another case is.
        again = [_ratio_of(v, first.key) for v in verdicts[1:_CASES_TO_WEIGH]]
        if ours.size > 1 or any(r is not None and np.isclose(r, float(number)) for r in again):
            return Diagnosis(
                "factor", f"{first.name} is {float(number):.6g} times what it should be"
            )
    if not first.tensor.endswith("_gradient") or ours.size < 2:
        return None
    weight = case.point(dtype).weights[first.name.removesuffix("_gradient")]
    number = _ratio(ours - right, weight)
    if number is None or not explained(main, first, right + number * weight):
        return None
    return Diagnosis(
        "weight_decay",
        f"{float(number):.6g} times the weight itself is added to {first.name}, as by a penalty "
        "on the weights that the loss does not have",
    )


def _ratio_of(verdict: CaseVerdict, key: str) -> float | None:
    ours = verdict.observation.tensors.get(key)
    right = verdict.references["0"].get(key.partition("|")[2])
    if ours is None or right is None:
        return None
    number = _ratio(ours[0], right)
    return None if number is None else float(number)


def _ratio(ours: Array, right: Array) -> np.longdouble | None:
    """Return the number that comes nearest to ``ours = number * right``."""
    below = np.sum(right.astype(np.longdouble) ** 2)
    if ours.shape != right.shape or not below:
        return None
    number: np.longdouble = np.sum(ours * right) / below
    return number
