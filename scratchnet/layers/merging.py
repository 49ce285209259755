"""Layers that make one of several inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError
from scratchnet.layers.base import Layer, Pass
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Merge(Layer):
    """What layers have in common that take inputs of one shape."""

    def check_inputs(self, count: int) -> None:
        """Require at least two inputs."""
        if count < 2:
            raise ArchitectureError(
                f"inputs = {list(self.inputs)}; {self.kind} takes at least two, as "
                "['dense_1', 'dense_2']"
            )

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the inputs."""
        if len(set(shapes)) > 1:
            raise ArchitectureError(f"inputs: shapes {list(shapes)}; expected one shape for all")
        return shapes[0]


@dataclass(frozen=True)
class Add(Merge):
    """Sum of inputs of one shape (``keras.layers.Add``): a residual connection.

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`; at least two inputs.
    """

    kind: ClassVar[str] = "add"

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x_1 + x_2 + ...``, and ``dx_i = da``."""
        outputs, backward = plan.outputs_of(self), Tape()
        for number, source in enumerate(inputs, 1):
            dx = source.claim_gradient()
            if dx is not None:
                backward.add(np.copyto, outputs.gradient, out=dx, tensor=f"input_{number}")
        return Pass(outputs, _folded(np.add, inputs, outputs.values), backward)


@dataclass(frozen=True)
class Average(Merge):
    """Mean of inputs of one shape (``keras.layers.Average``).

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`; at least two inputs.
    """

    kind: ClassVar[str] = "average"

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = (x_1 + x_2 + ...) / n``, and ``dx_i = da / n``."""
        outputs, backward = plan.outputs_of(self), Tape()
        a, da = outputs.values, outputs.gradient
        count = np.asarray(len(inputs), a.dtype)
        forward = _folded(np.add, inputs, a)
        forward.add(np.divide, a, count, out=a)
        for number, source in enumerate(inputs, 1):
            dx = source.claim_gradient()
            if dx is not None:
                backward.add(np.divide, da, count, out=dx, tensor=f"input_{number}")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Subtract(Merge):
    """Difference of two inputs of one shape (``keras.layers.Subtract``).

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`; two inputs.
    """

    kind: ClassVar[str] = "subtract"

    def check_inputs(self, count: int) -> None:
        """Require two inputs."""
        if count != 2:
            raise ArchitectureError(
                f"inputs = {list(self.inputs)}; subtract takes two, as ['dense_1', 'dense_2']"
            )

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x_1 - x_2``, ``dx_1 = da`` and ``dx_2 = -da``."""
        outputs, backward = plan.outputs_of(self), Tape()
        for number, source in enumerate(inputs, 1):
            dx, function = source.claim_gradient(), (np.copyto, np.negative)[number - 1]
            if dx is not None:
                backward.add(function, outputs.gradient, out=dx, tensor=f"input_{number}")
        return Pass(outputs, _folded(np.subtract, inputs, outputs.values), backward)


