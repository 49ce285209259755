"""Layers that only rearrange values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError, check_positive
from scratchnet.layers.base import Layer, Pass
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Flatten(Layer):
    """All values of a sample in a row, the last axis fastest (``keras.layers.Flatten``)."""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(product of the axes,)``."""
        return (prod(shapes[0]),)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy there, and a copy back."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        x, dx = source.values, source.claim_gradient()
        # The channels are the slowest axis in memory and the fastest of a flat sample.
        a, da = (
            np.moveaxis(matrix.reshape(*x.shape[1:], -1), -1, 0)
            for matrix in (outputs.matrix, outputs.gradient_matrix)
        )
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, x, out=a)
        if dx is not None:
            backward.add(np.copyto, da, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Reshape(Layer):
    """The values of a sample in another shape, the last axis fastest (``keras.layers.Reshape``).

    Parameters
    ----------
    target_shape
        Of one sample; one axis may be -1: as long as needed.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If it is no shape, or the input has another number of values.
    """

    kind: ClassVar[str] = "reshape"

    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = _whole_numbers("target_shape", self.target_shape, "[28, 28, 1] or [-1, 3]")
        if any(n < 1 and n != -1 for n in shape) or shape.count(-1) > 1:
            raise ArchitectureError(
                f"target_shape = {self.target_shape!r}; expected positive integers, one of which "
                "may be -1"
            )
        object.__setattr__(self, "target_shape", shape)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return `target_shape`, without -1."""
        values, known = prod(shapes[0]), prod(n for n in self.target_shape if n != -1)
        fits = values % known == 0 if -1 in self.target_shape else values == known
        if not fits:
            raise ArchitectureError(
                f"target_shape = {list(self.target_shape)}; the input has the shape {shapes[0]}, "
                f"{values} values"
            )
        return tuple(values // known if n == -1 else n for n in self.target_shape)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: into a flat sample, and from there into the other shape."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        x, dx = source.values, source.claim_gradient()
        a, da = outputs.values, outputs.gradient
        # Samples last, as everywhere in memory.
        flat = np.zeros((prod(x.shape[1:]), len(x)), x.dtype)
        before, after = (
            np.moveaxis(flat.reshape(*shape[1:], -1), -1, 0) for shape in (x.shape, a.shape)
        )
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, x, out=before)
        forward.add(np.copyto, after, out=a)
        if dx is not None:
            backward.add(np.copyto, da, out=after)
            backward.add(np.copyto, before, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Permute(Layer):
    """The axes of a sample in another order (``keras.layers.Permute``).

    Parameters
    ----------
    dims
        Which axis of the input each axis of the output is, from 1: ``(2, 1)`` swaps two.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If it is no permutation, or the input has another rank.
    """

    kind: ClassVar[str] = "permute"

    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        dims = _whole_numbers("dims", self.dims, "[2, 1]")
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ArchitectureError(
                f"dims = {self.dims!r}; expected the axes from 1 in an order, as [2, 1]"
            )
        object.__setattr__(self, "dims", dims)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the sizes of the axes in their new order."""
        if len(shapes[0]) != len(self.dims):
            raise ArchitectureError(
                f"dims = {list(self.dims)}; the input has the shape {shapes[0]}"
            )
        return tuple(shapes[0][axis - 1] for axis in self.dims)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy there, and a copy back."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        x, dx, axes = source.values, source.claim_gradient(), (0, *self.dims)
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, x.transpose(axes), out=outputs.values)
        if dx is not None:
            back = outputs.gradient.transpose(np.argsort(axes))
            backward.add(np.copyto, back, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class RepeatVector(Layer):
    """A vector ``n`` times over, ``(n, features)`` (``keras.layers.RepeatVector``).

    Parameters
    ----------
    n
        At least 1.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If it is no positive integer, or the input is no vector.
    """

    kind: ClassVar[str] = "repeat_vector"

    n: int

    def __post_init__(self) -> None:
        check_positive("n", self.n)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(n, features)``."""
        if len(shapes[0]) != 1:
            raise ArchitectureError(f"input shape {shapes[0]}; repeat_vector expects (features,)")
        return (self.n, *shapes[0])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy there; back, the sum over the copies."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        x, dx = source.values, source.claim_gradient()
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, x[:, None], out=outputs.values)
        if dx is not None:
            backward.add(np.add.reduce, outputs.gradient, axis=1, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


def _whole_numbers(field: str, value: object, expected: str) -> tuple[int, ...]:
    """Return a list of whole numbers as a tuple.

    Raises
    ------
    ArchitectureError
        If it is none.
    """
    if (
        not isinstance(value, list | tuple)
        or not value
        or any(isinstance(n, bool) or not isinstance(n, int) for n in value)
    ):
        raise ArchitectureError(f"{field} = {value!r}; expected whole numbers, as {expected}")
    return tuple(value)
