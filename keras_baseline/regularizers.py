"""The Keras twin of each regularizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from scratchnet.regularizers import L1, L1L2, L2, Regularizer


def regularizer(rule: Regularizer | None) -> Any:
    """Return the Keras regularizer."""
    return None if rule is None else REGULARIZER_TWINS[rule.name](rule)


REGULARIZER_TWINS: dict[str, Callable[[Any], Any]] = {
    L1.name: lambda rule: keras.regularizers.L1(rule.l1),
    L1L2.name: lambda rule: keras.regularizers.L1L2(rule.l1, rule.l2),
    L2.name: lambda rule: keras.regularizers.L2(rule.l2),
}
"""By the regularizer's name."""
