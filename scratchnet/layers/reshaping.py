"""Layers that only arrange values anew."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
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
