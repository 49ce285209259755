"""From a divergent tensor to the likely mistake.

A known mistake is a wrong formula. It is replayed on the very inputs of the tensor; if it explains
the value to rounding, where the right formula does not, it is named. Where inputs of the tensor
were not observed, as of a network that tells its gradients only, the mistake may lie in any of
them: each is replaced in turn, in one layer, in the hidden ones and in all, and the step replayed
from there. Of the mistakes that explain the tensor and spoil nothing that is right, the one that
explains most of what was observed is the likeliest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes.fitting import fitted
from experiments.parity.mistakes.general import sizes
from experiments.parity.mistakes.known import mistakes
from experiments.parity.mistakes.observed import BACKWARD, ObservedStep, layer_of
from experiments.parity.mistakes.scene import Mistake, Scene, made
from experiments.parity.mistakes.sentences import SENTENCES, spoken
from experiments.parity.mistakes.shapes import wrong_shape


@dataclass(frozen=True)
class Diagnosis:
    """The likely mistake.

    Attributes
    ----------
    code
        For machines, as ``batch_size_missing``.
    sentence
        For people.
    tensor
        Full name of the tensor where it is made; the first, where it is made in several.
    """

    code: str
    sentence: str
    tensor: str = ""


def diagnose(
    step: ObservedStep, name: str, others: Sequence[ObservedStep] = ()
) -> Diagnosis | None:
    """Name the mistake that explains a divergent tensor.

    Parameters
    ----------
    step
        The step.
    name
        Full name of the tensor, or ``loss``: the first that is wrong, unless all are isolated.
    others
        Other steps of the same code, wrong ones and right ones, which have a say: a mistake that
        spoils what is right in one of them is out.

    Returns
    -------
    Diagnosis or None
        A known mistake; failing that, what the wrong value looks like by one unknown number, as a
        multiple of the right one; failing that, two known mistakes in one tensor.
    """
    with np.errstate(all="ignore"):
        if step.ours[name].shape != step.right[name].shape:
            shape = wrong_shape(step, name)
            alone = (m for m in mistakes(step.scene(name)) if step.explained(name, made(m)))
            return _told(step, next(alone, shape), name)
        best = _likeliest(step, name, _explaining(step, name), others)
        if best is not None:
            return _diagnosis(step, name, best)
        number = fitted(step, name, others)
        if number is not None:
            return _told(step, number, name)
        return None if step.isolated else _with_factor(step, name)


@dataclass(frozen=True)
class _Layers:
    """Which layers have a mistake.

    Attributes
    ----------
    which
        ``every``, ``hidden``, ``last``, ``before hidden`` ones, or one by its index.
    activation
        Of those, the ones with this activation; empty for all.
    """

    which: str | int
    activation: str = ""

    def include(self, scene: Scene) -> bool:
        """Whether a tensor's layer is among them."""
        if self.activation not in ("", scene.activation):
            return False
        if self.which == "every" or self.which == scene.index:
            return True
        if self.which == "before hidden":
            return scene.index < len(scene.layers) - 2
        return self.which == ("last" if scene.is_last else "hidden")


@dataclass(frozen=True)
class _Suspect:
    """A mistake in certain tensors of certain layers.

    Attributes
    ----------
    mistake
        As it is made in `place`.
    place
        Full name of the first tensor that may have it.
    kinds
        Short names of the tensors that have it.
    layers
        Which layers.
    """

    mistake: Mistake
    place: str
    kinds: tuple[str, ...]
    layers: _Layers

    def includes(self, scene: Scene) -> bool:
        """Whether a tensor is among those that have the mistake."""
        return scene.tensor in self.kinds and self.layers.include(scene)

    def made_in(self, scene: Scene) -> Bounded | None:
        """Compute the mistake in another tensor; None if nobody makes it there."""
        key = self.mistake.key
        for other in mistakes(scene):
            if other.code == self.mistake.code and other.key == key:
                value = made(other)
                if value is None or value.shape != scene.right.shape:
                    raise _ImpossibleError
                return value
        return None


class _ImpossibleError(Exception):
    """A mistake gives a shape with which no code could continue."""


@dataclass(frozen=True)
class _Replay:
    """A step with a mistake.

    Attributes
    ----------
    tensors
        What comes of it, by full name.
    places
        Where the mistake was made.
    """

    tensors: Mapping[str, Bounded]
    places: list[str]


