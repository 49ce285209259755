"""Layers that draw random numbers in training and do nothing in inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import check_share
from scratchnet.layers.base import Layer, Pass
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets values to 0 at random in training (``keras.layers.Dropout``; Srivastava et al. 2014).

    What stays is divided by the share that stays, so nothing is left to do in inference.

    Parameters
    ----------
    rate
        Share that is set to 0, at least 0 and below 1.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "dropout"
    passes_mask: ClassVar[bool] = True
    needs_noise: ClassVar[bool] = True

    rate: float

    def __post_init__(self) -> None:
        check_share("rate", self.rate)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw the mask: 1 where a value stays, else 0."""
        return (random.random_sample(shape) >= self.rate).astype(np.float64)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x / (1 - rate) * mask`` and ``dx = da / (1 - rate) * mask``."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        x, dx = source.values, source.claim_gradient()
        a, da = outputs.values, outputs.gradient
        mask, scale = plan.noise(self), np.asarray(1 / (1 - self.rate), a.dtype)

        forward, backward, inference = Tape(), Tape(), Tape()
        forward.add(np.multiply, x, scale, out=a)
        forward.add(np.multiply, a, mask, out=a)
        if dx is not None:
            backward.add(np.multiply, da, mask, out=dx)
            backward.add(np.multiply, dx, scale, out=dx, tensor="input")
        inference.add(np.copyto, x, out=a)
        return Pass(outputs, forward, backward, inference)
