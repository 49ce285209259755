"""The Keras twin of an architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from scratchnet.architecture import Architecture
from scratchnet.layers import Dense, Layer

TWINS: dict[str, Callable[[Any, str, str], Any]] = {
    Dense.kind: lambda layer, activation, dtype: keras.layers.Dense(
        layer.units,
        activation=activation,
        use_bias=layer.use_bias,
        name=layer.name,
        dtype=dtype,
    ),
}
"""Keras twin of each layer, by kind: ``(layer, activation, dtype) -> keras.layers.Layer``."""


def build(architecture: Architecture, dtype: str) -> Any:
    """Make the Keras model of an architecture.

    Parameters
    ----------
    architecture
        What to build. Initial weights are Keras's own; see `keras_baseline.weights`.
    dtype
        ``"float32"`` or ``"float64"``: the dtype policy of every layer. Keras's global
        ``floatx`` is neither used nor changed.

    Returns
    -------
    keras.Model
        Its layers bear the architecture's names.
    """
    inputs = keras.Input(architecture.input_shape, dtype=dtype)
    outputs = inputs
    for layer in architecture.layers:
        outputs = TWINS[layer.kind](layer, _activation(layer), dtype)(outputs)
    return keras.Model(inputs, outputs)


def build_traced(architecture: Architecture, dtype: str) -> Any:
    """Make a Keras model that returns every pre-activation and activation.

    Each layer is split into its linear part and a ``keras.layers.Activation``, which is what
    Keras's layers do inside.

    Returns
    -------
    keras.Model
        Its outputs are a dict by full name: ``dense_1/pre_activation``, ``dense_1/activation``.
        On JAX it has a further input for each output, in their order: what to add to it, see
        `keras_baseline.backends.jax.differentiate`.
    """
    inputs = keras.Input(architecture.input_shape, dtype=dtype)
    added: list[Any] = []
    outputs: dict[str, Any] = {}

    def keep(name: str, tensor: Any) -> Any:
        if keras.config.backend() == "jax":
            added.append(keras.Input(tensor.shape[1:], dtype=dtype))
            tensor = keras.layers.Add(dtype=dtype)([tensor, added[-1]])
        outputs[name] = tensor
        return tensor

    hidden = inputs
    for layer in architecture.layers:
        hidden = TWINS[layer.kind](layer, "linear", dtype)(hidden)
        hidden = keep(f"{layer.name}/pre_activation", hidden)
        hidden = keras.layers.Activation(_activation(layer), dtype=dtype)(hidden)
        hidden = keep(f"{layer.name}/activation", hidden)
    return keras.Model([inputs, *added] if added else inputs, outputs)


def build_loss(architecture: Architecture, dtype: str) -> Any:
    """Make the Keras loss in the network's dtype.

    A loss of the default dtype would turn a float64 prediction into float32, and lose the logits
    that Keras keeps on it (see `Architecture.fused`).
    """
    losses = {
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "mean_squared_error": keras.losses.MeanSquaredError,
    }
    return losses[architecture.loss](dtype=dtype)


def build_accuracy(architecture: Architecture, dtype: str) -> Any:
    """Make the metric that ``metrics=["accuracy"]`` chooses, in the network's dtype."""
    if architecture.units == 1:
        return keras.metrics.BinaryAccuracy(name="accuracy", dtype=dtype)
    if architecture.loss == "sparse_categorical_crossentropy":
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy", dtype=dtype)
    return keras.metrics.CategoricalAccuracy(name="accuracy", dtype=dtype)


def _activation(layer: Layer) -> str:
    return layer.activation if isinstance(layer, Dense) else "linear"
