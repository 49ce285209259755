"""The Keras twins of embeddings and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_baseline.regularizers import regularizer
from keras_baseline.twin import Twin
from scratchnet.layers import GRU, LSTM, Embedding, SimpleRNN
from scratchnet.types import Array


def blank(shape: tuple[int, ...], dtype: Any = None) -> Array:
    """Initialize a weight that is set before it is used: JAX would compile a random one."""
    return np.zeros(shape, dtype)


def embedding(layer: Embedding, dtype: str) -> Any:
    """``keras.layers.Embedding``."""
    return keras.layers.Embedding(
        layer.input_dim,
        layer.output_dim,
        mask_zero=layer.mask_zero,
        embeddings_initializer=blank,
        name=layer.name,
        dtype=dtype,
    )


def recurrent(keras_class: Any, *fields: str) -> Callable[[Any, str], Any]:
    """Return what makes a recurrent layer; `fields` are those that only this one has."""

    def make(layer: Any, dtype: str) -> Any:
        own = {field: getattr(layer, field) for field in fields}
        return keras_class(
            layer.units,
            activation=layer.activation,
            use_bias=layer.use_bias,
            kernel_initializer=blank,
            recurrent_initializer=blank,
            bias_initializer=blank,
            kernel_regularizer=regularizer(layer.kernel_regularizer),
            recurrent_regularizer=regularizer(layer.recurrent_regularizer),
            bias_regularizer=regularizer(layer.bias_regularizer),
            dropout=layer.dropout,
            recurrent_dropout=layer.recurrent_dropout,
            return_sequences=layer.return_sequences,
            go_backwards=layer.go_backwards,
            name=layer.name,
            dtype=dtype,
            **own,
        )

    return make


class GivenMasks(keras.layers.Layer):  # type: ignore[misc]
    """A recurrent layer that is given the masks of its dropout as a second input.

    Parameters
    ----------
    layer
        As scratchnet has it.
    inner
        The Keras layer.
    """

    def __init__(self, layer: Any, inner: Any, **options: Any) -> None:
        super().__init__(**options)
        self.layer, self.inner = layer, inner
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the weights of the layer inside."""
        self.inner.build(input_shape[0])

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """Return the layer's outputs; its cell keeps the masks that it finds."""
        x, noise = inputs
        if training:
            inputs, states = self.layer.mask_places(x.shape[-1])
            for kept, rate, places in (
                ("_dropout_mask", self.layer.dropout, inputs),
                ("_recurrent_dropout_mask", self.layer.recurrent_dropout, states),
            ):
                masks = [noise[:, place] * (1.0 / (1.0 - rate)) for place in places]
                if masks:
                    setattr(self.inner.cell, kept, masks if len(masks) > 1 else masks[0])
        return self.inner(x, mask=mask[0] if mask else None, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the layer inside."""
        return self.inner.compute_output_shape(input_shape[0])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the layer inside."""
        return self.inner.compute_mask(inputs[0], mask[0]) if mask else None


def given(make: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return what makes the layer that is given its masks."""
    return lambda layer, dtype: GivenMasks(layer, make(layer, dtype), name=layer.name, dtype=dtype)


_SIMPLE = recurrent(keras.layers.SimpleRNN)
_LSTM = recurrent(keras.layers.LSTM, "recurrent_activation", "unit_forget_bias")
_GRU = recurrent(keras.layers.GRU, "recurrent_activation", "reset_after")

SEQUENCE_TWINS: dict[str, Twin] = {
    Embedding.kind: Twin(embedding),
    GRU.kind: Twin(_GRU, None, given(_GRU)),
    LSTM.kind: Twin(_LSTM, None, given(_LSTM)),
    SimpleRNN.kind: Twin(_SIMPLE, None, given(_SIMPLE)),
}
"""By the layer's kind."""