def _replay(step: ObservedStep, suspect: _Suspect, until: str = "") -> _Replay:
    """Compute a step with a mistake, up to a tensor or to its end."""
    places: list[str] = []

    def replaced(name: str, right: Bounded, tensors: Tensors) -> Bounded:
        scene = step.scene(name, right, tensors)
        value = suspect.made_in(scene) if suspect.includes(scene) else None
        if value is None:
            return right
        places.append(name)
        return value

    return _Replay(step.replay(replaced, until), places)


def _places(step: ObservedStep, name: str) -> list[str]:
    """Return a tensor and the unobserved ones just before it, nearest first.

    What was observed before them is right, or it would be the first divergence; but nothing in
    the backward pass depends on the gradient of the layer's other weight.
    """
    if step.isolated:
        return [name]
    order = list(step.right)
    before = order[: order.index(name)][::-1]
    if step.scene(name).role == "gradient":
        before = [n for n in before if layer_of(n) != layer_of(name) or not step.scene(n).role]
    return [name, *itertools.takewhile(lambda place: place not in step.ours, before)]


def _explaining(step: ObservedStep, name: str, factor: float = 1) -> Iterator[_Suspect]:
    """Yield every mistake, in every set of layers, that explains a tensor times a factor."""
    for place in _places(step, name):
        scene = step.scene(place)
        for found in mistakes(scene):
            told: dict[tuple[str, ...], bool] = {}
            for kinds, layers in itertools.product(_groups(scene, found), _layers(scene)):
                suspect = _Suspect(found, place, kinds, layers)
                before = (name,) if step.isolated else tuple(_before(step, suspect, name))
                if before not in told:
                    value = _value(step, suspect, name, before)
                    if value is not None and factor != 1:
                        value = value * factor
                    told[before] = step.explained(name, value)
                if told[before]:
                    yield suspect


def _before(step: ObservedStep, suspect: _Suspect, name: str) -> Iterator[str]:
    """Yield the tensors that have the mistake, up to a tensor."""
    for current in step.right:
        if suspect.includes(step.scene(current)):
            yield current
        if current == name:
            return


def _value(
    step: ObservedStep, suspect: _Suspect, name: str, before: tuple[str, ...]
) -> Bounded | None:
    """Compute a tensor of a step with a mistake."""
    if before == (name,):
        return made(suspect.mistake)
    try:
        return _replay(step, suspect, name).tensors.get(name)
    except _ImpossibleError:
        return None


def _groups(scene: Scene, found: Mistake) -> list[tuple[str, ...]]:
    """Return the sets of a layer's tensors in which one slip shows."""
    if found.also:
        return [(scene.tensor, *found.also)]
    if scene.role in ("gradient", "updated"):
        together = tuple(f"{weight}_{scene.role}" for weight in scene.weights)
        return list(dict.fromkeys([together, (scene.tensor,)]))
    return [(scene.tensor,)]


def _layers(scene: Scene) -> list[_Layers]:
    """Return the sets of layers in which a mistake may be made alike."""
    part = "last" if scene.is_last else "hidden"
    if scene.tensor == "loss":
        return [_Layers("last")]
    if scene.tensor == "activation_gradient":
        # That of the last layer is the gradient of the loss, which is code of its own. The others
        # are passed back by the layer after, which may be a hidden one, or the last.
        passed_back = [_Layers("hidden"), _Layers("before hidden"), _Layers(scene.index)]
        return [_Layers("last")] if scene.is_last else passed_back
    some = [_Layers("every"), _Layers(part), _Layers(scene.index)]
    # A function for each activation: one may be wrong, and the others not.
    alike = [_Layers("every", scene.activation), _Layers(part, scene.activation)]
    if scene.tensor == "activation":
        return [*alike, _Layers(scene.index)]
    return [some[0], *alike, *some[1:]] if scene.tensor == "pre_activation_gradient" else some


def _likeliest(
    step: ObservedStep, name: str, suspects: Iterable[_Suspect], others: Sequence[ObservedStep]
) -> _Suspect | None:
    """Return the suspect that explains most and spoils nothing that is right.

    Of those that explain as much, one slip is likelier than the same slip in kernel and bias.
    """
    best, most = None, (0, 0)
    everything = sum(_worth(s, n) for s in (step, *others) for n in s.ours)
    for suspect in suspects:
        if step.isolated:
            return suspect
        score = _score(suspect, step.stage(name), (step, *others))
        if score and (score, -len(suspect.kinds)) > most:
            best, most = suspect, (score, -len(suspect.kinds))
        if most == (everything, -1):
            break
    return best


