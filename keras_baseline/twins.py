"""The Keras twin of each layer: the Keras layers that compute its named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_baseline.image_twins import IMAGE_TWINS
from keras_baseline.regularizers import regularizer
from keras_baseline.resizing_twins import RESIZING_TWINS
from keras_baseline.twin import Twin
from scratchnet.layers import LSTM, Activation, Add, Dense, Dropout, Embedding, Flatten
from scratchnet.types import Array


def blank(shape: tuple[int, ...], dtype: Any = None) -> Array:
    """Initialize a weight that is set before it is used: JAX would compile a random one."""
    return np.zeros(shape, dtype)


def dense(layer: Dense, dtype: str, activation: str | None = None, **options: Any) -> Any:
    """``keras.layers.Dense``."""
    return keras.layers.Dense(
        layer.units,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        kernel_regularizer=regularizer(layer.kernel_regularizer),
        name=layer.name,
        dtype=dtype,
        **options,
    )


def split_dense(layer: Dense, dtype: str) -> dict[str, Any]:
    """A linear ``Dense``, and an ``Activation``: what Keras's layer does inside."""
    return {
        "pre_activation": dense(
            layer, dtype, "linear", kernel_initializer=blank, bias_initializer=blank
        ),
        "activation": keras.layers.Activation(
            layer.activation, name=f"{layer.name}_activation", dtype=dtype
        ),
    }


def activation_with(name: str, arguments: Mapping[str, Any] | None) -> Any:
    """Return a Keras activation with arguments."""
    if not arguments:
        return name
    function = keras.activations.get(name)
    return lambda x: function(x, **arguments)


class GivenDropout(keras.layers.Layer):  # type: ignore[misc]
    """``keras.layers.Dropout`` with the mask as a second input: 1 where a value stays."""

    def __init__(self, rate: float, **options: Any) -> None:
        super().__init__(**options)
        self.rate = rate
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return ``x / (1 - rate)`` where the mask is 1, else 0."""
        x, mask = inputs
        if not training:
            return x
        # As keras.backend.random.dropout on TensorFlow computes it.
        scaled = x * (1.0 / (1.0 - self.rate))
        return keras.ops.where(keras.ops.greater(mask, 0.5), scaled, keras.ops.zeros_like(scaled))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the values."""
        return input_shape[0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002
        """Return the mask of the values: which time steps count."""
        return mask[0] if mask else None


TWINS: dict[str, Twin] = {
    Activation.kind: Twin(
        lambda layer, dtype: keras.layers.Activation(
            activation_with(layer.activation, layer.arguments), name=layer.name, dtype=dtype
        )
    ),
    Add.kind: Twin(lambda layer, dtype: keras.layers.Add(name=layer.name, dtype=dtype)),
    **IMAGE_TWINS,
    **RESIZING_TWINS,
    Dense.kind: Twin(dense, split_dense),
    Dropout.kind: Twin(
        lambda layer, dtype: keras.layers.Dropout(layer.rate, name=layer.name, dtype=dtype),
        given_noise=lambda layer, dtype: GivenDropout(layer.rate, name=layer.name, dtype=dtype),
    ),
    Embedding.kind: Twin(
        lambda layer, dtype: keras.layers.Embedding(
            layer.input_dim,
            layer.output_dim,
            mask_zero=layer.mask_zero,
            embeddings_initializer=blank,
            name=layer.name,
            dtype=dtype,
        )
    ),
    LSTM.kind: Twin(
        lambda layer, dtype: keras.layers.LSTM(
            layer.units,
            activation=layer.activation,
            recurrent_activation=layer.recurrent_activation,
            use_bias=layer.use_bias,
            unit_forget_bias=layer.unit_forget_bias,
            return_sequences=layer.return_sequences,
            go_backwards=layer.go_backwards,
            kernel_initializer=blank,
            recurrent_initializer=blank,
            bias_initializer=blank,
            name=layer.name,
            dtype=dtype,
        )
    ),
    Flatten.kind: Twin(lambda layer, dtype: keras.layers.Flatten(name=layer.name, dtype=dtype)),
}
"""By the layer's kind."""
