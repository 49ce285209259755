"""Layers, a file per family; `LAYERS` lists what exists by the name used in TOML."""

from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.dense import Dense

LAYERS: dict[str, type[Layer]] = {layer.kind: layer for layer in (Dense,)}

__all__ = ["LAYERS", "Dense", "Layer", "Pass", "Weight"]