@dataclass(frozen=True)
class Multiply(Merge):
    """Product of inputs of one shape, value by value (``keras.layers.Multiply``).

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`; at least two inputs.
    """

    kind: ClassVar[str] = "multiply"

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x_1 x_2 ...``, and ``dx_i = da`` times all other inputs."""
        outputs, backward = plan.outputs_of(self), Tape()
        for number, source in enumerate(inputs, 1):
            dx = source.claim_gradient()
            if dx is None:
                continue
            product = outputs.gradient
            for other in (*inputs[: number - 1], *inputs[number:]):
                backward.add(np.multiply, product, other.values, out=dx)
                product = dx
            backward.name_last(f"input_{number}")
        return Pass(outputs, _folded(np.multiply, inputs, outputs.values), backward)


@dataclass(frozen=True)
class Maximum(Merge):
    """The largest of inputs of one shape, value by value (``keras.layers.Maximum``).

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`; at least two inputs.
    """

    kind: ClassVar[str] = "maximum"
    function: ClassVar[Any] = np.maximum

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = max(x_1, x_2, ...)``; ``da`` goes to the first that equals it."""
        outputs, backward = plan.outputs_of(self), Tape()
        a, da = outputs.values, outputs.gradient
        taken, equal = (np.zeros_like(da, dtype=np.bool_) for _ in range(2))
        backward.add(np.copyto, np.False_, out=taken)
        for number, source in enumerate(inputs, 1):
            dx = source.claim_gradient()
            backward.add(np.equal, source.values, a, out=equal)
            backward.add(np.greater, equal, taken, out=equal)
            backward.add(np.logical_or, taken, equal, out=taken)
            if dx is not None:
                backward.add(np.multiply, da, equal, out=dx, tensor=f"input_{number}")
        return Pass(outputs, _folded(self.function, inputs, a), backward)


@dataclass(frozen=True)
class Minimum(Maximum):
    """The smallest of inputs of one shape, value by value (``keras.layers.Minimum``)."""

    kind: ClassVar[str] = "minimum"
    function: ClassVar[Any] = np.minimum


@dataclass(frozen=True)
class Concatenate(Layer):
    """Inputs one behind the other along an axis (``keras.layers.Concatenate``).

    Parameters
    ----------
    axis
        Along which; the samples have axis 0, the last one is -1.
    name, inputs
        See `scratchnet.layers.Layer`; at least two inputs.

    Raises
    ------
    ArchitectureError
        If there is no such axis, or the inputs differ along another one.
    """

    kind: ClassVar[str] = "concatenate"

    axis: int = -1

    def __post_init__(self) -> None:
        if isinstance(self.axis, bool) or not isinstance(self.axis, int) or self.axis == 0:
            raise ArchitectureError(
                f"axis = {self.axis!r}; expected a whole number other than 0, which is the axis "
                "of the samples"
            )

    def check_inputs(self, count: int) -> None:
        """Require at least two inputs."""
        if count < 2:
            raise ArchitectureError(
                f"inputs = {list(self.inputs)}; concatenate takes at least two, as "
                "['dense_1', 'dense_2']"
            )

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the inputs, with the sum of their sizes along the axis."""
        rank = len(shapes[0])
        if not -rank <= self.axis <= rank:
            raise ArchitectureError(f"axis = {self.axis}; the inputs have the shape {shapes[0]}")
        axis = self.axis - 1 if self.axis > 0 else self.axis + rank
        rest = {(*shape[:axis], 0, *shape[axis + 1 :]) for shape in shapes}
        if len(rest) > 1:
            raise ArchitectureError(
                f"inputs: shapes {list(shapes)}; expected shapes that differ along axis "
                f"{self.axis} only"
            )
        total = sum(shape[axis] for shape in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy of each input to its place, and a copy back."""
        outputs, forward, backward = plan.outputs_of(self), Tape(), Tape()
        start = 0
        for number, source in enumerate(inputs, 1):
            stop = start + source.values.shape[self.axis]
            a, da = (
                _part(array, self.axis, start, stop) for array in (outputs.values, outputs.gradient)
            )
            dx, start = source.claim_gradient(), stop
            forward.add(np.copyto, source.values, out=a)
            if dx is not None:
                backward.add(np.copyto, da, out=dx, tensor=f"input_{number}")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Dot(Layer):
    """Scalar products of two vectors (``keras.layers.Dot`` of axis -1).

    Parameters
    ----------
    axes
        The axis to sum over: that of the features, 1 or -1.
    name, inputs
        See `scratchnet.layers.Layer`; two inputs ``(features,)``.

    Raises
    ------
    ArchitectureError
        If there is another axis, or the inputs are no vectors of one length.
    """

    kind: ClassVar[str] = "dot"

    axes: int = -1

    def __post_init__(self) -> None:
        if isinstance(self.axes, bool) or self.axes not in (1, -1):
            raise ArchitectureError(f"axes = {self.axes!r}; expected 1 or -1: products of vectors")

    def check_inputs(self, count: int) -> None:
        """Require two inputs."""
        if count != 2:
            raise ArchitectureError(
                f"inputs = {list(self.inputs)}; dot takes two, as ['dense_1', 'dense_2']"
            )

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(1,)``."""
        if len(shapes[0]) != 1 or shapes[0] != shapes[1]:
            raise ArchitectureError(
                f"inputs: shapes {list(shapes)}; expected (features,) twice, of one length"
            )
        return (1,)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = sum(x_1 x_2)``, ``dx_1 = da x_2`` and ``dx_2 = da x_1``."""
        outputs, forward, backward = plan.outputs_of(self), Tape(), Tape()
        first, second = inputs
        product = np.zeros_like(first.gradient)
        forward.add(np.multiply, first.values, second.values, out=product)
        forward.add(np.add.reduce, product, axis=1, keepdims=True, out=outputs.values)
        for number, (source, other) in enumerate(((first, second), (second, first)), 1):
            dx = source.claim_gradient()
            if dx is not None:
                da = outputs.gradient
                backward.add(np.multiply, da, other.values, out=dx, tensor=f"input_{number}")
        return Pass(outputs, forward, backward)


def _folded(function: Callable[..., object], inputs: tuple[Buffer, ...], a: Array) -> Tape:
    """Return the ops of a function of two, from the first input to the last."""
    tape = Tape()
    first, second, *others = (source.values for source in inputs)
    tape.add(function, first, second, out=a)
    for x in others:
        tape.add(function, a, x, out=a)
    return tape


def _part(array: Array, axis: int, start: int, stop: int) -> Array:
    """Return a view of a part of an axis."""
    return np.moveaxis(np.moveaxis(array, axis, 0)[start:stop], 0, axis)
