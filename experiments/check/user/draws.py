"""Starting points by which a network is probed before it is judged."""

from __future__ import annotations

import numpy as np

from experiments.check.user.layouts import Start
from experiments.check.user.weights import Values

RATE = 0.5
"""A power of two, so that a step divided by it loses no digit."""


def draw(
    sizes: tuple[int, ...],
    samples: int,
    seed: int,
    *,
    bias: bool | tuple[bool, ...] = True,
    targets: str = "real",
    rate: float = RATE,
) -> Start:
    """Draw a starting point.

    Parameters
    ----------
    sizes
        Widths from input to output.
    samples, seed
        Batch size, and where the numbers start.
    bias
        Whether there is one, or by layer.
    targets
        ``real`` numbers between 0 and 1, ``binary``, or ``one_hot``: the last class is among them.
    """
    random = np.random.RandomState([seed, samples, *sizes])
    layers = len(sizes) - 1
    having = (bias,) * layers if isinstance(bias, bool) else bias
    weights = tuple(
        Values(
            random.standard_normal((fan_in, units)) * np.sqrt(1.5 / fan_in),
            random.standard_normal(units) * 0.4 if has_bias else None,
        )
        for fan_in, units, has_bias in zip(sizes[:-1], sizes[1:], having, strict=True)
    )
    x = random.standard_normal((samples, sizes[0]))
    units = sizes[-1]
    if targets == "one_hot" and units > 1:
        classes = (units - 1 - np.arange(samples)) % units
        y = np.eye(units)[classes]
    elif targets in ("binary", "one_hot"):
        y = ((np.arange(samples * units) + 1) % 2).reshape(samples, units).astype(np.float64)
    else:
        y = random.uniform(0.1, 0.9, (samples, units))
    return Start(weights, x, y, rate)
