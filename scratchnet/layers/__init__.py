"""Layers, a file per family; `LAYERS` lists what exists by the name used in TOML."""

from scratchnet.layers.activation import Activation
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.dense import Dense
from scratchnet.layers.merging import Add
from scratchnet.layers.random import Dropout
from scratchnet.layers.reshaping import Flatten

LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer for layer in (Activation, Add, Dense, Dropout, Flatten)
}

__all__ = ["LAYERS", "Activation", "Add", "Dense", "Dropout", "Flatten", "Layer", "Pass", "Weight"]
