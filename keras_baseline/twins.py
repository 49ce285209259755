"""The Keras twin of each layer: the Keras layers that compute its named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from scratchnet.layers import Dense, Layer
from scratchnet.regularizers import L2, Regularizer

Made = Callable[[Any, str], Any]
"""``(layer, dtype) -> keras.layers.Layer``."""


def _whole(layer: Layer, dtype: str) -> dict[str, Any]:
    return {"activation": TWINS[layer.kind].make(layer, dtype)}


@dataclass(frozen=True)
class Twin:
    """How Keras writes a layer.

    Attributes
    ----------
    make
        ``(layer, dtype)``: the layer as Keras users write it.
    split
        ``(layer, dtype)``: Keras layers by the tensor that each computes from the one before, the
        last being ``activation``. Weights are in the first, which bears the layer's name.
    given_noise
        ``(layer, dtype)``, for layers that draw random numbers: a Keras layer that is given them
        as a second input instead.
    """

    make: Made
    split: Callable[[Any, str], Mapping[str, Any]] = _whole
    given_noise: Made | None = None


def dense(layer: Dense, dtype: str, activation: str | None = None) -> Any:
    """``keras.layers.Dense``."""
    return keras.layers.Dense(
        layer.units,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        kernel_regularizer=regularizer(layer.kernel_regularizer),
        name=layer.name,
        dtype=dtype,
    )


def split_dense(layer: Dense, dtype: str) -> dict[str, Any]:
    """A linear ``Dense``, and an ``Activation``: what Keras's layer does inside."""
    return {
        "pre_activation": dense(layer, dtype, "linear"),
        "activation": keras.layers.Activation(layer.activation, dtype=dtype),
    }


def regularizer(rule: Regularizer | None) -> Any:
    """Return the Keras regularizer."""
    return None if rule is None else REGULARIZER_TWINS[rule.name](rule)


REGULARIZER_TWINS: dict[str, Callable[[Any], Any]] = {
    L2.name: lambda rule: keras.regularizers.L2(rule.l2),
}
"""By the regularizer's name."""

TWINS: dict[str, Twin] = {
    Dense.kind: Twin(dense, split_dense),
}
"""By the layer's kind."""
