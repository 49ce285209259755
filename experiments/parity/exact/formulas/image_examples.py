"""Examples of the layers of image networks: convolution, pooling, normalization."""

from __future__ import annotations

from experiments.parity.exact.formulas.example import Example, classified, example
from scratchnet.layers import (
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    GroupNormalization,
    LayerNormalization,
    MaxPooling1D,
    MaxPooling2D,
    RMSNormalization,
    SeparableConv1D,
    SeparableConv2D,
    UnitNormalization,
)
from scratchnet.regularizers import L2

IMAGE_EXAMPLES: dict[str, tuple[Example, ...]] = {
    GroupNormalization.kind: (
        classified("groups", (3, 4, 2), Conv2D(6, 2), GroupNormalization(groups=3), Flatten()),
        classified(
            "one group", (5, 2), Conv1D(4, 2), GroupNormalization(groups=1, scale=False), Flatten()
        ),
        classified(
            "instances",
            (4, 4, 2),
            Conv2D(3, 2),
            GroupNormalization(groups=-1, epsilon=0.01),
            Conv2D(2, 2),
            Flatten(),
        ),
    ),
    LayerNormalization.kind: (
        classified("units", (4,), Dense(5, "tanh"), LayerNormalization()),
        classified("dead units", (4,), Dense(5, "relu"), LayerNormalization(scale=False)),
        classified("large values", (4,), LayerNormalization(center=False), scale=1000.0),
        classified("sequences", (5, 3), Dense(4), LayerNormalization(epsilon=1e-5), Flatten()),
    ),
    RMSNormalization.kind: (
        classified("small values", (4,), RMSNormalization(), scale=1e-3),
        classified("images", (3, 4, 2), Conv2D(3, 2), RMSNormalization(epsilon=0.01), Flatten()),
    ),
    UnitNormalization.kind: (
        classified("dead units", (4,), Dense(2, "relu"), UnitNormalization()),
        classified("large values", (4,), UnitNormalization(), scale=1000.0),
        classified("images", (3, 4, 2), Conv2D(3, 2), UnitNormalization(), Flatten()),
    ),
    BatchNormalization.kind: (
        classified(
            "between convolutions",
            (5, 5, 2),
            Conv2D(3, 2),
            BatchNormalization(),
            Conv2D(2, 2, activation="tanh"),
            Flatten(),
        ),
        classified("dead channels", (4,), Dense(6, "relu"), BatchNormalization()),
        classified(
            "without gamma and beta",
            (4,),
            Dense(3),
            BatchNormalization(center=False, scale=False, momentum=0.5, epsilon=0.01),
        ),
        example(
            "on inputs",
            (4,),
            BatchNormalization(),
            Dense(3, "softmax"),
            loss="categorical_crossentropy",
        ),
        classified("large values", (4,), BatchNormalization(scale=False), scale=1000.0),
        example(
            "small values", (4,), Dense(3), BatchNormalization(center=False), Dense(2), scale=1e-3
        ),
        example(
            "sequences",
            (5, 3),
            Dense(2, "tanh"),
            BatchNormalization(momentum=0.9),
            Flatten(),
            Dense(2, "softmax"),
            loss="categorical_crossentropy",
        ),
    ),
    AveragePooling1D.kind: (
        classified("overlapping", (7, 2), Conv1D(3, 2), AveragePooling1D(3, strides=1), Flatten()),
        classified("same", (7, 2), Conv1D(3, 2), AveragePooling1D(2, padding="same"), Flatten()),
    ),
    AveragePooling2D.kind: (
        classified("tiles", (5, 5, 2), Conv2D(3, 2), AveragePooling2D(), Flatten()),
        classified("rest", (6, 7, 1), Conv2D(3, 2), AveragePooling2D((2, 3)), Flatten()),
        classified(
            "same, overlapping",
            (6, 6, 2),
            Conv2D(3, 2),
            AveragePooling2D(3, strides=2, padding="same"),
            Flatten(),
        ),
        classified(
            "same, of even size",
            (6, 6, 2),
            Conv2D(3, 2),
            AveragePooling2D(2, strides=1, padding="same"),
            Flatten(),
        ),
    ),
    MaxPooling1D.kind: (
        classified("overlapping", (7, 2), Conv1D(3, 2), MaxPooling1D(3, strides=2), Flatten()),
        classified("same", (7, 2), Conv1D(3, 2), MaxPooling1D(2, padding="same"), Flatten()),
    ),
    MaxPooling2D.kind: (
        classified(
            "tiles with ties", (6, 6, 2), Conv2D(3, 3, activation="relu"), MaxPooling2D(), Flatten()
        ),
        classified("rest", (6, 8, 1), Conv2D(3, 2), MaxPooling2D((2, 3)), Flatten()),
        classified("apart", (7, 7, 2), Conv2D(3, 2), MaxPooling2D(2, strides=3), Flatten()),
        classified(
            "overlapping with ties",
            (7, 7, 2),
            Conv2D(3, 3, activation="relu"),
            MaxPooling2D(3, strides=1),
            Flatten(),
        ),
        classified(
            "same, overlapping",
            (7, 6, 2),
            Conv2D(3, 2, activation="relu"),
            MaxPooling2D(3, strides=2, padding="same"),
            Flatten(),
        ),
    ),
    GlobalAveragePooling1D.kind: (
        classified("sequences", (5, 2), Conv1D(3, 2), GlobalAveragePooling1D()),
        classified(
            "with a mask", (6,), Embedding(2, 3, mask_zero=True), GlobalAveragePooling1D(), tokens=2
        ),
    ),
    GlobalAveragePooling2D.kind: (
        classified("images", (5, 4, 2), Conv2D(3, 2), GlobalAveragePooling2D()),
        classified(
            "axes kept",
            (5, 4, 2),
            Conv2D(3, 2),
            GlobalAveragePooling2D(keepdims=True),
            Conv2D(2, 1),
            Flatten(),
        ),
    ),
    GlobalAveragePooling3D.kind: (
        classified("volumes", (3, 3, 2, 1), Conv3D(2, 2), GlobalAveragePooling3D()),
    ),
    GlobalMaxPooling1D.kind: (classified("sequences", (5, 2), Conv1D(3, 2), GlobalMaxPooling1D()),),
    GlobalMaxPooling2D.kind: (
        classified("with ties", (3, 3, 1), Conv2D(3, 2, activation="relu"), GlobalMaxPooling2D()),
        classified(
            "axes kept", (5, 4, 2), Conv2D(3, 2), GlobalMaxPooling2D(keepdims=True), Flatten()
        ),
    ),
    GlobalMaxPooling3D.kind: (
        classified("volumes", (3, 3, 2, 1), Conv3D(2, 2), GlobalMaxPooling3D()),
    ),
    Conv1D.kind: (
        classified("causal", (6, 2), Conv1D(3, 3, padding="causal", activation="tanh"), Flatten()),
        classified(
            "causal, dilated",
            (9, 2),
            Conv1D(2, 3, padding="causal", dilation_rate=2),
            Conv1D(2, 2, padding="same"),
            Flatten(),
        ),
        classified(
            "strides",
            (9, 2),
            Conv1D(3, 3, padding="valid", activation="relu"),
            Conv1D(2, 3, strides=2, padding="same"),
            Flatten(),
        ),
    ),
    Conv1DTranspose.kind: (
        classified(
            "strides",
            (4, 2),
            Conv1D(2, 2),
            Conv1DTranspose(3, 2, strides=3, activation="tanh"),
            Flatten(),
        ),
        classified(
            "same",
            (4, 2),
            Conv1DTranspose(3, 3, strides=2, padding="same"),
            Conv1DTranspose(2, 2),
            Flatten(),
        ),
    ),
    Conv2DTranspose.kind: (
        classified(
            "valid",
            (3, 4, 2),
            Conv2DTranspose(3, 2, activation="relu"),
            Conv2DTranspose(2, (2, 3)),
            Flatten(),
        ),
        classified(
            "strides",
            (3, 3, 1),
            Conv2D(2, 2),
            Conv2DTranspose(2, (3, 2), strides=(2, 3), kernel_regularizer=L2(0.1)),
            Flatten(),
        ),
        classified(
            "strides, same",
            (3, 3, 1),
            Conv2D(2, 2),
            Conv2DTranspose(2, 3, strides=2, padding="same", use_bias=False, activation="tanh"),
            Flatten(),
        ),
    ),
    Conv3DTranspose.kind: (
        classified(
            "strides, same",
            (2, 2, 3, 2),
            Conv3D(2, 1),
            Conv3DTranspose(2, 2, strides=(1, 2, 2), padding="same", activation="tanh"),
            Flatten(),
        ),
    ),
    DepthwiseConv1D.kind: (
        classified(
            "sequences",
            (7, 2),
            DepthwiseConv1D(3, padding="same", depth_multiplier=2),
            DepthwiseConv1D(2, strides=2, activation="tanh"),
            Flatten(),
        ),
    ),
    DepthwiseConv2D.kind: (
        classified(
            "multiplied",
            (6, 5, 2),
            DepthwiseConv2D(3, depth_multiplier=2),
            DepthwiseConv2D((2, 1), activation="relu"),
            Flatten(),
        ),
        classified(
            "strides, same",
            (6, 5, 2),
            Conv2D(3, 2),
            DepthwiseConv2D(3, strides=2, padding="same", activation="tanh", use_bias=False),
            Flatten(),
        ),
        classified(
            "dilation",
            (7, 7, 1),
            Conv2D(3, 2),
            DepthwiseConv2D(2, dilation_rate=(2, 3), depthwise_regularizer=L2(0.1)),
            Flatten(),
        ),
        classified(
            "strides and dilation",
            (9, 9, 1),
            Conv2D(2, 2),
            DepthwiseConv2D(2, strides=2, dilation_rate=2, padding="same"),
            Flatten(),
        ),
    ),
    SeparableConv1D.kind: (
        classified(
            "sequences",
            (7, 2),
            SeparableConv1D(4, 3, padding="same", activation="tanh"),
            SeparableConv1D(2, 2, strides=2),
            Flatten(),
        ),
    ),
    SeparableConv2D.kind: (
        classified(
            "multiplied",
            (6, 5, 2),
            SeparableConv2D(4, 3, depth_multiplier=2, activation="relu"),
            SeparableConv2D(3, 2, use_bias=False),
            Flatten(),
        ),
        classified(
            "strides, same",
            (6, 5, 2),
            Conv2D(3, 2),
            SeparableConv2D(
                3,
                (3, 2),
                strides=2,
                padding="same",
                depthwise_regularizer=L2(0.1),
                pointwise_regularizer=L2(0.2),
            ),
            Flatten(),
        ),
        classified(
            "dilation",
            (7, 7, 1),
            Conv2D(3, 2),
            SeparableConv2D(2, 2, dilation_rate=2, padding="same", activation="tanh"),
            Flatten(),
        ),
    ),
    Conv2D.kind: (
        classified("valid", (6, 5, 2), Conv2D(3, 3, activation="relu"), Flatten()),
        example(
            "same, two layers",
            (5, 6, 1),
            Conv2D(3, (3, 2), padding="same", activation="tanh"),
            Conv2D(2, 3, padding="same"),
            Flatten(),
            Dense(3, "softmax"),
            loss="sparse_categorical_crossentropy",
        ),
        classified(
            "strides",
            (7, 8, 2),
            Conv2D(3, 2, activation="tanh"),
            Conv2D(4, 3, strides=(2, 3), padding="valid", activation="relu"),
            Flatten(),
        ),
        classified(
            "strides, same",
            (7, 8, 2),
            Conv2D(3, 2),
            Conv2D(2, (2, 3), strides=(2, 3), padding="same"),
            Flatten(),
        ),
        classified(
            "strides beyond the kernel",
            (7, 7, 1),
            Conv2D(2, 1),
            Conv2D(2, 2, strides=3, padding="same"),
            Flatten(),
        ),
        classified(
            "dilation",
            (8, 8, 2),
            Conv2D(2, 2),
            Conv2D(3, 3, dilation_rate=(2, 3), activation="tanh"),
            Flatten(),
        ),
        classified(
            "dilation, same",
            (6, 6, 2),
            Conv2D(2, 2),
            Conv2D(3, 3, dilation_rate=2, padding="same"),
            Flatten(),
        ),
        classified(
            "groups", (5, 5, 4), Conv2D(4, 2), Conv2D(6, 3, groups=2, activation="tanh"), Flatten()
        ),
        classified(
            "without bias, L2",
            (5, 5, 2),
            Conv2D(3, 3, use_bias=False, kernel_regularizer=L2(0.1)),
            Flatten(),
        ),
        example(
            "kernel as large as the image",
            (3, 4, 2),
            Conv2D(2, 1, activation="relu"),
            Conv2D(3, (3, 4)),
            Flatten(),
            Dense(1, "sigmoid"),
            loss="binary_crossentropy",
        ),
    ),
    Conv3D.kind: (
        example(
            "strides, same",
            (3, 4, 5, 2),
            Conv3D(2, 2, activation="tanh"),
            Conv3D(2, (2, 1, 2), strides=(1, 2, 2), padding="same", activation="tanh"),
            Flatten(),
            Dense(2, "softmax"),
            loss="categorical_crossentropy",
        ),
    ),
}
"""By the layer's kind."""
