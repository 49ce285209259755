"""Regularizers: ``(rule, w, conventions) -> what the loss gets, what the gradient of w gets``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.parity.exact.formulas.optimizers import cast
from experiments.parity.exact.rounding import Bounded
from scratchnet.conventions import Conventions
from scratchnet.regularizers import L2


def l2(rule: L2, w: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    """``l2 * sum(w^2)`` and ``2 * l2 * w``."""
    factor = cast(w.precision, rule.l2, on)
    penalty = (w * w).sum() * factor
    gradient = w * (2 * factor)
    # Differentiated term by term, l2 * w + l2 * w rounds twice more.
    return penalty, gradient.widen(2 * w.precision.roundoff * gradient.size)


REGULARIZER: dict[str, Callable[[Any, Bounded, Conventions], tuple[Bounded, Bounded]]] = {
    L2.name: l2
}
"""By the regularizer's name."""
