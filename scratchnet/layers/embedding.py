"""Vectors for whole numbers, such as words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import check_boolean, check_choice, check_positive
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Embedding(Layer):
    """Looks up a row of a table for every number (``keras.layers.Embedding``).

    Parameters
    ----------
    input_dim
        Number of rows: inputs are whole numbers from 0 to below it.
    output_dim
        Length of a row.
    embeddings_initializer
        A name in `scratchnet.initializers.INITIALIZERS`.
    mask_zero
        Whether time steps with the number 0 are padding, which recurrent layers then leave out.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "embedding"
    takes_tokens: ClassVar[bool] = True

    input_dim: int
    output_dim: int
    embeddings_initializer: str = "random_uniform"
    mask_zero: bool = False

    def __post_init__(self) -> None:
        check_positive("input_dim", self.input_dim)
        check_positive("output_dim", self.output_dim)
        check_choice("embeddings_initializer", self.embeddings_initializer, INITIALIZERS)
        check_boolean("mask_zero", self.mask_zero)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input with ``output_dim`` behind it."""
        return (*shapes[0], self.output_dim)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:  # noqa: ARG002
        """Return the table, ``(input_dim, output_dim)``."""
        return {
            "embeddings": Weight((self.input_dim, self.output_dim), self.embeddings_initializer)
        }

    def check_values(self, values: Array) -> None:
        """Require whole numbers from 0 to below `input_dim`."""
        lowest, highest = values.min(), values.max()
        if lowest < 0 or highest >= self.input_dim or np.any(values != np.floor(values)):
            raise ValueError(
                f"x: {self.name} takes whole numbers from 0 to {self.input_dim - 1}; got values "
                f"from {lowest:g} to {highest:g}"
            )

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops: rows are copied out, and their gradients added up row by row."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        table = parameters[f"{self.name}/embeddings"]
        dtable = parameters.gradient(f"{self.name}/embeddings")
        tokens = np.zeros(source.values.shape, np.intp)
        rows = np.zeros(outputs.values.shape, table.dtype)

        forward, backward = Tape(), Tape()
        forward.add(np.copyto, source.values, out=tokens, casting="unsafe")
        if self.mask_zero:
            outputs.mask = np.zeros(tokens.shape, np.bool_)
            forward.add(np.not_equal, tokens, 0, out=outputs.mask)
        # "clip" writes straight into `out`; the numbers were checked before.
        forward.add(np.take, table, tokens, axis=0, mode="clip", out=rows)
        forward.add(np.copyto, rows, out=outputs.values)

        backward.add(np.copyto, outputs.gradient, out=rows)
        backward.add(add_rows, tokens.reshape(-1), rows.reshape(-1, self.output_dim), out=dtable)
        return Pass(outputs, forward, backward)


def add_rows(numbers: Array, rows: Array, *, out: Array) -> None:
    """Write into each row of `out` the sum of the rows that have its number; 0 if none has."""
    out.fill(0)
    np.add.at(out, numbers, rows)
