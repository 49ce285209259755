"""The error function in the reference precision: the judge's own, slow and plain.

Up to 2 Kummer's series, whose terms are all positive; beyond it 1 minus erfc by Laplace's
continued fraction (Abramowitz & Stegun, 7.1.6 and 7.1.14).
"""

from __future__ import annotations

import numpy as np

from scratchnet.types import Array


def erf(x: Array) -> Array:
    """Return ``2 / sqrt(pi)`` times the integral of ``exp(-s^2)`` from 0 to ``x``."""
    size = np.minimum(np.abs(x), 30)
    square = size * size
    root_pi = np.sqrt(np.arccos(np.asarray(-1, x.dtype)))
    term = total = np.where(size <= 2, size, 0)
    for n in range(1, 60):
        term = term * 2 * square / (2 * n + 1)
        total = total + term
    series = 2 / root_pi * np.exp(-square) * total
    beyond = np.maximum(size, 2)
    fraction = beyond
    for n in range(160, 0, -1):
        fraction = beyond + np.asarray(n, x.dtype) / 2 / fraction
    complement = np.exp(-square) / (root_pi * fraction)
    value: Array = np.copysign(np.where(size <= 2, series, 1 - complement), x)
    return value
