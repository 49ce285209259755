"""Activations: forward and backward side by side, as ops on buffers that already exist.

Every array is ``(samples, ..., units)``. A forward function appends to a tape what writes the
activation ``a`` of the pre-activation ``z``; a backward function what writes ``dz``, the gradient
of the loss with respect to ``z``, from ``da``, that with respect to ``a``. No op allocates: what
it needs beside these is in a `Scratch`. ``dz`` may not share memory with ``da``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scratchnet.tape import Tape
from scratchnet.types import Array


class Scratch:
    """Memory that activations of one shape may use as they like.

    Parameters
    ----------
    like
        An array of the shape ``(samples, ..., units)``, dtype and memory order of the activations.

    Attributes
    ----------
    row
        ``(samples, ..., 1)``, for a number per row.
    mask
        ``(samples, ..., units)`` of bool.
    zeros
        ``(samples, ..., units)`` of 0, never written: NumPy takes the larger of two arrays with
        SIMD, but of an array and a number one by one, which takes three times as long.
    """

    def __init__(self, like: Array) -> None:
        self._like = like
        self.row: Array = np.zeros_like(like[..., :1])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Made when it is first asked for."""
        return np.zeros_like(self._like, dtype=np.bool_)

    @cached_property
    def zeros(self) -> Array:
        """Made when it is first asked for."""
        return np.zeros_like(self._like)


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative.

    Attributes
    ----------
    name
        The name in an architecture, which is Keras's.
    forward
        ``forward(tape, z, a, scratch)`` appends what writes ``a``.
    backward
        ``backward(tape, z, a, da, dz, scratch)`` appends what writes ``dz``.
    """

    name: str
    forward: Callable[[Tape, Array, Array, Scratch], None]
    backward: Callable[[Tape, Array, Array, Array, Array, Scratch], None]

    def of(self, z: Array) -> Array:
        """Return the activation of ``z``, ``(samples, ..., units)``, in a new array."""
        tape, a = Tape(), np.empty_like(z)
        self.forward(tape, z, a, Scratch(z))
        tape.run()
        return a

    def gradient(self, z: Array, a: Array, da: Array) -> Array:
        """Return ``dz`` from ``da`` in a new array."""
        tape, dz = Tape(), np.empty_like(z)
        self.backward(tape, z, a, da, dz, Scratch(z))
        tape.run()
        return dz


# Zero-dimensional arrays: NumPy would turn a Python number into one at every call.
_DTYPES = (np.float32, np.float64, np.longdouble)
_ZERO = {np.dtype(dtype): np.zeros((), dtype) for dtype in _DTYPES}
_ONE = {np.dtype(dtype): np.ones((), dtype) for dtype in _DTYPES}


def linear(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = z (``keras.activations.linear``)."""
    tape.add(np.copyto, z, out=a)


def linear_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da."""
    tape.add(np.copyto, da, out=dz)


def relu(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = max(z, 0) (``keras.activations.relu``)."""
    tape.add(np.maximum, z, scratch.zeros, out=a)


def relu_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da where a > 0, else 0; the derivative at exactly 0 is 0, as in Keras."""
    tape.add(np.greater, a, _ZERO[a.dtype], out=scratch.mask)
    tape.add(np.copyto, scratch.mask, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def sigmoid(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = 1 / (1 + exp(-z)) (``keras.activations.sigmoid``).

    Where exp(-z) overflows, a is 0, which is right; the caller silences the overflow.
    """
    tape.add(np.negative, z, out=a)
    tape.add(np.exp, a, out=a)
    tape.add(np.add, a, _ONE[a.dtype], out=a)
    tape.add(np.reciprocal, a, out=a)


def sigmoid_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da a (1 - a)."""
    tape.add(np.subtract, _ONE[a.dtype], a, out=dz)
    tape.add(np.multiply, dz, a, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def tanh(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = tanh(z) (``keras.activations.tanh``)."""
    tape.add(np.tanh, z, out=a)


def tanh_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = da (1 - a^2)."""
    tape.add(np.multiply, a, a, out=dz)
    tape.add(np.subtract, _ONE[a.dtype], dz, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def softmax(tape: Tape, z: Array, a: Array, scratch: Scratch) -> None:
    """a = exp(z - max z) / sum exp(z - max z), over each row (``keras.activations.softmax``)."""
    tape.add(np.maximum.reduce, z, axis=-1, keepdims=True, out=scratch.row)
    tape.add(np.subtract, z, scratch.row, out=a)
    tape.add(np.exp, a, out=a)
    tape.add(np.add.reduce, a, axis=-1, keepdims=True, out=scratch.row)
    tape.add(np.divide, a, scratch.row, out=a)


def softmax_backward(tape: Tape, z: Array, a: Array, da: Array, dz: Array, scratch: Scratch) -> None:
    """dz = a (da - sum(a da)), over each row."""
    tape.add(np.multiply, a, da, out=dz)
    tape.add(np.add.reduce, dz, axis=-1, keepdims=True, out=scratch.row)
    tape.add(np.subtract, da, scratch.row, out=dz)
    tape.add(np.multiply, dz, a, out=dz)


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
