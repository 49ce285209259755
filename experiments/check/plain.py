"""The formulas of a dense network in their plainest form, by which somebody's arrays are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchnet.types import Array


def _softmax(z: Array) -> Array:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "softmax": _softmax,
}
"""From pre-activation to activation, ``(samples, units)``."""

DERIVATIVES: dict[str, Callable[[Array, Array], Array]] = {
    "linear": lambda _, da: da,
    "relu": lambda a, da: da * (a > 0),
    "sigmoid": lambda a, da: da * a * (1 - a),
    "tanh": lambda a, da: da * (1 - a * a),
    "softmax": lambda a, da: a * (da - np.sum(a * da, axis=1, keepdims=True)),
}
"""From activation and its gradient to the gradient of the pre-activation."""


def loss_value(loss: str, p: Array, y: Array) -> float:
    """Return Keras's mean loss of predictions p, ``(samples, units)``."""
    if loss == "mean_squared_error":
        return float(np.mean((p - y) ** 2))
    if loss == "binary_crossentropy":
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    return float(-np.sum(y * np.log(p)) / len(p))


def loss_gradient(loss: str, p: Array, y: Array) -> Array:
    """Return the gradient of the mean loss with respect to the predictions."""
    gradient: Array = -y / p / len(p)
    if loss == "mean_squared_error":
        gradient = 2 * (p - y) / p.size
    elif loss == "binary_crossentropy":
        gradient = ((1 - y) / (1 - p) - y / p) / p.size
    return gradient
