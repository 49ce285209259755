"""The Keras twin of an architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_baseline.twins import TWINS
from scratchnet.architecture import INPUT, Architecture
from scratchnet.layers import Layer
from scratchnet.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)


def build(architecture: Architecture, dtype: str, *, given_noise: bool = False) -> Any:
    """Make the Keras model of an architecture.

    Parameters
    ----------
    architecture
        What to build. Initial weights are Keras's own; see `keras_baseline.weights`.
    dtype
        ``"float32"`` or ``"float64"``: the dtype policy of every layer. Keras's global
        ``floatx`` is neither used nor changed.
    given_noise
        Whether layers that draw random numbers take them as further inputs of the model instead,
        in the order of the layers, so that another implementation can be given the same.

    Returns
    -------
    keras.Model
        Its layers bear the architecture's names.
    """
    inputs = keras.Input(architecture.input_shape, dtype=dtype)
    noise: list[Any] = []
    outputs = {INPUT: inputs}
    for layer in architecture.layers:
        sources = [outputs[source] for source in architecture.sources(layer)]
        if given_noise and layer.needs_noise:
            twin = _given(layer, dtype)
            sources.append(_noise_input(architecture, layer, dtype, noise))
        else:
            twin = TWINS[layer.kind].make(layer, dtype)
        outputs[layer.name] = twin(sources[0] if len(sources) == 1 else sources)
    return keras.Model([inputs, *noise] if noise else inputs, outputs[architecture.layers[-1].name])


class Added(keras.layers.Layer):  # type: ignore[misc]
    """``x + added``, with the mask of x: ``keras.layers.Add`` would drop it."""

    def call(self, inputs: Any) -> Any:
        """Return the sum."""
        x, added = inputs
        return x + added

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002 - Keras calls it so
        """Return the mask of x."""
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of x."""
        return input_shape[0]


def build_traced(architecture: Architecture, dtype: str) -> Any:
    """Make a Keras model that returns every named tensor of its layers.

    Layers are split into what computes each tensor, which is what Keras's layers do inside; those
    that draw random numbers take them as inputs, see `build`.

    Returns
    -------
    keras.Model
        Its outputs are a dict by full name: ``dense_1/pre_activation``, ``dense_1/activation``.
        On JAX it has a further input for each output, in their order: what to add to it, see
        `keras_baseline.backends.jax.differentiate`.
    """
    inputs = keras.Input(architecture.input_shape, dtype=dtype)
    noise: list[Any] = []
    added: list[Any] = []
    named: dict[str, Any] = {}

    def keep(name: str, tensor: Any) -> Any:
        if keras.config.backend() == "jax":
            added.append(keras.Input(tensor.shape[1:], dtype=dtype))
            tensor = Added(dtype=dtype)([tensor, added[-1]])
        named[name] = tensor
        return tensor

    outputs = {INPUT: inputs}
    for layer in architecture.layers:
        hidden = [outputs[source] for source in architecture.sources(layer)]
        parts = TWINS[layer.kind].parts(layer, dtype)
        if layer.needs_noise:
            parts = {"activation": _given(layer, dtype)}
            hidden.append(_noise_input(architecture, layer, dtype, noise))
        for short, part in parts.items():
            tensor = part(hidden[0] if len(hidden) == 1 else hidden)
            hidden = [keep(f"{layer.name}/{short}", tensor)]
        outputs[layer.name] = hidden[0]
    every = [inputs, *noise, *added]
    return keras.Model(every if len(every) > 1 else inputs, named)


def _given(layer: Layer, dtype: str) -> Any:
    """Return the twin that takes its random numbers as a second input."""
    given = TWINS[layer.kind].given_noise
    if given is None:
        raise NotImplementedError(f"layer {layer.name!r}: no twin of {layer.kind!r} takes noise")
    return given(layer, dtype)


def _noise_input(architecture: Architecture, layer: Layer, dtype: str, noise: list[Any]) -> Any:
    noise.append(keras.Input(architecture.noise_shape(layer), dtype=dtype))
    return noise[-1]


LOSS_TWINS: dict[str, Callable[[Any, str], Any]] = {
    BinaryCrossentropy.name: lambda loss, dtype: keras.losses.BinaryCrossentropy(
        from_logits=loss.from_logits, label_smoothing=loss.label_smoothing, dtype=dtype
    ),
    CategoricalCrossentropy.name: lambda loss, dtype: keras.losses.CategoricalCrossentropy(
        from_logits=loss.from_logits, label_smoothing=loss.label_smoothing, dtype=dtype
    ),
    SparseCategoricalCrossentropy.name: (
        lambda loss, dtype: keras.losses.SparseCategoricalCrossentropy(
            from_logits=loss.from_logits, dtype=dtype
        )
    ),
    MeanSquaredError.name: lambda _loss, dtype: keras.losses.MeanSquaredError(dtype=dtype),
}
"""Keras twin of each loss, by name."""


def build_loss(architecture: Architecture, dtype: str) -> Any:
    """Make the Keras loss in the network's dtype.

    A loss of the default dtype would turn a float64 prediction into float32, and lose the logits
    that Keras keeps on it (see `Architecture.fused`).
    """
    loss: Loss = architecture.loss
    return LOSS_TWINS[loss.name](loss, dtype)


def build_accuracy(architecture: Architecture, dtype: str) -> Any:
    """Make the metric that ``metrics=["accuracy"]`` chooses, in the network's dtype."""
    if architecture.units == 1:
        return keras.metrics.BinaryAccuracy(name="accuracy", dtype=dtype)
    if architecture.loss.sparse:
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy", dtype=dtype)
    return keras.metrics.CategoricalAccuracy(name="accuracy", dtype=dtype)
