"""A training step as the search for a mistake sees it: what is right, and what was observed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.reference import Replace
from experiments.parity.exact.rounding import Bounded, Errors
from experiments.parity.mistakes.scene import Scene
from scratchnet.types import Array

FORWARD, LOSS, BACKWARD, UPDATE = range(4)
"""The stages of a step."""


class _ReachedError(Exception):
    """The tensor that a replay was made for has been computed."""


@dataclass(frozen=True)
class ObservedStep:
    """One training step.

    Attributes
    ----------
    template
        The scene of any of its tensors. Its `tensors` are what each one was computed from.
    right
        Every tensor by full name, in the order of computation.
    ours
        The observed tensors by full name.
    within
        ``(full name, ours, value)``: whether an array is a value to rounding. That is for derived
        bounds to say where the formula is known, and for measured noise where it is not.
    isolated
        Whether every tensor was computed from right inputs, so that no mistake shows in another.
    """

    template: Scene
    right: Tensors
    ours: Mapping[str, Array]
    within: Callable[[str, Array, Bounded], bool]
    isolated: bool = False

    def scene(
        self, name: str, right: Bounded | None = None, tensors: Mapping[str, Bounded] | None = None
    ) -> Scene:
        """Return the scene of a tensor, in this step or after tensors that were replayed."""
        before = {**self.template.tensors, **tensors} if tensors else self.template.tensors
        return self.template.at(name, self.right[name] if right is None else right, before)

    def replay(self, replaced: Replace, until: str = "") -> Tensors:
        """Compute the step again with tensors replaced, up to a tensor or to its end."""
        reached: Tensors = {}

        def keep(name: str, right: Bounded, tensors: Tensors) -> Bounded:
            reached[name] = replaced(name, right, tensors)
            if name == until:
                raise _ReachedError
            return reached[name]

        with np.errstate(all="ignore"), contextlib.suppress(_ReachedError):
            self.template.replay(keep)
        return reached

    def explained(self, name: str, value: Bounded | None) -> bool:
        """Whether an observed tensor equals a value to rounding."""
        if value is None or value.shape != self.ours[name].shape:
            return False
        return self.within(name, self.ours[name], value)

    @cached_property
    def wrong(self) -> list[str]:
        """The observed tensors that are not right, in the order of computation."""
        return [n for n in self.right if n in self.ours and not self.explained(n, self.right[n])]

    def changed(self, name: str, value: Bounded) -> bool:
        """Whether a value differs from the right one by more than rounding."""
        right = self.right[name]
        return value.shape != right.shape or not self.within(name, np.asarray(value.value), right)

    def stage(self, name: str) -> int:
        """Return which part of the step makes a tensor."""
        scene = self.scene(name)
        if name == "loss":
            return LOSS
        if name.endswith("_gradient"):
            return BACKWARD
        return UPDATE if scene.role else FORWARD


def is_within(ours: Array, value: Bounded, allowance: Errors | float = 0.0) -> bool:
    """Whether an array lies within the rounding bound of a value everywhere."""
    with np.errstate(all="ignore"):
        distance = np.abs(ours - value.value).astype(np.float64)
    same = (ours == value.value) | (np.isnan(ours) & np.isnan(value.value))
    within = np.isfinite(value.error) & (distance <= value.error + allowance)
    return bool(np.all(same | within))


def layer_of(name: str) -> str:
    """Return the name of a tensor's layer; empty for the loss."""
    return name.rpartition("/")[0]
