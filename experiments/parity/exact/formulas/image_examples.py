"""Examples of the layers of image networks: convolution, pooling, normalization."""

from __future__ import annotations

from experiments.parity.exact.formulas.example import Example, example
from scratchnet.layers import BatchNormalization, Conv1D, Conv2D, Conv3D, Dense, Flatten
from scratchnet.regularizers import L2

IMAGE_EXAMPLES: dict[str, tuple[Example, ...]] = {
    BatchNormalization.kind: (
        example("between convolutions", (5, 5, 2), Conv2D(3, 2), BatchNormalization(),
                Conv2D(2, 2, activation="relu"), Flatten(), Dense(2)),
        example("dead channels", (4,), Dense(6, "relu"), BatchNormalization(), Dense(2)),
        example("without gamma and beta", (4,), Dense(3), BatchNormalization(center=False,
                scale=False, momentum=0.5, epsilon=0.01), Dense(2)),
        example("on inputs", (4,), BatchNormalization(), Dense(3, "softmax"),
                loss="categorical_crossentropy"),
        example("large values", (4,), BatchNormalization(scale=False), Dense(2), scale=1000.0),
        example("small values", (4,), Dense(3), BatchNormalization(center=False), Dense(2),
                scale=1e-3),
        example("sequences", (5, 3), Dense(2, "tanh"), BatchNormalization(momentum=0.9),
                Flatten(), Dense(2, "softmax"), loss="categorical_crossentropy"),
    ),
    Conv1D.kind: (
        example("causal", (6, 2), Conv1D(3, 3, padding="causal", activation="tanh"), Flatten(),
                Dense(2)),
        example("causal, dilated", (9, 2), Conv1D(2, 3, padding="causal", dilation_rate=2),
                Conv1D(2, 2, padding="same"), Flatten(), Dense(2)),
        example("strides", (9, 2), Conv1D(3, 3, padding="valid", activation="relu"),
                Conv1D(2, 3, strides=2, padding="same"), Flatten(), Dense(2)),
    ),
    Conv2D.kind: (
        example("valid", (6, 5, 2), Conv2D(3, 3, activation="relu"), Flatten(), Dense(2)),
        example("same, two layers", (5, 6, 1), Conv2D(3, (3, 2), padding="same",
                activation="tanh"), Conv2D(2, 3, padding="same"), Flatten(),
                Dense(3, "softmax"), loss="sparse_categorical_crossentropy"),
        example("strides", (7, 8, 2), Conv2D(3, 2, activation="tanh"),
                Conv2D(4, 3, strides=(2, 3), padding="valid", activation="relu"),
                Flatten(), Dense(2)),
        example("strides, same", (7, 8, 2), Conv2D(3, 2), Conv2D(2, (2, 3), strides=(2, 3),
                padding="same"), Flatten(), Dense(2)),
        example("strides beyond the kernel", (7, 7, 1), Conv2D(2, 1), Conv2D(2, 2, strides=3,
                padding="same"), Flatten(), Dense(2)),
        example("dilation", (8, 8, 2), Conv2D(2, 2), Conv2D(3, 3, dilation_rate=(2, 3),
                activation="tanh"), Flatten(), Dense(2)),
        example("dilation, same", (6, 6, 2), Conv2D(2, 2), Conv2D(3, 3, dilation_rate=2,
                padding="same"), Flatten(), Dense(2)),
        example("groups", (5, 5, 4), Conv2D(4, 2), Conv2D(6, 3, groups=2, activation="tanh"),
                Flatten(), Dense(2)),
        example("without bias, L2", (5, 5, 2), Conv2D(3, 3, use_bias=False,
                kernel_regularizer=L2(0.1)), Flatten(), Dense(2)),
        example("kernel as large as the image", (3, 4, 2), Conv2D(2, 1, activation="relu"),
                Conv2D(3, (3, 4)), Flatten(), Dense(1, "sigmoid"), loss="binary_crossentropy"),
    ),
    Conv3D.kind: (
        example("strides, same", (3, 4, 5, 2), Conv3D(2, 2, activation="tanh"),
                Conv3D(2, (2, 1, 2), strides=(1, 2, 2), padding="same",
                activation="tanh"), Flatten(), Dense(2, "softmax"),
                loss="categorical_crossentropy"),
    ),
}  # fmt: skip
"""By the layer's kind."""
