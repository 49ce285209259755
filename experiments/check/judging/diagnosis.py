"""From the first divergent tensor to the likely mistake.

Every known mistake is replayed in every place where it could be made: in all layers, in the
hidden ones, in one. It is named if what it computes equals what the user's code computed, to
rounding. The one that explains most tensors, in most cases, wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from experiments.check.cases import dense_layers
from experiments.check.judging.backward_mistakes import backward_mistakes
from experiments.check.judging.fitting import fitted
from experiments.check.judging.forward_mistakes import forward_mistakes
from experiments.check.judging.mistakes import Diagnosis, Mistake
from experiments.check.judging.noise import CaseVerdict, TensorVerdict, explained
from experiments.check.judging.replay import Replay
from experiments.check.judging.symptoms import (
    accuracy,
    inputs_changed,
    keepdims_missing,
    not_finite,
    not_repeatable,
    second_call,
    second_step,
    transposed,
    wrong_shape,
)
from experiments.check.judging.update_mistakes import update_mistakes
from experiments.check.reference import Tensors, distance
from experiments.check.tensor_names import LOSS

_CASES_TO_WEIGH = 3
"""How many cases of each kind have a say in which of several mistakes explains most."""


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
        keepdims_missing(main, first)
        or not_finite(main, first)
        or not_repeatable(main, first)
        or second_call(main, first)
        or accuracy(verdicts, first)
        or second_step(main, first)
    )
    if found is not None:
        return found
    if first.index is None and (shape := transposed(main, first)):
        return shape
    if first.key.startswith("0|"):
        right = [verdict for verdict in verdicts if not verdict.divergent]
        return (
            _replayed(telling, right, first)
            or wrong_shape(main, first)
            or fitted(telling[: 1 + _CASES_TO_WEIGH], first)
            or _replayed_with_factor(main, first)
            or inputs_changed(main, first)
        )
    return wrong_shape(main, first)


def _replayed(
    divergent: Sequence[CaseVerdict], right: Sequence[CaseVerdict], first: TensorVerdict
) -> Diagnosis | None:
    """Try every known mistake in every place."""
    main = divergent[0]
    # What a mistake would have spoilt elsewhere, and did not, speaks against it.
    others = [
        *[v for v in divergent[1:] if _alike(v, main)][:_CASES_TO_WEIGH],
        *[v for v in right if _alike(v, main)][:_CASES_TO_WEIGH],
    ]
    best: tuple[int, _Suspect] | None = None
    for suspect in _suspects(main, first):
        try:
            tensors = suspect.replay(main)
        except ValueError:  # shapes that do not fit: nobody's code gets so far
            continue
        if not explained(main, first, tensors.get(first.name)):
            continue
        if _contradicted(main, tensors, first):
            continue
        score = _score(main, tensors)
        for other in others:
            try:
                tensors = suspect.replay(other)
            except ValueError:  # shapes that do not fit: nobody's code gets so far
                continue
            if _contradicted(other, tensors, first):
                break
            score += _score(other, tensors)
        else:
            if best is None or score > best[0]:
                best = score, suspect
    return None if best is None else _told(main, best[1])


def _contradicted(verdict: CaseVerdict, tensors: Tensors, first: TensorVerdict) -> bool:
    """Whether a replay spoils a tensor that is right, or changes the first wrong layer otherwise.

    Functions called after the one that went wrong may start afresh, so they are not asked; nor is
    a replay that divides by 0, as by m - 1 in a batch of 1, which real code guards against.
    """
    right = verdict.references["0"]
    layers = {tensor.layer for tensor in verdict.divergent[:1]}
    for tensor in verdict.tensors:
        value = tensors.get(tensor.name)
        if value is None or not tensor.key.startswith("0|") or _stage(tensor) > _stage(first):
            continue
        is_right = tensor.max_abs <= tensor.tolerance
        changed = distance(value, right[tensor.name]) > tensor.tolerance
        told = (is_right and np.all(np.isfinite(value))) or (changed and tensor.layer in layers)
        if told and not explained(verdict, tensor, value):
            return True
    return False


def _stage(tensor: TensorVerdict) -> int:
    """Return which part of a step makes a tensor: forward, loss, backward or update."""
    if tensor.tensor.endswith("_updated"):
        return 3
    if tensor.tensor.endswith("_gradient"):
        return 2
    return int(tensor.name == LOSS)


def _replayed_with_factor(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Try every known mistake together with a factor: two slips in one gradient are not rare."""
    if not first.tensor.endswith("_gradient"):
        return None
    m = np.longdouble(verdict.observation.case.batch_size)
    factors = (
        (m, f"it is not divided by the batch size ({m:g}) either"),
        (1 / m, f"it is divided by the batch size ({m:g}) once too often as well"),
        (np.longdouble(-1), "its sign is wrong as well"),
        (np.longdouble(2), "it is doubled as well"),
        (np.longdouble(0.5), "it is halved as well"),
    )
    for suspect in _suspects(verdict, first):
        try:
            value = suspect.replay(verdict).get(first.name)
        except ValueError:
            continue
        for factor, besides in factors if value is not None and np.any(value) else ():
            if value is not None and explained(verdict, first, factor * value):
                # Only this tensor was looked at, so only its layer is known to have both.
                told = _sentence(verdict, suspect)
                code = suspect.mistake.code
                return Diagnosis(code, f"{told} (in {first.layer}); {besides}")
    return None


def _told(verdict: CaseVerdict, suspect: _Suspect) -> Diagnosis:
    of_loss = suspect.mistake.places[0] in ("loss", "loss_gradient")
    where = "" if of_loss else f" {_where(verdict, suspect)}"
    return Diagnosis(suspect.mistake.code, f"{_sentence(verdict, suspect)}{where}")


def _sentence(verdict: CaseVerdict, suspect: _Suspect) -> str:
    case = verdict.observation.case
    return suspect.mistake.sentence.format(m=case.batch_size, units=case.architecture.units)


def _alike(verdict: CaseVerdict, other: CaseVerdict) -> bool:
    """Whether two cases end alike: a network may compute each loss by code of its own."""
    one, two = verdict.observation.case.architecture, other.observation.case.architecture
    return (one.loss, one.last_activation) == (two.loss, two.last_activation)


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
        if mistake.losses and architecture.loss.name not in mistake.losses:
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
