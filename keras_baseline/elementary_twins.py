"""The Keras twins of layers that compute value by value, move values or merge inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_baseline.regularizers import regularizer
from keras_baseline.twin import Twin
from scratchnet.layers import (
    ELU,
    Activation,
    Add,
    AlphaDropout,
    Average,
    Concatenate,
    Dot,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Identity,
    Layer,
    LeakyReLU,
    Maximum,
    Minimum,
    Multiply,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Softmax,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    Subtract,
)


def activation_with(name: str, arguments: Mapping[str, Any] | None) -> Any:
    """Return a Keras activation with arguments."""
    if not arguments:
        return name
    function = keras.activations.get(name)
    return lambda x: function(x, **arguments)


def activation(layer: Activation, dtype: str) -> Any:
    """``keras.layers.Activation``."""
    function = activation_with(layer.activation, layer.arguments)
    return keras.layers.Activation(function, name=layer.name, dtype=dtype)


def prelu(layer: PReLU, dtype: str) -> Any:
    """``keras.layers.PReLU``."""
    return keras.layers.PReLU(
        alpha_regularizer=regularizer(layer.alpha_regularizer),
        shared_axes=layer.shared_axes or None,
        name=layer.name,
        dtype=dtype,
    )


def normalization(layer: Normalization, dtype: str) -> Any:
    """``keras.layers.Normalization``."""
    return keras.layers.Normalization(
        axis=-1 if isinstance(layer.mean, tuple) else None,
        mean=layer.mean,
        variance=layer.variance,
        invert=layer.invert,
        name=layer.name,
        dtype=dtype,
    )


class Given(keras.layers.Layer):  # type: ignore[misc]
    """A layer that is given its random numbers as a second input.

    Parameters
    ----------
    function
        ``(x, noise) -> outputs`` in training; in inference they are ``x``.
    """

    def __init__(self, function: Callable[[Any, Any], Any], **options: Any) -> None:
        super().__init__(**options)
        self.function = function
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the function of the two in training, else the values."""
        return self.function(*inputs) if training else inputs[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the values."""
        return input_shape[0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002
        """Return the mask of the values: which time steps count."""
        return mask[0] if mask else None


def given_dropout(layer: Dropout, dtype: str) -> Any:
    """``keras.layers.Dropout`` that is given the mask: 1 where a value stays."""

    def dropped(x: Any, mask: Any) -> Any:
        # As keras.backend.random.dropout on TensorFlow computes it.
        scaled = x * (1.0 / (1.0 - layer.rate))
        return keras.ops.where(keras.ops.greater(mask, 0.5), scaled, keras.ops.zeros_like(scaled))

    return Given(dropped, name=layer.name, dtype=dtype)


def given_alpha_dropout(layer: AlphaDropout, dtype: str) -> Any:
    """``keras.layers.AlphaDropout`` that is given the mask: 1 where a value stays."""
    lowest, scale, shift = layer.constants()
    return Given(
        lambda x, mask: scale * (x * mask + lowest * (1 - mask)) + shift,
        name=layer.name,
        dtype=dtype,
    )


def _made(keras_class: Any, *fields: str) -> Callable[[Any, str], Any]:
    """Return what makes a Keras layer whose arguments are called as the fields are."""

    def make(layer: Layer, dtype: str) -> Any:
        arguments = {field: getattr(layer, field) for field in fields}
        return keras_class(**arguments, name=layer.name, dtype=dtype)

    return make


ELEMENTARY_TWINS: dict[str, Twin] = {
    Activation.kind: Twin(activation),
    Add.kind: Twin(_made(keras.layers.Add)),
    AlphaDropout.kind: Twin(_made(keras.layers.AlphaDropout, "rate"), None, given_alpha_dropout),
    Average.kind: Twin(_made(keras.layers.Average)),
    Concatenate.kind: Twin(_made(keras.layers.Concatenate, "axis")),
    Dot.kind: Twin(_made(keras.layers.Dot, "axes")),
    Dropout.kind: Twin(_made(keras.layers.Dropout, "rate"), None, given_dropout),
    ELU.kind: Twin(_made(keras.layers.ELU, "alpha")),
    Flatten.kind: Twin(_made(keras.layers.Flatten)),
    GaussianDropout.kind: Twin(
        _made(keras.layers.GaussianDropout, "rate"),
        None,
        lambda layer, dtype: Given(lambda x, noise: x * noise, name=layer.name, dtype=dtype),
    ),
    GaussianNoise.kind: Twin(
        _made(keras.layers.GaussianNoise, "stddev"),
        None,
        lambda layer, dtype: Given(lambda x, noise: x + noise, name=layer.name, dtype=dtype),
    ),
    Identity.kind: Twin(_made(keras.layers.Identity)),
    LeakyReLU.kind: Twin(_made(keras.layers.LeakyReLU, "negative_slope")),
    Maximum.kind: Twin(_made(keras.layers.Maximum)),
    Minimum.kind: Twin(_made(keras.layers.Minimum)),
    Multiply.kind: Twin(_made(keras.layers.Multiply)),
    Normalization.kind: Twin(normalization),
    PReLU.kind: Twin(prelu),
    Permute.kind: Twin(_made(keras.layers.Permute, "dims")),
    ReLU.kind: Twin(_made(keras.layers.ReLU, "max_value", "negative_slope", "threshold")),
    RepeatVector.kind: Twin(_made(keras.layers.RepeatVector, "n")),
    Rescaling.kind: Twin(_made(keras.layers.Rescaling, "scale", "offset")),
    Reshape.kind: Twin(_made(keras.layers.Reshape, "target_shape")),
    Softmax.kind: Twin(_made(keras.layers.Softmax, "axis")),
    SpatialDropout1D.kind: Twin(_made(keras.layers.SpatialDropout1D, "rate"), None, given_dropout),
    SpatialDropout2D.kind: Twin(_made(keras.layers.SpatialDropout2D, "rate"), None, given_dropout),
    SpatialDropout3D.kind: Twin(_made(keras.layers.SpatialDropout3D, "rate"), None, given_dropout),
    Subtract.kind: Twin(_made(keras.layers.Subtract)),
}
"""By the layer's kind."""
