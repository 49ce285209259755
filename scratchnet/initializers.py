"""Initial weights, drawn as Keras's initializers define them.

Values are drawn in float64 and rounded once to the network's dtype, so a float32 and a float64
network with one seed start from the same point. The source is `numpy.random.RandomState`: its
stream is frozen (NEP 19), so a seed means the same weights under every NumPy version, and the
article's own `np.random.seed(99)` can be repeated to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# In quotes: NumPy loads its random numbers when they are first asked for.
Initializer = Callable[["np.random.RandomState", tuple[int, ...]], NDArray[np.float64]]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Count the inputs and outputs of one unit (``keras.initializers.compute_fans``).

    Parameters
    ----------
    shape
        Shape of the weight; a kernel is ``(fan_in, fan_out)``, a bias ``(units,)``.

    Returns
    -------
    tuple of int
        ``(fan_in, fan_out)``.
    """
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive_field = int(np.prod(shape[:-2]))
    return shape[-2] * receptive_field, shape[-1] * receptive_field


# The standard deviation of a standard normal that is cut off at two standard deviations.
_TRUNCATED_STANDARD_DEVIATION = 0.87962566103423978


def _truncated_normal(
    random: np.random.RandomState, shape: tuple[int, ...], stddev: float
) -> NDArray[np.float64]:
    """Draw normal values and draw again those beyond two standard deviations."""
    values = random.standard_normal(shape)
    while np.any(outside := np.abs(values) > 2.0):
        values[outside] = random.standard_normal(int(outside.sum()))
    return values * (stddev / _TRUNCATED_STANDARD_DEVIATION)


def glorot_uniform(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from U(-l, l) with l = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    fan_in, fan_out = fans(shape)
    limit = np.sqrt(6.0 / (fan_in + fan_out))
    return random.uniform(-limit, limit, shape)


def glorot_normal(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a truncated normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    fan_in, fan_out = fans(shape)
    return _truncated_normal(random, shape, float(np.sqrt(2.0 / (fan_in + fan_out))))


def he_uniform(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from U(-l, l) with l = sqrt(6 / fan_in) (He et al. 2015)."""
    limit = np.sqrt(6.0 / fans(shape)[0])
    return random.uniform(-limit, limit, shape)


def he_normal(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a truncated normal of variance 2 / fan_in (He et al. 2015)."""
    return _truncated_normal(random, shape, float(np.sqrt(2.0 / fans(shape)[0])))


def random_uniform(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from U(-0.05, 0.05), Keras's default for embeddings."""
    return random.uniform(-0.05, 0.05, shape)


def orthogonal(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a matrix with orthonormal rows or columns, by QR of a normal one (Saxe et al. 2014)."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q, r = np.linalg.qr(random.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return (q.T if rows < columns else q).reshape(shape)


def ones(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: ARG001
    """Return ones."""
    return np.ones(shape)


def zeros(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: ARG001
    """Return zeros, Keras's default for a bias."""
    return np.zeros(shape)


def lecun_normal(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a truncated normal of variance 1 / fan_in (LeCun 1998; Klambauer et al. 2017)."""
    return _truncated_normal(random, shape, float(np.sqrt(1.0 / fans(shape)[0])))


def lecun_uniform(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from U(-l, l) with l = sqrt(3 / fan_in) (LeCun 1998)."""
    limit = np.sqrt(3.0 / fans(shape)[0])
    return random.uniform(-limit, limit, shape)


def random_normal(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a normal of standard deviation 0.05."""
    return random.standard_normal(shape) * 0.05


def truncated_normal(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a normal times 0.05, cut off at two standard deviations: 0.044 is left of it."""
    return _truncated_normal(random, shape, 0.05 * _TRUNCATED_STANDARD_DEVIATION)


def article(random: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a standard normal times 0.1, as the article does for weights and biases.

    The article keeps a weight as ``(units, inputs)``; it is drawn in that order and transposed,
    so ``seed=99`` gives the article's own numbers.
    """
    return random.standard_normal(shape[::-1]).T * 0.1


INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "orthogonal": orthogonal,
    "random_uniform": random_uniform,
    "ones": ones,
    "zeros": zeros,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "random_normal": random_normal,
    "truncated_normal": truncated_normal,
    "article": article,
}
