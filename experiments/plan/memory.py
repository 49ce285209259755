"""What a trial needs of the machine's memory, before any of it is taken."""

from __future__ import annotations

import math
import os
from functools import cache

import numpy as np

from scratchnet.architecture import Architecture
from scratchnet.optimizers import Optimizer

_SIDES = 2
"""Both networks are in memory at once."""


@cache
def machine_memory() -> int:
    """Return the bytes of memory that the machine has; where it does not say, a tebibyte."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**40


def check_memory(needed: float, of_what: str) -> str:
    """Return in a line that something does not fit into the machine's memory, or nothing."""
    if needed <= machine_memory():
        return ""
    return (
        f"{of_what} need {needed / 2**30:,.0f} GiB of memory; expected at most "
        f"{machine_memory() / 2**30:,.0f} GiB, which is all that this machine has"
    )


def weight_count(architecture: Architecture) -> int:
    """Return the number of weights."""
    return sum(math.prod(shape) for shape in architecture.weight_shapes().values())


def training_bytes(architecture: Architecture, optimizer: Optimizer, dtype: str, batch: int) -> int:
    """Return the least that a training takes on both sides.

    Weights, their gradients and the optimizer's slots; and for each sample of a batch what every
    layer puts out, with its gradient.
    """
    per_weight = 2 + len(optimizer.slots)
    outputs = sum(math.prod(shape) for shape in architecture.shapes())
    numbers = per_weight * weight_count(architecture) + 2 * batch * outputs
    return _SIDES * np.dtype(dtype).itemsize * numbers
