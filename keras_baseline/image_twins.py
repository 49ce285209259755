"""The Keras twins of the layers of image networks: convolution, pooling, normalization."""

from __future__ import annotations

from typing import Any

import keras

from keras_baseline.regularizers import regularizer
from keras_baseline.twin import Twin
from scratchnet.layers import BatchNormalization, Conv1D, Conv2D, Conv3D

CONVOLUTIONS = {
    Conv1D.kind: keras.layers.Conv1D,
    Conv2D.kind: keras.layers.Conv2D,
    Conv3D.kind: keras.layers.Conv3D,
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


IMAGE_TWINS: dict[str, Twin] = {
    **{kind: Twin(convolution, split_convolution) for kind in CONVOLUTIONS},
    BatchNormalization.kind: Twin(batch_normalization),
}
"""By the layer's kind."""
