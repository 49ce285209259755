"""From a divergent tensor to the likely mistake.

A known mistake is a wrong formula. It is replayed on the very inputs of the tensor; if it explains
the value to rounding, where the right formula does not, it is named. Where inputs of the tensor
were not observed, as of a network that tells its gradients only, the mistake may lie in any of
them: each is replaced in turn, and the step replayed from there.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes import (
    SENTENCES,
    Scene,
    Variant,
    Variants,
    described,
    variants,
)
from experiments.parity.step import TwinStep
from scratchnet.types import Array


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes
    ----------
    code
        For machines, as ``batch_size_missing``.
    sentence
        For people.
    tensor
        Full name of the tensor where it is made.
    """

    code: str
    sentence: str
    tensor: str


def diagnose(step: TwinStep, mode: str, name: str, ours: Mapping[str, Array]) -> Mistake | None:
    """Name the mistake that explains a divergent tensor.

    Parameters
    ----------
    step
        The step of the twin.
    mode
        ``layer``, if `ours` was computed from the twin's own inputs of each operation, or ``step``.
    name
        Full name of the tensor, or ``loss``.
    ours
        Our tensors by full name.

    Returns
    -------
    Mistake or None
        The first whose value lies within its rounding bound everywhere; failing that, what the
        wrong value looks like, if it is a multiple of the right one or off by a constant.
    """
    scene = _scene(step, name, step.inputs(mode), step.reference(mode)[name])
    hidden = _hidden_before(step, name, ours) if mode == "step" else []
    with np.errstate(all="ignore"):
        if hidden:
            found = _replayed(step, name, hidden, ours)
        else:
            found = _first(variants(scene), step, ours, scene)
        return found or _first(described(scene, ours[name]), step, ours, scene)


def _first(
    tried: Variants, step: TwinStep, ours: Mapping[str, Array], scene: Scene
) -> Mistake | None:
    """Return the first mistake that explains a tensor."""
    allowance = step.allowance.get(scene.name, 0.0)
    for found in tried:
        if explains(ours[scene.name], _made(found), allowance):
            return _mistake(found, scene)
    return None


def explains(value: Array, variant: Bounded | None, allowance: Any = 0.0) -> bool:
    """Whether a value lies within rounding of a variant everywhere."""
    if variant is None or variant.shape != value.shape:
        return False
    with np.errstate(all="ignore"):
        distance = np.abs(value - variant.value).astype(np.float64)
    same = (value == variant.value) | (np.isnan(value) & np.isnan(variant.value))
    within = np.isfinite(variant.error) & (distance <= variant.error + allowance)
    return bool(np.all(same | within))


def _hidden_before(step: TwinStep, name: str, ours: Mapping[str, Array]) -> list[str]:
    """Return the unobserved tensors just before this one, nearest first.

    What was observed before them is right, or it would be the first divergence; but nothing in
    the backward pass depends on the gradient of the layer's other weight.
    """
    order = list(step.whole)
    before = order[: order.index(name)][::-1]
    if name.endswith("bias_gradient"):
        before.remove(name.replace("bias_gradient", "kernel_gradient"))
    return list(itertools.takewhile(lambda place: place not in ours, before))


def _replayed(
    step: TwinStep, name: str, hidden: list[str], ours: Mapping[str, Array]
) -> Mistake | None:
    """Look for the mistake in a tensor and in hidden ones before it.

    Several may explain the tensor: a kernel's gradient that is m times too large, and a gradient
    m times too large from which the kernel's and the bias's follow. The one that explains most of
    the observed tensors is the likeliest. It may be made in every layer.
    """

    def explained(replayed: Mapping[str, Bounded], names: Iterable[str]) -> int:
        allowance = step.allowance
        return sum(explains(ours[n], replayed.get(n), allowance.get(n, 0.0)) for n in names)

    inputs = step.inputs("step")
    places = [(place, _scene(step, place, inputs, step.whole[place])) for place in [name, *hidden]]
    best: Mistake | None = None
    most = 0
    for place, scene in places:
        for found in variants(scene):
            if not explained(_replay(step, place, found, False, name), [name]):
                continue
            for everywhere in (False, True):
                count = explained(_replay(step, place, found, everywhere), ours)
                if count > most:
                    best, most = _mistake(found, scene), count
                if most == len(ours):
                    return best
    if best is None:
        # Only together do the same mistakes in several layers explain it.
        for place, scene in places:
            for found in variants(scene):
                if explained(_replay(step, place, found, True, name), [name]):
                    return _mistake(found, scene)
    return best


class _ReachedError(Exception):
    """The tensor that a replay was made for has been computed."""


def _replay(
    step: TwinStep, place: str, found: Variant, everywhere: bool, until: str = ""
) -> Mapping[str, Bounded]:
    """Compute a step with a mistake in one tensor, or in every layer's tensor of that kind."""
    kind = place.rpartition("/")[2]
    reached: Tensors = {}

    def replaced(current: str, right: Bounded, tensors: Tensors) -> Bounded:
        if current == place and not everywhere:
            return _fitting(_made(found), right)
        if everywhere and current.rpartition("/")[2] == kind:
            scene = _scene(step, current, {**step.inputs("step"), **tensors}, right)
            for other in variants(scene):
                if (other.code, other.values) == (found.code, found.values):
                    return _fitting(_made(other), right)
        return right

    def replace(current: str, right: Bounded, tensors: Tensors) -> Bounded:
        reached[current] = replaced(current, right, tensors)
        if current == until:
            raise _ReachedError
        return reached[current]

    with contextlib.suppress(_ReachedError):
        step.replayed(replace)
    return reached


def _fitting(value: Bounded | None, right: Bounded) -> Bounded:
    return value if value is not None and value.shape == right.shape else right


def _made(found: Variant) -> Bounded | None:
    """Compute a variant; None where it does not exist, as a transposed kernel of 2 x 3."""
    try:
        return found.make()
    except (KeyError, ValueError, FloatingPointError):
        return None


def _scene(step: TwinStep, name: str, tensors: Mapping[str, Bounded], right: Bounded) -> Scene:
    return Scene(
        architecture=step.architecture,
        precision=step.precision,
        snapshot=step.snapshot,
        optimizer=step.optimizer,
        tensors=tensors,
        name=name,
        right=right,
    )


def _mistake(found: Variant, scene: Scene) -> Mistake:
    values = {
        "m": scene.samples,
        "units": scene.architecture.units,
        "activation": scene.layer.activation,
        "epsilon": getattr(scene.optimizer, "epsilon", ""),
        **found.values,
    }
    return Mistake(found.code, SENTENCES[found.code].format(**values), scene.name)
