"""Examples of every layer, activation, loss and optimizer: what tests and fuzzing run them on.

An entry of a table elsewhere without an example here fails the suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.activations import ACTIVATIONS
from scratchnet.architecture import Architecture
from scratchnet.layers import Activation, Add, Dense, Dropout, Flatten, Layer
from scratchnet.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from scratchnet.regularizers import L2
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


LAYER_EXAMPLES: dict[str, tuple[Example, ...]] = {
    Activation.kind: (
        example("hidden", (3,), Dense(4), Activation("tanh"), Dense(2)),
        example("softmax before its loss", (3,), Dense(3), Activation("softmax"),
                loss="categorical_crossentropy"),
        example("sigmoid before its loss", (3,), Dense(1), Activation("sigmoid"),
                loss="binary_crossentropy"),
    ),
    Add.kind: (
        example(
            "residual",
            (3,),
            Dense(4, "relu", name="first"),
            Dense(4, "tanh"),
            Add(inputs=("dense_2", "first")),
            Dense(2),
        ),
        example(
            "three readers",
            (3,),
            Dense(4, "tanh", name="first"),
            Dense(4, "tanh", name="second"),
            Add(inputs=("first", "second", "first"), name="sum"),
            Add(inputs=("sum", "first")),
            Dense(1, "sigmoid"),
            loss="binary_crossentropy",
        ),
    ),
    Dense.kind: (
        example("without bias", (3,), Dense(4, "tanh", use_bias=False), Dense(2)),
        example("on sequences", (5, 3), Dense(4, "relu"), Flatten(), Dense(2)),
        example("L2", (3,), Dense(4, "tanh", kernel_regularizer=L2(0.1)), Dense(1, "sigmoid"),
                loss="binary_crossentropy"),
    ),
    Dropout.kind: (
        example("hidden", (3,), Dense(16, "relu"), Dropout(0.4), Dense(2)),
        example("on inputs", (6,), Dropout(0.25), Dense(2, "softmax"),
                loss="categorical_crossentropy"),
    ),
    Flatten.kind: (
        example("images", (3, 4, 2), Flatten(), Dense(3, "softmax"),
                loss="sparse_categorical_crossentropy"),
        example("after a layer", (4, 3), Dense(2, "tanh"), Flatten(), Dense(2)),
    ),
}
"""By the layer's kind."""

ACTIVATION_EXAMPLES: dict[str, tuple[Example, ...]] = {
    name: (example("hidden", (3,), Dense(5, name_), Dense(2)),)
    for name, name_ in zip(ACTIVATIONS, ACTIVATIONS, strict=True)
}
"""By the activation's name."""

LOSS_EXAMPLES: dict[str, tuple[Example, ...]] = {
    BinaryCrossentropy.name: (
        example("fused", (3,), Dense(2, "sigmoid"), loss=BinaryCrossentropy()),
        example("clipped", (3,), Dense(2, "tanh"), loss=BinaryCrossentropy()),
        example("from logits", (3,), Dense(1), loss=BinaryCrossentropy(from_logits=True)),
        example("smoothed", (3,), Dense(1, "sigmoid"),
                loss=BinaryCrossentropy(label_smoothing=0.2)),
        example("smoothed, from logits", (3,), Dense(3),
                loss=BinaryCrossentropy(from_logits=True, label_smoothing=0.1)),
    ),
    CategoricalCrossentropy.name: (
        example("fused", (3,), Dense(3, "softmax"), loss=CategoricalCrossentropy()),
        example("from logits", (3,), Dense(3), loss=CategoricalCrossentropy(from_logits=True)),
        example("smoothed", (3,), Dense(3, "softmax"),
                loss=CategoricalCrossentropy(label_smoothing=0.1)),
    ),
    SparseCategoricalCrossentropy.name: (
        example("fused", (3,), Dense(3, "softmax"), loss=SparseCategoricalCrossentropy()),
        example("from logits", (3,), Dense(3),
                loss=SparseCategoricalCrossentropy(from_logits=True)),
    ),
    MeanSquaredError.name: (example("plain", (3,), Dense(2), loss=MeanSquaredError()),),
}
"""By the loss's name."""

EXAMPLES: tuple[Example, ...] = tuple(
    found
    for table in (LAYER_EXAMPLES, ACTIVATION_EXAMPLES, LOSS_EXAMPLES)
    for examples in table.values()
    for found in examples
)
"""All of them."""
