"""Patterns in the plane that scikit-learn does not draw."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from experiments.plan.kinds import Integer, Number
from scratchnet.types import Array

Samples = Annotated[int, Integer(1)]
Noise = Annotated[float, Number(0)]
Seed = Annotated[int, Integer(0)]


def xor(
    *, n_samples: Samples = 1000, noise: Noise = 0.1, random_state: Seed = 0
) -> tuple[Array, Array]:
    """Draw points from the square [-1, 1]^2; class 1 where the signs differ.

    Parameters
    ----------
    n_samples
        Number of points.
    noise
        Standard deviation of what is added to each coordinate after the class is set.
    random_state
        Seed.
    """
    random = np.random.RandomState(random_state)
    x = random.uniform(-1.0, 1.0, (n_samples, 2))
    y = (x[:, 0] * x[:, 1] < 0).astype(np.int64)
    return x + noise * random.standard_normal(x.shape), y


def spirals(
    *,
    n_samples: Samples = 1000,
    noise: Noise = 0.05,
    arms: Annotated[int, Integer(2, 1000)] = 2,
    turns: float = 1.0,
    random_state: Seed = 0,
) -> tuple[Array, Array]:
    """Draw points from spiral arms about the origin, a class for each.

    Parameters
    ----------
    n_samples
        Number of points, shared evenly among the arms.
    noise
        Standard deviation of what is added to each coordinate.
    arms
        Number of spirals.
    turns
        How often each winds about the origin on its way to radius 1.
    random_state
        Seed.
    """
    random = np.random.RandomState(random_state)
    y = np.arange(n_samples) % arms
    radius = np.sqrt(random.uniform(0.0, 1.0, n_samples))
    angle = 2 * np.pi * (turns * radius + y / arms)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + noise * random.standard_normal(x.shape), y
