"""The Keras twins of padding, cropping and repetition of positions."""

from __future__ import annotations

from typing import Any

import keras

from keras_baseline.twin import Twin
from scratchnet.layers import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)

MADE = {
    Cropping1D.kind: keras.layers.Cropping1D,
    Cropping2D.kind: keras.layers.Cropping2D,
    Cropping3D.kind: keras.layers.Cropping3D,
    UpSampling1D.kind: keras.layers.UpSampling1D,
    UpSampling2D.kind: keras.layers.UpSampling2D,
    UpSampling3D.kind: keras.layers.UpSampling3D,
    ZeroPadding1D.kind: keras.layers.ZeroPadding1D,
    ZeroPadding2D.kind: keras.layers.ZeroPadding2D,
    ZeroPadding3D.kind: keras.layers.ZeroPadding3D,
}


def resizing(layer: Any, dtype: str) -> Any:
    """``keras.layers.ZeroPadding2D`` or another of the family."""
    [settings] = (
        getattr(layer, field) for field in ("padding", "cropping", "size") if hasattr(layer, field)
    )
    # Along one axis Keras takes the pair, or the number, itself.
    [given] = [settings] if layer.rank > 1 else settings
    return MADE[layer.kind](given, name=layer.name, dtype=dtype)


RESIZING_TWINS: dict[str, Twin] = {kind: Twin(resizing) for kind in MADE}
"""By the layer's kind."""
