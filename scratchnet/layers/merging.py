"""Layers that make one of several inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError
from scratchnet.layers.base import Layer, Pass
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Add(Layer):
    """Sum of inputs of one shape (``keras.layers.Add``): a residual connection.

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`; at least two inputs.
    """

    kind: ClassVar[str] = "add"

    def check_inputs(self, count: int) -> None:
        """Require at least two inputs."""
        if count < 2:
            raise ArchitectureError(
                f"inputs = {list(self.inputs)}; add takes at least two, as ['dense_1', 'dense_2']"
            )

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the inputs."""
        if len(set(shapes)) > 1:
            raise ArchitectureError(f"inputs: shapes {list(shapes)}; expected one shape for all")
        return shapes[0]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x_1 + x_2 + ...``, and ``dx_i = da``."""
        outputs = plan.outputs_of(self)
        a, da = outputs.values, outputs.gradient
        first, second, *others = (source.values for source in inputs)

        forward, backward = Tape(), Tape()
        forward.add(np.add, first, second, out=a)
        for x in others:
            forward.add(np.add, a, x, out=a)

        for number, source in enumerate(inputs, 1):
            dx = source.claim_gradient()
            if dx is not None:
                backward.add(np.copyto, da, out=dx, tensor=f"input_{number}")
        return Pass(outputs, forward, backward)
