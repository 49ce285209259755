"""Regularizers: ``(rule, w, conventions) -> what the loss gets, what the gradient of w gets``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.optimizers import cast
from experiments.parity.exact.rounding import Bounded
from scratchnet.conventions import Conventions
from scratchnet.regularizers import L1, L1L2, L2


def l2(rule: L2, w: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    """``l2 * sum(w^2)`` and ``2 * l2 * w``."""
    factor = cast(w.precision, rule.l2, on)
    penalty = (w * w).sum() * factor
    gradient = w * (2 * factor)
    # Differentiated term by term, l2 * w + l2 * w rounds twice more.
    return penalty, gradient.widen(2 * w.precision.roundoff * gradient.size)


def l1(rule: L1, w: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    """``l1 * sum(|w|)`` and ``l1 * sign(w)``."""
    factor = cast(w.precision, float(np.float32(rule.l1)), on)
    return w.abs().sum() * factor, _sign(w) * factor


def l1_l2(rule: L1L2, w: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    """``l1 * sum(|w|) + l2 * sum(w^2)`` and ``l1 * sign(w) + 2 * l2 * w``."""
    factor = cast(w.precision, rule.l1, on)
    penalty, gradient = l2(L2(rule.l2), w, on)
    total = _sign(w) * factor + gradient
    # The parts may be added to the weight's gradient one after the other.
    other_form = w.precision.roundoff * (2 * total.size + gradient.size)
    return w.abs().sum() * factor + penalty, total.widen(other_form)


def _sign(w: Bounded) -> Bounded:
    return w.precision.exact(np.sign(w.value))


REGULARIZER: dict[str, Callable[[Any, Bounded, Conventions], tuple[Bounded, Bounded]]] = {
    L1.name: l1,
    L1L2.name: l1_l2,
    L2.name: l2,
}
"""By the regularizer's name."""
