"""How networks are usually compared: fixed tolerances, and the rules of two published tools."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from scratchnet.types import Array

Tensors = Mapping[str, Array]

Rule = Callable[[Tensors, Tensors], bool]
"""``(ours, twin) -> alarm``, of all tensors of a step by full name, in the order of computation."""


def differs(ours: Tensors, twin: Tensors, rtol: float, atol: float) -> bool:
    """Whether any element is off: ``|a - b| <= atol + rtol |b|``, as in `numpy.allclose`."""
    return not all(
        np.allclose(ours[name], value, rtol=rtol, atol=atol, equal_nan=True)
        for name, value in twin.items()
        if name in ours
    )


MUFFIN_JUMP, MUFFIN_EQUAL = 0.15, 1e-5


def muffin(ours: Tensors, twin: Tensors) -> bool:
    """Whether the distance between two outputs jumps from one layer to the next.

    Muffin (Gu et al., ICSE 2022): a layer is suspected if the largest difference of its outputs
    is above 0.15 where that of the layer before is below 1e-5; likewise for the loss against the
    prediction, and backward for the gradients of the outputs.
    """

    def distance(name: str) -> float:
        with np.errstate(all="ignore"):
            return float(np.max(np.abs(np.asarray(ours[name], np.float64) - twin[name])))

    outputs = [name for name in twin if name.endswith("/activation")]
    gradients = [n for n in twin if n.endswith("activation_gradient") and n in ours]
    chain = [0.0, *(distance(name) for name in [*outputs, "loss", *gradients])]
    return any(
        after > MUFFIN_JUMP and before < MUFFIN_EQUAL for before, after in itertools.pairwise(chain)
    )


def padiff(ours: Tensors, twin: Tensors) -> bool:
    """Whether the mean of any tensor is off, by PaDiff's defaults.

    PaDiff (PaddlePaddle) compares means in its default mode, with rtol = 1e-7 and atol = 0: the
    outputs of layers, the gradients of weights, and the updated weights.
    """
    compared = ("/activation", "kernel_gradient", "bias_gradient", "_updated", "loss")
    return any(
        not np.allclose(ours[name].mean(), value.mean(), rtol=1e-7, atol=0, equal_nan=True)
        for name, value in twin.items()
        if name.endswith(compared) and name in ours
    )


RULES: dict[str, Rule] = {
    **{
        f"rtol = atol = {tolerance:.0e}": partial(differs, rtol=tolerance, atol=tolerance)
        for tolerance in (1e-7, 1e-6, 1e-5, 1e-3)
    },
    **{
        f"rtol = {tolerance:.0e}, atol = 0": partial(differs, rtol=tolerance, atol=0.0)
        for tolerance in (1e-7, 1e-6, 1e-5, 1e-3)
    },
    "Muffin's rule": muffin,
    "PaDiff's defaults": padiff,
}
"""By the name that the table gives them."""
