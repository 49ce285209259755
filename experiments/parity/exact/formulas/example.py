"""An example: a small network, and the batch that it is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.architecture import Architecture
from scratchnet.layers import Dense, Layer
from scratchnet.losses import Loss
from scratchnet.types import Array


@dataclass(frozen=True)
class Example:
    """A small network, and the batch that it is tried on.

    Attributes
    ----------
    label
        What it shows.
    architecture
        The network.
    tokens
        Inputs are whole numbers from 0 to below this; 0: they are drawn from a standard normal.
    samples
        Of the batch.
    scale
        What inputs are multiplied by.
    """

    label: str
    architecture: Architecture
    tokens: int = 0
    samples: int = 7
    scale: float = 1.0

    def inputs(self, dtype: str, seed: int = 0) -> Array:
        """Draw inputs, ``(samples, ...)``."""
        random = np.random.RandomState(seed)
        shape = (self.samples, *self.architecture.input_shape)
        if self.tokens:
            return random.randint(0, self.tokens, shape).astype(dtype)
        return (random.standard_normal(shape) * self.scale).astype(dtype)

    def targets(self, dtype: str, seed: int = 0) -> Array:
        """Draw targets as the loss takes them."""
        random, units = np.random.RandomState(seed + 1), self.architecture.units
        classes = random.randint(0, max(2, units), self.samples)
        if self.architecture.loss.sparse:
            return classes[:, None].astype(np.int64)
        if units == 1:
            return classes[:, None].astype(dtype)
        return np.eye(units, dtype=dtype)[classes]

    def weights(self, dtype: str, seed: int = 0) -> dict[str, Array]:
        """Draw weights of which none is 0: biases too; moving variances are positive."""
        random = np.random.RandomState(seed + 2)
        drawn = {
            name: random.standard_normal(shape) * 0.5
            for name, shape in self.architecture.weight_shapes().items()
        }
        return {
            name: (np.abs(value) + 0.5 if name.endswith("variance") else value).astype(dtype)
            for name, value in drawn.items()
        }


def example(
    label: str,
    input_shape: Sequence[int],
    *layers: Layer,
    loss: Loss | str = "mean_squared_error",
    **options: Any,
) -> Example:
    """Make an `Example`."""
    return Example(label, Architecture(tuple(input_shape), layers, loss), **options)


def classified(label: str, input_shape: Sequence[int], *layers: Layer, **options: Any) -> Example:
    """Make an example that ends in two classes: its training does not explode."""
    last = Dense(2, "softmax")
    return example(label, input_shape, *layers, last, loss="categorical_crossentropy", **options)
