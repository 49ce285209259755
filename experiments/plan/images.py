"""Images, as ``(samples, height, width, channels)``."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from experiments.plan.generators import Noise, Samples, Seed
from experiments.plan.kinds import Integer
from scratchnet.types import Array


def digit_images(*, n_class: Annotated[int, Integer(2, 10)] = 10) -> tuple[Array, Array]:
    """Take scikit-learn's digits as images of shape (8, 8, 1), from 0 for paper to 1 for ink.

    Parameters
    ----------
    n_class
        Number of digits, from 0 on.
    """
    from sklearn.datasets import load_digits

    digits = load_digits(n_class=n_class)
    return digits.images[..., None] / 16.0, digits.target


PATTERNS = (
    (".#.", "###", ".#."),
    ("###", "#.#", "###"),
    ("#.#", ".#.", "#.#"),
    ("#..", "#..", "###"),
    ("###", "..#", "..#"),
    (".#.", "#.#", ".#."),
)
"""A plus, a ring, a cross, two corners and a diamond."""


def shifted_patterns(
    *,
    n_samples: Samples = 600,
    size: Annotated[int, Integer(3, 256)] = 10,
    classes: Annotated[int, Integer(2, len(PATTERNS))] = 4,
    noise: Noise = 0.2,
    random_state: Seed = 0,
) -> tuple[Array, Array]:
    """Put a small pattern anywhere into an image; which it is, is the class.

    Where it is means nothing, so that a network gains by looking for it everywhere alike.

    Parameters
    ----------
    n_samples
        Number of images.
    size
        Height and width of an image.
    classes
        Number of patterns, shared evenly among the samples.
    noise
        Standard deviation of what is added to each pixel.
    random_state
        Seed.
    """
    random = np.random.RandomState(random_state)
    patterns = np.array([[[c == "#" for c in row] for row in p] for p in PATTERNS], np.float64)
    y = np.arange(n_samples) % classes
    corners = random.randint(0, size - 2, (n_samples, 2))
    x = noise * random.standard_normal((n_samples, size, size, 1))
    for image, (row, column), number in zip(x, corners, y, strict=True):
        image[row : row + 3, column : column + 3, 0] += patterns[number]
    return x, y
