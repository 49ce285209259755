"""Examples of every layer, activation, loss and optimizer: what tests and fuzzing run them on.

An entry of a table elsewhere without an example here fails the suite.
"""

from __future__ import annotations

from experiments.parity.exact.formulas.activation_examples import ACTIVATION_EXAMPLES
from experiments.parity.exact.formulas.elementary_examples import ELEMENTARY_EXAMPLES
from experiments.parity.exact.formulas.example import Example, example
from experiments.parity.exact.formulas.image_examples import IMAGE_EXAMPLES
from experiments.parity.exact.formulas.resizing_examples import RESIZING_EXAMPLES
from experiments.parity.exact.formulas.sequence_examples import SEQUENCE_EXAMPLES
from scratchnet.layers import Activation, Add, Dense, Dropout, Flatten
from scratchnet.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from scratchnet.regularizers import L1, L1L2, L2

LAYER_EXAMPLES: dict[str, tuple[Example, ...]] = {
    Activation.kind: (
        example("hidden", (3,), Dense(4), Activation("tanh"), Dense(2)),
        example(
            "softmax before its loss",
            (3,),
            Dense(3),
            Activation("softmax"),
            loss="categorical_crossentropy",
        ),
        example(
            "sigmoid before its loss",
            (3,),
            Dense(1),
            Activation("sigmoid"),
            loss="binary_crossentropy",
        ),
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
    **ELEMENTARY_EXAMPLES,
    **IMAGE_EXAMPLES,
    **RESIZING_EXAMPLES,
    **SEQUENCE_EXAMPLES,
    Dense.kind: (
        example("without bias", (3,), Dense(4, "tanh", use_bias=False), Dense(2)),
        example("L1", (3,), Dense(4, "tanh", kernel_regularizer=L1(0.1)), Dense(2)),
        example(
            "L1 and L2, on a bias too",
            (3,),
            Dense(4, "tanh", kernel_regularizer=L1L2(0.03, 0.1), bias_regularizer=L2(0.2)),
            Dense(2, bias_regularizer=L1(0.05)),
        ),
        example("on sequences", (5, 3), Dense(4, "relu"), Flatten(), Dense(2)),
        example(
            "L2",
            (3,),
            Dense(4, "tanh", kernel_regularizer=L2(0.1)),
            Dense(1, "sigmoid"),
            loss="binary_crossentropy",
        ),
    ),
    Dropout.kind: (
        example("hidden", (3,), Dense(16, "relu"), Dropout(0.4), Dense(2)),
        example(
            "on inputs", (6,), Dropout(0.25), Dense(2, "softmax"), loss="categorical_crossentropy"
        ),
    ),
    Flatten.kind: (
        example(
            "images",
            (3, 4, 2),
            Flatten(),
            Dense(3, "softmax"),
            loss="sparse_categorical_crossentropy",
        ),
        example("after a layer", (4, 3), Dense(2, "tanh"), Flatten(), Dense(2)),
    ),
}
"""By the layer's kind."""

LOSS_EXAMPLES: dict[str, tuple[Example, ...]] = {
    BinaryCrossentropy.name: (
        example("fused", (3,), Dense(2, "sigmoid"), loss=BinaryCrossentropy()),
        example("clipped", (3,), Dense(2, "tanh"), loss=BinaryCrossentropy()),
        example("from logits", (3,), Dense(1), loss=BinaryCrossentropy(from_logits=True)),
        example(
            "smoothed", (3,), Dense(1, "sigmoid"), loss=BinaryCrossentropy(label_smoothing=0.2)
        ),
        example(
            "smoothed, from logits",
            (3,),
            Dense(3),
            loss=BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        ),
    ),
    CategoricalCrossentropy.name: (
        example("fused", (3,), Dense(3, "softmax"), loss=CategoricalCrossentropy()),
        example("from logits", (3,), Dense(3), loss=CategoricalCrossentropy(from_logits=True)),
        example(
            "smoothed", (3,), Dense(3, "softmax"), loss=CategoricalCrossentropy(label_smoothing=0.1)
        ),
    ),
    SparseCategoricalCrossentropy.name: (
        example("fused", (3,), Dense(3, "softmax"), loss=SparseCategoricalCrossentropy()),
        example(
            "from logits", (3,), Dense(3), loss=SparseCategoricalCrossentropy(from_logits=True)
        ),
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
