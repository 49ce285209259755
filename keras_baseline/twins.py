"""The Keras twin of each layer: the Keras layers that compute its named tensors."""

from __future__ import annotations

from typing import Any

import keras

from keras_baseline.elementary_twins import ELEMENTARY_TWINS
from keras_baseline.image_twins import IMAGE_TWINS
from keras_baseline.regularizers import regularizer
from keras_baseline.resizing_twins import RESIZING_TWINS
from keras_baseline.sequence_twins import SEQUENCE_TWINS, blank
from keras_baseline.twin import Twin
from scratchnet.layers import Dense


def dense(layer: Dense, dtype: str, activation: str | None = None, **options: Any) -> Any:
    """``keras.layers.Dense``."""
    return keras.layers.Dense(
        layer.units,
        activation=layer.activation if activation is None else activation,
        use_bias=layer.use_bias,
        kernel_regularizer=regularizer(layer.kernel_regularizer),
        bias_regularizer=regularizer(layer.bias_regularizer),
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


TWINS: dict[str, Twin] = {
    **ELEMENTARY_TWINS,
    **IMAGE_TWINS,
    **RESIZING_TWINS,
    **SEQUENCE_TWINS,
    Dense.kind: Twin(dense, split_dense),
}
"""By the layer's kind."""
