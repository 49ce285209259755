"""What is compared, and one line of the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Snapshot:
    """Everything a training step starts from: the same for both sides.

    Attributes
    ----------
    step
        Number of updates made before this step (0 is the first step).
    weights
        By full name, in the trial's dtype.
    slots
        The optimizer's slots by full name, as ``dense_1/kernel_momentum``; may be empty.
    x, y
        The batch: ``(samples, features)`` and ``(samples, units)``, or ``(samples, 1)`` class
        numbers.
    """

    step: int
    weights: dict[str, Array]
    slots: dict[str, Array]
    x: Array
    y: Array


@dataclass(frozen=True)
class ParityRow:
    """The comparison of one tensor: a row of ``parity.csv``.

    Attributes
    ----------
    mode
        ``layer``, ``step`` or ``free``.
    step
        Number of updates made before; for ``free`` the epoch.
    layer, tensor
        As ``dense_1`` and ``kernel_gradient``; layer ``loss`` for the loss itself.
    max_abs
        Largest absolute difference.
    max_rel
        Largest absolute difference over the largest element of the reference tensor.
    max_ulp
        Largest difference in units in the last place of the reference element.
    bound_ratio
        Largest difference over its bound: at most 1 where both sides may be right.
    expected_ratio
        The same over the probabilistic bound: about 1 at most is what to expect.
    floor
        Smallest relative mistake in this tensor that could be told from rounding.
    side
        Who leaves the bound around the higher-precision reference: ``scratchnet``, ``keras``,
        ``both``, or empty.
    verdict
        ``identical``, ``rounding``, ``chaos``, ``undecidable`` or ``divergent``.
    diagnosis
        A sentence, where the verdict is divergent or a remark is due.
    """

    mode: str
    step: int
    layer: str
    tensor: str
    max_abs: float
    max_rel: float
    max_ulp: float
    bound_ratio: float
    expected_ratio: float
    floor: float
    side: str
    verdict: str
    diagnosis: str
