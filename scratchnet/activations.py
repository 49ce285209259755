"""Activations: forward and backward side by side, written into buffers that already exist.

Every array is ``(samples, units)``. A forward function writes the activation ``a`` of the
pre-activation ``z``; a backward function writes ``dz``, the gradient of the loss with respect to
``z``, from ``da``, that with respect to ``a``. No function allocates: what it needs beside these
is in a `Scratch`. ``dz`` may not share memory with ``da``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scratchnet.types import Array


class Scratch:
    """Memory that activations of one shape may use as they like.

    Parameters
    ----------
    like
        An array of the shape ``(samples, units)``, dtype and memory order of the activations.

    Attributes
    ----------
    row
        ``(samples, 1)``, for a number per sample.
    mask
        ``(samples, units)`` of bool.
    zeros
        ``(samples, units)`` of 0, never written: NumPy takes the larger of two arrays with SIMD,
        but of an array and a number one by one, which takes three times as long.
    """

    def __init__(self, like: Array) -> None:
        self.row: Array = np.zeros((like.shape[0], 1), like.dtype)
        self.mask: NDArray[np.bool_] = np.zeros_like(like, dtype=np.bool_)
        self.zeros: Array = np.zeros_like(like)


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative.

    Attributes
    ----------
    name
        The name in an architecture, which is Keras's.
    forward
        ``forward(z, a, scratch)`` writes ``a``.
    backward
        ``backward(z, a, da, dz, scratch)`` writes ``dz``.
    """

    name: str
    forward: Callable[[Array, Array, Scratch], None]
    backward: Callable[[Array, Array, Array, Array, Scratch], None]


# Zero-dimensional arrays: NumPy would turn a Python number into one at every call.
_DTYPES = (np.float32, np.float64, np.longdouble)
_ZERO = {np.dtype(dtype): np.zeros((), dtype) for dtype in _DTYPES}
_ONE = {np.dtype(dtype): np.ones((), dtype) for dtype in _DTYPES}


def linear(z: Array, a: Array, scratch: Scratch) -> None:
    """a = z (``keras.activations.linear``)."""
    np.copyto(a, z)


def linear_backward(z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da."""
    np.copyto(dz, da)


def relu(z: Array, a: Array, scratch: Scratch) -> None:
    """a = max(z, 0) (``keras.activations.relu``)."""
    np.maximum(z, scratch.zeros, out=a)


def relu_backward(z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da where a > 0, else 0; the derivative at exactly 0 is 0, as in Keras."""
    np.greater(a, _ZERO[a.dtype], out=scratch.mask)
    np.copyto(dz, scratch.mask)
    np.multiply(dz, da, out=dz)


def sigmoid(z: Array, a: Array, scratch: Scratch) -> None:
    """a = 1 / (1 + exp(-z)) (``keras.activations.sigmoid``).

    Where exp(-z) overflows, a is 0, which is right; the caller silences the overflow.
    """
    np.negative(z, out=a)
    np.exp(a, out=a)
    np.add(a, _ONE[a.dtype], out=a)
    np.reciprocal(a, out=a)


def sigmoid_backward(z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da a (1 - a)."""
    np.subtract(_ONE[a.dtype], a, out=dz)
    np.multiply(dz, a, out=dz)
    np.multiply(dz, da, out=dz)


def tanh(z: Array, a: Array, scratch: Scratch) -> None:
    """a = tanh(z) (``keras.activations.tanh``)."""
    np.tanh(z, out=a)


def tanh_backward(z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da (1 - a^2)."""
    np.multiply(a, a, out=dz)
    np.subtract(_ONE[a.dtype], dz, out=dz)
    np.multiply(dz, da, out=dz)


def softmax(z: Array, a: Array, scratch: Scratch) -> None:
    """a = exp(z - max z) / sum exp(z - max z), over each row (``keras.activations.softmax``)."""
    np.maximum.reduce(z, axis=1, keepdims=True, out=scratch.row)
    np.subtract(z, scratch.row, out=a)
    np.exp(a, out=a)
    np.add.reduce(a, axis=1, keepdims=True, out=scratch.row)
    np.divide(a, scratch.row, out=a)


def softmax_backward(z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = a (da - sum(a da)), over each row."""
    np.multiply(a, da, out=dz)
    np.add.reduce(dz, axis=1, keepdims=True, out=scratch.row)
    np.subtract(da, scratch.row, out=dz)
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
