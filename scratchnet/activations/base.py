"""What an activation is: a forward and a backward function that append ops to a tape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from scratchnet.errors import ArchitectureError, check_keys
from scratchnet.tape import Tape
from scratchnet.types import Array

REQUIRED = object()
"""The default of an argument that must be given."""


class Scratch:
    """Memory and constants of one activation at work on arrays of one shape.

    Its backward function may use what its forward function left in the memory.

    Parameters
    ----------
    like
        An array of the shape ``(samples, ..., units)``, dtype and memory order of the activations.
    constants
        Dtype to which numbers are rounded before use; that of `like` unless a network in higher
        precision stands in for one in lower.
    rounds_settings
        Whether ``keras.ops.cast`` hands settings on through float32, as on TensorFlow.

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

    def __init__(
        self, like: Array, constants: DTypeLike | None = None, *, rounds_settings: bool = True
    ) -> None:
        self._like = like
        self._constants = np.dtype(constants or like.dtype)
        self._rounds_settings = rounds_settings
        self._arrays: dict[str, Array] = {}

    @cached_property
    def row(self) -> Array:
        """Made when it is first asked for."""
        return np.zeros_like(self._like[..., :1])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Made when it is first asked for."""
        return np.zeros_like(self._like, dtype=np.bool_)

    @cached_property
    def zeros(self) -> Array:
        """Made when it is first asked for."""
        return np.zeros_like(self._like)

    def array(self, name: str) -> Array:
        """Return an array like the activations; the same one for the same name."""
        if name not in self._arrays:
            self._arrays[name] = np.zeros_like(self._like)
        return self._arrays[name]

    def along(self, axis: int) -> Array:
        """Return an array with one number where the activations have an axis."""
        if axis in (-1, self._like.ndim - 1):
            return self.row
        name = f"along {axis}"
        if name not in self._arrays:
            self._arrays[name] = np.zeros_like(self._like.take([0], axis))
        return self._arrays[name]

    def number(self, value: float) -> Array:
        """Return a zero-dimensional array: of a number NumPy would make one at every call."""
        return np.asarray(np.asarray(value, self._constants), self._like.dtype)

    def setting(self, value: float) -> Array:
        """Return a number that Keras hands through ``keras.ops.cast``."""
        return self.number(float(np.float32(value)) if self._rounds_settings else value)


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
    arguments
        What both take beside, by name, with Keras's defaults.
    """

    name: str
    forward: Callable[..., None]
    backward: Callable[..., None]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_arguments(self) -> bool:
        """Whether an argument has no default, so that the name alone says too little."""
        return REQUIRED in self.arguments.values()

    def given(self, arguments: Mapping[str, Any] | None) -> Activation:
        """Return the activation with some of its arguments set.

        Raises
        ------
        ArchitectureError
            If an argument is unknown, missing, or no number.
        """
        given = dict(arguments or {})
        if not self.arguments and given:
            raise ArchitectureError(
                f"arguments = {given!r}; expected none, {self.name} has no arguments"
            )
        try:
            check_keys(given, self.arguments)
        except ArchitectureError as error:
            raise ArchitectureError(f"arguments: {error}") from None
        for name, default in self.arguments.items():
            value = given.get(name, default)
            if value is REQUIRED:
                raise ArchitectureError(
                    f"arguments: {name} is missing; {self.name} needs "
                    f"arguments = {{{', '.join(f'{other!r}: ...' for other in self.arguments)}}}"
                )
            _check_argument(name, value, default)
        if not given:
            return self
        return replace(
            self,
            forward=partial(self.forward, **given),
            backward=partial(self.backward, **given),
            arguments={**self.arguments, **given},
        )

    def of(self, z: Array) -> Array:
        """Return the activation of ``z``, ``(samples, ..., units)``, in a new array."""
        tape, a = Tape(), np.empty_like(z)
        self.forward(tape, z, a, Scratch(z))
        tape.run()
        return a

    def gradient(self, z: Array, a: Array, da: Array) -> Array:
        """Return ``dz`` from ``da`` in a new array."""
        tape, dz, scratch = Tape(), np.empty_like(z), Scratch(z)
        self.forward(tape, z, np.empty_like(z), scratch)
        self.backward(tape, z, a, da, dz, scratch)
        tape.run()
        return dz


def _check_argument(name: str, value: object, default: object) -> None:
    if value is None and default is None:
        return
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ArchitectureError(f"arguments: {name} = {value!r}; expected true or false")
        return
    if name == "axis":
        if isinstance(value, bool) or not isinstance(value, int) or value == 0:
            raise ArchitectureError(
                f"arguments: axis = {value!r}; expected a whole number other than 0, which is the "
                "axis of the samples"
            )
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ArchitectureError(f"arguments: {name} = {value!r}; expected a finite number")
    if name in ("alpha", "b") and value <= 0:
        raise ArchitectureError(f"arguments: {name} = {value!r}; expected a number above 0")
