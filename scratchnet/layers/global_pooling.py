"""Global pooling: one value per channel for all positions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer, channels_first
from scratchnet.errors import check_boolean
from scratchnet.layers.base import Layer, Pass
from scratchnet.layers.windows import check_rank
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """What the global pooling layers have in common.

    Parameters
    ----------
    keepdims
        Whether the outputs keep the axes of the positions, each with one position.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    rank: ClassVar[int] = 2

    keepdims: bool = False

    def __post_init__(self) -> None:
        check_boolean("keepdims", self.keepdims)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(channels,)``, or ``(1, ..., channels)``."""
        [shape] = shapes
        check_rank(shape, self.rank)
        return (*((1,) * self.rank if self.keepdims else ()), shape[-1])

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops on ``(channels, positions, samples)``."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        channels, samples = source.values.shape[-1], plan.samples
        x = source.matrix.reshape(channels, -1, samples)
        a, da = (
            matrix.reshape(channels, 1, samples)
            for matrix in (outputs.matrix, outputs.gradient_matrix)
        )
        forward, backward = Tape(), Tape()
        self.pool(forward, source.mask, x, a)
        if dx is not None:
            dx = channels_first(dx).reshape(channels, -1, samples)
            self.pool_back(backward, source.mask, x, a, da, dx)
            backward.name_last("input")
        return Pass(outputs, forward, backward)

    @abstractmethod
    def pool(self, tape: Tape, mask: Array | None, x: Array, a: Array) -> None:
        """Append what fills ``a``."""

    @abstractmethod
    def pool_back(
        self, tape: Tape, mask: Array | None, x: Array, a: Array, da: Array, dx: Array
    ) -> None:
        """Append what fills ``dx``."""


@dataclass(frozen=True)
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel (``keras.layers.GlobalAveragePooling2D``)."""

    kind: ClassVar[str] = "global_average_pooling2d"

    def pool(self, tape: Tape, mask: Array | None, x: Array, a: Array) -> None:  # noqa: ARG002
        """``a = (sum of x) / number``."""
        tape.add(np.add.reduce, x, axis=1, keepdims=True, out=a)
        tape.add(np.divide, a, np.asarray(x.shape[1], a.dtype), out=a)

    def pool_back(
        self,
        tape: Tape,
        mask: Array | None,  # noqa: ARG002
        x: Array,
        a: Array,  # noqa: ARG002
        da: Array,
        dx: Array,
    ) -> None:
        """``dx = da / number``."""
        share = np.zeros_like(da)
        tape.add(np.divide, da, np.asarray(x.shape[1], da.dtype), out=share)
        tape.add(np.copyto, share, out=dx)


@dataclass(frozen=True)
class GlobalAveragePooling1D(GlobalAveragePooling2D):
    """The mean of each channel of a sequence (``keras.layers.GlobalAveragePooling1D``).

    Of a sequence with a mask, the mean of the time steps that count.
    """

    kind: ClassVar[str] = "global_average_pooling1d"
    rank: ClassVar[int] = 1

    def pool(self, tape: Tape, mask: Array | None, x: Array, a: Array) -> None:
        """``a = (sum of x that counts) / number``."""
        if mask is None:
            super().pool(tape, mask, x, a)
            return
        counts, weights, number = _weights(mask, x)
        kept = np.zeros_like(x)
        tape.add(np.copyto, counts, out=weights)
        tape.add(np.add.reduce, weights, axis=1, keepdims=True, out=number)
        tape.add(np.multiply, x, weights, out=kept)
        tape.add(np.add.reduce, kept, axis=1, keepdims=True, out=a)
        tape.add(np.divide, a, number, out=a)

    def pool_back(
        self, tape: Tape, mask: Array | None, x: Array, a: Array, da: Array, dx: Array
    ) -> None:
        """``dx = da / number`` where a time step counts, else 0."""
        if mask is None:
            super().pool_back(tape, mask, x, a, da, dx)
            return
        counts, weights, number = _weights(mask, x)
        tape.add(np.copyto, counts, out=weights)
        tape.add(np.add.reduce, weights, axis=1, keepdims=True, out=number)
        tape.add(np.divide, weights, number, out=weights)
        tape.add(np.multiply, da, weights, out=dx)


@dataclass(frozen=True)
class GlobalAveragePooling3D(GlobalAveragePooling2D):
    """The mean of each channel of a volume (``keras.layers.GlobalAveragePooling3D``)."""

    kind: ClassVar[str] = "global_average_pooling3d"
    rank: ClassVar[int] = 3


@dataclass(frozen=True)
class GlobalMaxPooling2D(GlobalPooling):
    """The largest value of each channel (``keras.layers.GlobalMaxPooling2D``).

    Its gradient is shared by equal values, as in Keras: unlike that of `MaxPooling2D`.
    """

    kind: ClassVar[str] = "global_max_pooling2d"

    def pool(self, tape: Tape, mask: Array | None, x: Array, a: Array) -> None:  # noqa: ARG002
        """``a = max of x``."""
        tape.add(np.maximum.reduce, x, axis=1, keepdims=True, out=a)

    def pool_back(
        self,
        tape: Tape,
        mask: Array | None,  # noqa: ARG002
        x: Array,
        a: Array,
        da: Array,
        dx: Array,
    ) -> None:
        """``dx = da / number of equals`` where ``x = a``, else 0."""
        number = np.zeros_like(da)
        tape.add(np.equal, x, a, out=dx)
        tape.add(np.add.reduce, dx, axis=1, keepdims=True, out=number)
        tape.add(np.divide, dx, number, out=dx)
        tape.add(np.multiply, dx, da, out=dx)


@dataclass(frozen=True)
class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """The largest value of each channel of a sequence (``keras.layers.GlobalMaxPooling1D``)."""

    kind: ClassVar[str] = "global_max_pooling1d"
    rank: ClassVar[int] = 1


@dataclass(frozen=True)
class GlobalMaxPooling3D(GlobalMaxPooling2D):
    """The largest value of each channel of a volume (``keras.layers.GlobalMaxPooling3D``)."""

    kind: ClassVar[str] = "global_max_pooling3d"
    rank: ClassVar[int] = 3


def _weights(mask: Array, x: Array) -> tuple[Array, Array, Array]:
    """Return a mask as ``(1, time, samples)``, room for it as numbers, and for their sums."""
    counts = mask.T[None]
    return counts, np.zeros_like(counts, x.dtype), np.zeros((1, 1, x.shape[2]), x.dtype)
