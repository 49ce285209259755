"""What the shape of a tensor tells, where it is not the right one."""

from __future__ import annotations

from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes.observed import ObservedStep
from experiments.parity.mistakes.scene import Mistake, mistake

CODES = ("transposed", "batch_mean_missing", "not_summed", "wrong_shape")
"""What a shape can tell."""


def wrong_shape(step: ObservedStep, name: str) -> Mistake:
    """Say what a tensor of another shape is.

    Parameters
    ----------
    step, name
        A step, and the full name of a tensor in it.
    """
    right = step.right[name]
    was, expected = step.ours[name].shape, right.shape

    def same() -> Bounded:
        return right

    if len(expected) > 1 and was == expected[::-1]:
        return mistake("transposed", same)
    if was == (step.template.samples, *expected):
        return mistake("batch_mean_missing" if name == "loss" else "not_summed", same)
    return mistake("wrong_shape", same, was=was, expected=expected)
