"""Data without meaning, for comparisons that look for trouble: drawn by a seed, or written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np

from experiments.plan.kinds import Choice, Integer, List, Number
from scratchnet.types import Array

LABELS = ("random", "last")


def random_data(
    *,
    n_samples: Annotated[int, Integer(1)] = 100,
    n_features: Annotated[int, Integer(1)] = 2,
    shape: Annotated[Sequence[int], List(Integer(1))] = (),
    tokens: Annotated[int, Integer(0)] = 0,
    classes: Annotated[int, Integer(1)] = 2,
    values: Annotated[str, Choice(tuple(VALUES))] = "normal",
    scale: float = 1.0,
    labels: Annotated[str, Choice(LABELS)] = "random",
    random_state: Annotated[int, Integer(0)] = 0,
) -> tuple[Array, Array]:
    """Draw inputs and labels that have nothing to do with one another.

    Parameters
    ----------
    n_samples, n_features
        Shape of the inputs.
    shape
        Shape of one sample where it has more than one axis; of `n_features` values in all.
    tokens
        Inputs are whole numbers from 0 to below this; 0: they are as `values` says.
    classes
        Number of classes; the last one occurs at least once.
    values
        What the inputs are like, a name in `VALUES`.
    scale
        Factor on all inputs, as 1e-30 or 1e30.
    labels
        ``"random"``, or ``"last"``: every sample is of the last class.
    random_state
        Seed.
    """
    random = np.random.RandomState(random_state)
    x = VALUES[values](random, n_samples, n_features) * scale
    if tokens:
        x = random.randint(0, tokens, x.shape).astype(np.float64)
    x = x.reshape(n_samples, *(shape or (n_features,)))
    y = random.randint(0, classes, n_samples)
    y[0] = classes - 1
    return x, np.full(n_samples, classes - 1) if labels == "last" else y


def rows(
    *,
    x: Annotated[Sequence[Sequence[float]], List(List(Number(), least=1), least=1)],
    y: Annotated[Sequence[int], List(Integer(0, 10_000), least=1)],
) -> tuple[Array, Array]:
    """Take samples as they are written in a plan.

    Parameters
    ----------
    x
        Inputs, a list of numbers for each sample.
    y
        Class numbers from 0.
    """
    return np.array(x, np.float64), np.array(y)


def _normal(random: np.random.RandomState, n: int, features: int) -> Array:
    return random.standard_normal((n, features))


def _constant_columns(random: np.random.RandomState, n: int, features: int) -> Array:
    return np.where(
        random.rand(features) < 0.7, _normal(random, 1, features), _normal(random, n, features)
    )


def _duplicates(random: np.random.RandomState, n: int, features: int) -> Array:
    few = _normal(random, max(1, n // 4), features)
    repeated: Array = few[random.randint(0, len(few), n)]
    return repeated


def _zeros(random: np.random.RandomState, n: int, features: int) -> Array:
    return _normal(random, n, features) * (random.rand(n, features) < 0.3)


def _integers(random: np.random.RandomState, n: int, features: int) -> Array:
    return random.randint(-3, 4, (n, features)).astype(np.float64)


def _magnitudes(random: np.random.RandomState, n: int, features: int) -> Array:
    return _normal(random, n, features) * 10.0 ** random.uniform(-12, 6, (n, features))


def _opposites(random: np.random.RandomState, n: int, features: int) -> Array:
    """Give each column but the first the negative of the one before it, up to 1e-6."""
    column = _normal(random, n, 1)
    signs = (-1.0) ** np.arange(features)
    opposites: Array = column * signs * (1 + 1e-6 * _normal(random, n, features))
    return opposites


VALUES: dict[str, Callable[[np.random.RandomState, int, int], Array]] = {
    "normal": _normal,
    "constant_columns": _constant_columns,
    "duplicates": _duplicates,
    "zeros": _zeros,
    "integers": _integers,
    "magnitudes": _magnitudes,
    "opposites": _opposites,
}
"""What inputs can be like: normal; with columns all alike; with samples all alike; mostly 0; small
whole numbers; of magnitudes from 1e-12 to 1e6; in columns that cancel."""
