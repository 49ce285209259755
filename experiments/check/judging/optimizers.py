"""An update that is no plain gradient descent: one that divides each gradient by its own size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.check.judging.noise import CaseVerdict
from scratchnet.types import Array

_CLOSE = {"float64": 1e-6, "float32": 1e-2}
"""Relative distance within which a step is that of the rule; epsilons and betas differ widely."""


def allow_for(verdict: CaseVerdict) -> tuple[CaseVerdict, dict[str, str]]:
    """Take a step as Adam, RMSprop and Adagrad make it for what it is.

    In their first step each element moves by ``k g / (|g| + e)``. In the second they remember the
    first: where the same line holds again for the second gradients alone, nothing was kept.

    Returns
    -------
    tuple
        The verdict, in which such updates count as rounding; and remarks by code.
    """
    divergent = {tensor.key for tensor in verdict.divergent}
    names = list(verdict.observation.case.architecture.weight_shapes())
    first = {f"0|{name}_updated" for name in names}
    if not divergent or not divergent <= first | {f"1|{name}_updated" for name in names}:
        return verdict, {}
    if not first <= divergent:
        return verdict, {}
    close = _CLOSE.get(verdict.observation.dtype, 1e-6)
    steps = [(_step(verdict, "0", name), _gradient(verdict, "0", name)) for name in names]
    if not _is_line(steps, close):
        return verdict, {}
    later = [(_step(verdict, "1", name), _gradient(verdict, "1", name)) for name in names]
    if _is_line(later, close):
        # The second step knows nothing of the first.
        return verdict, {}
    tensors = [
        replace(tensor, verdict="rounding") if tensor.key in divergent else tensor
        for tensor in verdict.tensors
    ]
    return replace(verdict, tensors=tensors), {
        "optimizer": "the first update divides each gradient by its own size, as Adam, RMSprop and "
        "Adagrad do, and the second remembers it; it is not held to plain gradient descent"
    }


def without_updates(verdict: CaseVerdict) -> CaseVerdict:
    """Leave out updates that are not those of plain gradient descent on purpose."""
    kept = [tensor for tensor in verdict.tensors if not tensor.tensor.endswith("_updated")]
    return replace(verdict, tensors=kept)


def _step(verdict: CaseVerdict, number: str, name: str) -> Array | None:
    """Return what a step took off a weight."""
    observation = verdict.observation
    after = observation.tensors.get(f"{number}|{name}_updated")
    before = (
        observation.case.point(observation.dtype).weights[name]
        if number == "0"
        else observation.tensors.get(f"0|{name}_updated", [None])[0]
    )
    if after is None or before is None or after[0].shape != np.shape(before):
        return None
    taken: Array = np.asarray(before, np.longdouble) - after[0]
    return taken


def _gradient(verdict: CaseVerdict, number: str, name: str) -> Array | None:
    return verdict.references.get(number, {}).get(f"{name}_gradient")


def _is_line(steps: list[tuple[Array | None, Array | None]], close: float) -> bool:
    """Whether |g| / |step| is a straight line over |g|, the same for all weights."""
    sizes, ratios = [], []
    for step, gradient in steps:
        if step is None or gradient is None or step.shape != gradient.shape:
            return False
        if np.any(step * gradient < 0):
            return False
        large = np.abs(gradient) > 1e-4
        with np.errstate(all="ignore"):
            ratios.append(np.abs(gradient[large] / step[large]).astype(np.float64))
        sizes.append(np.abs(gradient[large]).astype(np.float64))
    size, ratio = np.concatenate(sizes), np.concatenate(ratios)
    if size.size < 4 or not np.all(np.isfinite(ratio)):
        return False
    for power in (1, 2):
        table = np.column_stack([size**power, np.ones_like(size)])
        solution, *_ = np.linalg.lstsq(table, ratio**power, rcond=None)
        rest = np.max(np.abs(table @ solution - ratio**power))
        grows = solution[0] * size.max() ** power > abs(solution[1])
        if grows and rest <= close * np.max(ratio**power):
            return True
    return False
