"""Layers, a file per family; `LAYERS` lists what exists by the name used in TOML."""

from scratchnet.layers.base import Buffer, Layer, Pass
from scratchnet.layers.dense import Dense

LAYERS: dict[str, type[Layer]] = {layer.kind: layer for layer in (Dense,)}

__all__ = ["LAYERS", "Buffer", "Dense", "Layer", "Pass"]
