"""Activations: forward and backward side by side, written into buffers that already exist.

Every array is ``(samples, units)``. A forward function writes the activation ``a`` of the
pre-activation ``z``; a backward function writes ``dz``, the gradient of the loss with respect to
``z``, from ``da``, that with respect to ``a``. `row` is scratch of shape ``(samples, 1)`` for
those that need a number per sample. No function allocates, and ``dz`` may not share memory with
``da``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative.

    Attributes
    ----------
    name
        The name in an architecture, which is Keras's.
    forward
        ``forward(z, a, row)`` writes ``a``.
    backward
        ``backward(z, a, da, dz, row)`` writes ``dz``.
    """

    name: str
    forward: Callable[[Array, Array, Array], None]
    backward: Callable[[Array, Array, Array, Array, Array], None]


# Zero-dimensional arrays: NumPy would turn a Python number into one at every call.
_ZERO = {np.dtype(t): np.zeros((), t) for t in (np.float32, np.float64, np.longdouble)}
_ONE = {np.dtype(t): np.ones((), t) for t in (np.float32, np.float64, np.longdouble)}


def linear(z: Array, a: Array, row: Array) -> None:  # noqa: ARG001
    """a = z (``keras.activations.linear``)."""
    np.copyto(a, z)


def linear_backward(z: Array, a: Array, da: Array, dz: Array, row: Array) -> None:  # noqa: ARG001
    """dz = da."""
    np.copyto(dz, da)


def relu(z: Array, a: Array, row: Array) -> None:  # noqa: ARG001
    """a = max(z, 0) (``keras.activations.relu``)."""
    np.maximum(z, _ZERO[z.dtype], out=a)


def relu_backward(z: Array, a: Array, da: Array, dz: Array, row: Array) -> None:  # noqa: ARG001
    """dz = da where a > 0, else 0; the derivative at exactly 0 is 0, as in Keras.

    a is never negative, so its sign is the mask, already in the right dtype.
    """
    np.sign(a, out=dz)
    np.multiply(dz, da, out=dz)


def sigmoid(z: Array, a: Array, row: Array) -> None:  # noqa: ARG001
    """a = 1 / (1 + exp(-z)) (``keras.activations.sigmoid``).

    Where exp(-z) overflows, a is 0, which is right; the caller silences the overflow.
    """
    np.negative(z, out=a)
    np.exp(a, out=a)
    np.add(a, _ONE[a.dtype], out=a)
    np.reciprocal(a, out=a)


def sigmoid_backward(z: Array, a: Array, da: Array, dz: Array, row: Array) -> None:  # noqa: ARG001
    """dz = da a (1 - a)."""
    np.subtract(_ONE[a.dtype], a, out=dz)
    np.multiply(dz, a, out=dz)
    np.multiply(dz, da, out=dz)


def tanh(z: Array, a: Array, row: Array) -> None:  # noqa: ARG001
    """a = tanh(z) (``keras.activations.tanh``)."""
    np.tanh(z, out=a)


def tanh_backward(z: Array, a: Array, da: Array, dz: Array, row: Array) -> None:  # noqa: ARG001
    """dz = da (1 - a^2)."""
    np.multiply(a, a, out=dz)
    np.subtract(_ONE[a.dtype], dz, out=dz)
    np.multiply(dz, da, out=dz)


def softmax(z: Array, a: Array, row: Array) -> None:
    """a = exp(z - max z) / sum exp(z - max z), over each row (``keras.activations.softmax``)."""
    np.max(z, axis=1, keepdims=True, out=row)
    np.subtract(z, row, out=a)
    np.exp(a, out=a)
    np.sum(a, axis=1, keepdims=True, out=row)
    np.divide(a, row, out=a)


def softmax_backward(z: Array, a: Array, da: Array, dz: Array, row: Array) -> None:  # noqa: ARG001
    """dz = a (da - sum(a da)), over each row."""
    np.multiply(a, da, out=dz)
    np.sum(dz, axis=1, keepdims=True, out=row)
    np.subtract(da, row, out=dz)
    np.multiply(dz, a, out=dz)


ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("linear", linear, linear_backward),
        Activation("relu", relu, relu_backward),
        Activation("sigmoid", sigmoid, sigmoid_backward),
        Activation("tanh", tanh, tanh_backward),
        Activation("softmax", softmax, softmax_backward),
    )
}
