"""Adam as other libraries mean it, where that differs from Keras by more than rounding.

Keras rounds both betas to float32 before it takes their powers; in ``1 - beta_2^t`` that is a
relative difference of 1e-5, far more than float32's own rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.optimizers import Adam


@dataclass(frozen=True)
class ExactAdam(Adam):
    """Adam whose alpha comes from exact betas in double precision, as in scikit-learn."""

    def constants(
        self,
        iteration: int,
        dtype: np.dtype[Any],  # noqa: ARG002
        cast: Callable[[float], float],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Ignore the network's dtype."""
        return super().constants(iteration, np.dtype("float64"), float)


@dataclass(frozen=True)
class CorrectedAdam(ExactAdam):
    """Adam with epsilon beside the bias-corrected root, as in torch.

    ``w -= lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)`` is Keras's rule with an epsilon
    of ``eps * sqrt(1 - b2^t)``.
    """

    def constants(
        self, iteration: int, dtype: np.dtype[Any], cast: Callable[[float], float]
    ) -> dict[str, Any]:
        """Scale epsilon."""
        scale = np.sqrt(1 - self.beta_2**iteration)
        return super().constants(iteration, dtype, cast) | {"epsilon": self.epsilon * scale}


ADAMS: dict[str, type[Adam]] = {"keras": Adam, "exact": ExactAdam, "corrected": CorrectedAdam}
"""Whose meaning a peer follows, as `Peer.adam` names it."""
