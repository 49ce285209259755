"""Layers without weights that scale their input, or leave it as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError, check_boolean
from scratchnet.layers.base import Layer, Pass
from scratchnet.losses import EPSILON
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Identity(Layer):
    """Its input, as it is (``keras.layers.Identity``).

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "identity"
    passes_mask: ClassVar[bool] = True

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: a copy there, and a copy back."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        forward, backward = Tape(), Tape()
        forward.add(np.copyto, source.values, out=outputs.values)
        if dx is not None:
            backward.add(np.copyto, outputs.gradient, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Rescaling(Layer):
    """``a = x * scale + offset`` (``keras.layers.Rescaling``), as ``1 / 255`` for images.

    Parameters
    ----------
    scale, offset
        Numbers; Keras on TensorFlow rounds them to float32.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If one is no finite number.
    """

    kind: ClassVar[str] = "rescaling"
    passes_mask: ClassVar[bool] = True

    scale: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        for field in ("scale", "offset"):
            _numbers(field, getattr(self, field))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x * scale + offset`` and ``dx = da * scale``."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        scale, offset, a = plan.setting(self.scale), plan.setting(self.offset), outputs.values
        forward, backward = Tape(), Tape()
        forward.add(np.multiply, source.values, scale, out=a)
        forward.add(np.add, a, offset, out=a)
        if dx is not None:
            backward.add(np.multiply, outputs.gradient, scale, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class Normalization(Layer):
    """``a = (x - mean) / max(sqrt(variance), 1e-7)`` (``keras.layers.Normalization``).

    Mean and variance are given, not learnt: those of the training part, which `adapted` computes.

    Parameters
    ----------
    mean, variance
        A number, or one for each feature of the last axis. Keras on TensorFlow rounds them to
        float32.
    invert
        Whether to do the opposite: ``a = mean + x * max(sqrt(variance), 1e-7)``.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If mean and variance are no finite numbers, differ in number, or a variance is negative.
    """

    kind: ClassVar[str] = "normalization"
    passes_mask: ClassVar[bool] = True

    mean: float | tuple[float, ...]
    variance: float | tuple[float, ...]
    invert: bool = False

    def __post_init__(self) -> None:
        check_boolean("invert", self.invert)
        mean, variance = (_numbers(field, getattr(self, field)) for field in ("mean", "variance"))
        if np.shape(mean) != np.shape(variance):
            raise ArchitectureError(
                f"mean has {np.size(mean)} numbers, variance {np.size(variance)}; expected as many"
            )
        if np.min(variance) < 0:
            raise ArchitectureError(f"variance = {self.variance!r}; expected numbers >= 0")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "variance", variance)

    @classmethod
    def adapted(cls, x: Array, **options: object) -> Normalization:
        """Make the layer with mean and variance of the last axis of some data, as ``adapt`` does.

        Parameters
        ----------
        x
            ``(samples, ..., features)``.
        options
            The other fields.
        """
        axes = tuple(range(np.ndim(x) - 1))
        mean, variance = np.mean(x, axis=axes), np.var(x, axis=axes)
        made: Normalization = cls(tuple(mean.tolist()), tuple(variance.tolist()), **options)  # type: ignore[arg-type]
        return made

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        if isinstance(self.mean, tuple) and len(self.mean) != shapes[0][-1]:
            raise ArchitectureError(
                f"mean has {len(self.mean)} numbers; the input has {shapes[0][-1]} features"
            )
        return shapes[0]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: with ``s`` the divisor, ``a = (x - mean) / s`` and ``dx = da / s``."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        a, da = outputs.values, outputs.gradient
        mean, variance = (
            np.array([plan.setting(value) for value in np.atleast_1d(of)], a.dtype)
            for of in (self.mean, self.variance)
        )
        divisor = np.maximum(np.sqrt(variance), plan.scratch(a).number(EPSILON))
        forward, backward = Tape(), Tape()
        if self.invert:
            forward.add(np.multiply, source.values, divisor, out=a)
            forward.add(np.add, a, mean, out=a)
        else:
            forward.add(np.subtract, source.values, mean, out=a)
            forward.add(np.divide, a, divisor, out=a)
        if dx is not None:
            function = np.multiply if self.invert else np.divide
            backward.add(function, da, divisor, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


def _numbers(field: str, value: object) -> float | tuple[float, ...]:
    """Return a number, or several as a tuple.

    Raises
    ------
    ArchitectureError
        If one is none, or not finite.
    """
    several = isinstance(value, list | tuple | np.ndarray)
    for number in value if several else (value,):  # type: ignore[attr-defined]
        is_number = isinstance(number, int | float | np.number) and not isinstance(number, bool)
        if not is_number or not np.isfinite(number):
            raise ArchitectureError(f"{field} = {value!r}; expected finite numbers")
    if several:
        return tuple(float(number) for number in value)  # type: ignore[attr-defined]
    return float(value)  # type: ignore[arg-type]
