"""The Keras twins of the layers of image networks: convolution, pooling, normalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_baseline.regularizers import regularizer
from keras_baseline.twin import Twin
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
    DepthwiseConv1D,
    DepthwiseConv2D,
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

CONVOLUTIONS = {
    Conv1D.kind: keras.layers.Conv1D,
    Conv2D.kind: keras.layers.Conv2D,
    Conv3D.kind: keras.layers.Conv3D,
}


TRANSPOSED = {
    Conv1DTranspose.kind: keras.layers.Conv1DTranspose,
    Conv2DTranspose.kind: keras.layers.Conv2DTranspose,
    Conv3DTranspose.kind: keras.layers.Conv3DTranspose,
}

DEPTHWISE = {
    DepthwiseConv1D.kind: keras.layers.DepthwiseConv1D,
    DepthwiseConv2D.kind: keras.layers.DepthwiseConv2D,
}

SEPARABLE = {
    SeparableConv1D.kind: keras.layers.SeparableConv1D,
    SeparableConv2D.kind: keras.layers.SeparableConv2D,
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


def transposed(layer: Conv2DTranspose, dtype: str, activation: str | None = None) -> Any:
    """``keras.layers.Conv2DTranspose`` or another of its family."""
    return TRANSPOSED[layer.kind](
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        kernel_regularizer=regularizer(layer.kernel_regularizer),
        name=layer.name,
        dtype=dtype,
    )


def depthwise(layer: DepthwiseConv2D, dtype: str, activation: str | None = None) -> Any:
    """``keras.layers.DepthwiseConv2D`` or ``DepthwiseConv1D``."""
    return DEPTHWISE[layer.kind](
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        dilation_rate=layer.dilation_rate,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        depthwise_regularizer=regularizer(layer.depthwise_regularizer),
        name=layer.name,
        dtype=dtype,
    )


def separable(layer: SeparableConv2D, dtype: str, activation: str | None = None) -> Any:
    """``keras.layers.SeparableConv2D`` or ``SeparableConv1D``."""
    return SEPARABLE[layer.kind](
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        dilation_rate=layer.dilation_rate,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        depthwise_regularizer=regularizer(layer.depthwise_regularizer),
        pointwise_regularizer=regularizer(layer.pointwise_regularizer),
        name=layer.name,
        dtype=dtype,
    )


def convolutional(make: Callable[..., Any]) -> Twin:
    """Return a twin that is split into a linear layer and an ``Activation``."""

    def split(layer: Any, dtype: str) -> dict[str, Any]:
        return {
            "pre_activation": make(layer, dtype, "linear"),
            "activation": keras.layers.Activation(
                layer.activation, name=f"{layer.name}_activation", dtype=dtype
            ),
        }

    return Twin(make, split)


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


def layer_normalization(layer: LayerNormalization, dtype: str) -> Any:
    """``keras.layers.LayerNormalization``, or ``GroupNormalization``."""
    options = {
        "epsilon": layer.epsilon,
        "center": layer.center,
        "scale": layer.scale,
        "name": layer.name,
        "dtype": dtype,
    }
    if isinstance(layer, GroupNormalization):
        return keras.layers.GroupNormalization(groups=layer.groups, **options)
    return keras.layers.LayerNormalization(**options)


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
    **{kind: convolutional(convolution) for kind in CONVOLUTIONS},
    **{kind: convolutional(transposed) for kind in TRANSPOSED},
    **{kind: convolutional(depthwise) for kind in DEPTHWISE},
    **{kind: convolutional(separable) for kind in SEPARABLE},
    **{kind: Twin(pooling) for kind in POOLINGS},
    **{kind: Twin(global_pooling) for kind in GLOBAL_POOLINGS},
    BatchNormalization.kind: Twin(batch_normalization),
    GroupNormalization.kind: Twin(layer_normalization),
    LayerNormalization.kind: Twin(layer_normalization),
    RMSNormalization.kind: Twin(
        lambda layer, dtype: keras.layers.RMSNormalization(
            epsilon=layer.epsilon, name=layer.name, dtype=dtype
        )
    ),
    UnitNormalization.kind: Twin(
        lambda layer, dtype: keras.layers.UnitNormalization(name=layer.name, dtype=dtype)
    ),
}
"""By the layer's kind."""
