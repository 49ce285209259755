"""The Keras twins of the layers of image networks: convolution, pooling, normalization."""

from __future__ import annotations

from typing import Any

import keras

from keras_baseline.regularizers import regularizer
from keras_baseline.twin import Twin
from scratchnet.layers import (
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
)

CONVOLUTIONS = {
    Conv1D.kind: keras.layers.Conv1D,
    Conv2D.kind: keras.layers.Conv2D,
    Conv3D.kind: keras.layers.Conv3D,
}


POOLINGS = {
    AveragePooling1D.kind: keras.layers.AveragePooling1D,
    AveragePooling2D.kind: keras.layers.AveragePooling2D,
    MaxPooling1D.kind: keras.layers.MaxPooling1D,
    MaxPooling2D.kind: keras.layers.MaxPooling2D,
}

GLOBAL_POOLINGS = {
    GlobalAveragePooling1D.kind: keras.layers.GlobalAveragePooling1D,
    GlobalAveragePooling2D.kind: keras.layers.GlobalAveragePooling2D,
    GlobalAveragePooling3D.kind: keras.layers.GlobalAveragePooling3D,
    GlobalMaxPooling1D.kind: keras.layers.GlobalMaxPooling1D,
    GlobalMaxPooling2D.kind: keras.layers.GlobalMaxPooling2D,
    GlobalMaxPooling3D.kind: keras.layers.GlobalMaxPooling3D,
}


def convolution(layer: Conv2D, dtype: str, activation: str | None = None) -> Any:
    """``keras.layers.Conv2D`` or another of its family."""
    return CONVOLUTIONS[layer.kind](
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        groups=layer.groups,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        kernel_regularizer=regularizer(layer.kernel_regularizer),
        name=layer.name,
        dtype=dtype,
    )


def split_convolution(layer: Conv2D, dtype: str) -> dict[str, Any]:
    """A linear convolution, and an ``Activation``: what Keras's layer does inside."""
    return {
        "pre_activation": convolution(layer, dtype, "linear"),
        "activation": keras.layers.Activation(
            layer.activation, name=f"{layer.name}_activation", dtype=dtype
        ),
    }


def batch_normalization(layer: BatchNormalization, dtype: str) -> Any:
    """``keras.layers.BatchNormalization``."""
    return keras.layers.BatchNormalization(
        momentum=layer.momentum,
        epsilon=layer.epsilon,
        center=layer.center,
        scale=layer.scale,
        name=layer.name,
        dtype=dtype,
    )


def pooling(layer: Any, dtype: str) -> Any:
    """``keras.layers.MaxPooling2D`` or another of its family."""
    return POOLINGS[layer.kind](
        layer.pool_size,
        strides=layer.strides,
        padding=layer.padding,
        name=layer.name,
        dtype=dtype,
    )


def global_pooling(layer: Any, dtype: str) -> Any:
    """``keras.layers.GlobalMaxPooling2D`` or another of its family."""
    return GLOBAL_POOLINGS[layer.kind](keepdims=layer.keepdims, name=layer.name, dtype=dtype)


IMAGE_TWINS: dict[str, Twin] = {
    **{kind: Twin(convolution, split_convolution) for kind in CONVOLUTIONS},
    **{kind: Twin(pooling) for kind in POOLINGS},
    **{kind: Twin(global_pooling) for kind in GLOBAL_POOLINGS},
    BatchNormalization.kind: Twin(batch_normalization),
}
"""By the layer's kind."""