def _score(suspect: _Suspect, stage: int, steps: Sequence[ObservedStep]) -> int:
    """Return how much of several steps a suspect explains; 0 if it spoils something."""
    score = 0
    for step in steps:
        try:
            tensors = _replay(step, suspect).tensors
        except _ImpossibleError:
            continue
        if _contradicted(step, tensors, stage):
            return 0
        score += sum(_worth(step, n) for n in step.ours if step.explained(n, tensors[n]))
    return score


def _worth(step: ObservedStep, name: str) -> int:
    """Return what it counts to explain a tensor: most where the trouble begins."""
    return 1 + 100 * (name in step.wrong[:1])


def _contradicted(step: ObservedStep, tensors: Mapping[str, Bounded], stage: int) -> bool:
    """Whether a replay spoils a tensor that is right, or changes the first wrong layer otherwise.

    Functions called after the one that went wrong may start afresh, so they are not asked; nor is
    a replay that divides by 0, which real code guards against.
    """
    wrong = step.wrong
    layers = {layer_of(name) for name in wrong[:1]}
    for name in step.ours:
        if step.stage(name) > stage:
            continue
        is_right = name not in wrong and np.all(np.isfinite(tensors[name].value))
        asked = is_right or (layer_of(name) in layers and step.changed(name, tensors[name]))
        if asked and not step.explained(name, tensors[name]):
            return True
    return False


_FACTORS = {
    "batch_size_missing": "it is not divided by the batch size {m} either",
    "batch_size_twice": "it is divided by the batch size {m} once too often as well",
    "sign": "its sign is wrong as well",
    "factor_2": "it is doubled as well",
    "factor_half": "it is halved as well",
}
"""What may be wrong with a gradient besides: two slips in one are not rare."""


def _with_factor(step: ObservedStep, name: str) -> Diagnosis | None:
    """Try every known mistake together with a factor."""
    if step.stage(name) != BACKWARD:
        return None
    m = step.template.samples
    factors = dict(zip(_FACTORS, (m, 1 / m, -1, 2, 0.5), strict=True))
    for code, factor in factors.items():
        for suspect in _explaining(step, name, factor):
            if suspect.mistake.code == "zero":
                continue
            # Only this tensor was looked at, so only its layer is known to have both.
            told = _told(step, suspect.mistake, suspect.place)
            besides = _FACTORS[code].format(m=m)
            return replace(told, sentence=f"{told.sentence} (in {layer_of(name)}); {besides}")
    return None


def _diagnosis(step: ObservedStep, name: str, suspect: _Suspect) -> Diagnosis:
    """Say which mistake it is, and where it is made."""
    places = [name] if step.isolated else _replay(step, suspect).places
    layers = list(dict.fromkeys(layer_of(place) for place in places))
    scene = step.scene(suspect.place)
    of_loss = suspect.place == "loss" or (scene.is_last and scene.tensor == "activation_gradient")
    told = _told(step, suspect.mistake, suspect.place, together=len(suspect.kinds) > 1)
    if places == [name] or of_loss:
        return told
    where = "every layer" if len(layers) == len(scene.layers) > 1 else ", ".join(layers)
    return replace(told, sentence=f"{told.sentence} (in {where})")


def _told(step: ObservedStep, found: Mistake, place: str, *, together: bool = False) -> Diagnosis:
    """Put a mistake in words."""
    scene = step.scene(place)
    of_loss = scene.is_last and scene.tensor == "activation_gradient"
    it = spoken(scene.tensor, of_loss=of_loss)
    if together and scene.role:
        it = "the gradient" if scene.role == "gradient" else "the weights"
    inputs, outputs = sizes(scene)
    values = {
        "it": it,
        "m": scene.samples,
        "units": scene.architecture.units,
        "inputs": inputs,
        "outputs": outputs,
        "activation": scene.activation,
        "epsilon": getattr(scene.optimizer, "epsilon", ""),
        **found.values,
    }
    return Diagnosis(found.code, SENTENCES[found.code].format(**values), place)
