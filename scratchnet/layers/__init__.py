"""Layers, a file per family; `LAYERS` lists what exists by the name used in TOML."""

from scratchnet.layers.activation import Activation
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.convolution import Conv1D, Conv2D, Conv3D
from scratchnet.layers.dense import Dense
from scratchnet.layers.embedding import Embedding
from scratchnet.layers.merging import Add
from scratchnet.layers.normalization import BatchNormalization
from scratchnet.layers.random import Dropout
from scratchnet.layers.recurrent import LSTM
from scratchnet.layers.reshaping import Flatten

LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer
    for layer in (
        Activation,
        Add,
        BatchNormalization,
        Conv1D,
        Conv2D,
        Conv3D,
        Dense,
        Dropout,
        Embedding,
        Flatten,
        LSTM,
    )
}

__all__ = [
    "LAYERS",
    "LSTM",
    "Activation",
    "Add",
    "BatchNormalization",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "Pass",
    "Weight",
]
