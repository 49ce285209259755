"""Layers: from inputs and weights to the outputs, and back to the gradients of both."""

from __future__ import annotations

import numpy as np

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.convolution import CONVOLUTIONS
from experiments.parity.exact.formulas.normalization import NORMALIZATIONS
from experiments.parity.exact.formulas.place import (
    Computed,
    Gradients,
    LayerFormula,
    Place,
    as_rows,
    with_shape,
)
from experiments.parity.exact.formulas.pooling import POOLINGS
from experiments.parity.exact.formulas.recurrent import embedding, lstm
from experiments.parity.exact.formulas.resizing import RESIZINGS
from experiments.parity.exact.rounding import Bounded, matmul, stack
from scratchnet.layers import LSTM, Activation, Add, Dense, Dropout, Embedding, Flatten, Layer


def dense(layer: Dense, at: Place) -> Computed:
    """``a = activation(x @ kernel + bias)``, on the last axis."""
    [x] = at.inputs
    kernel, bias = at.weights["kernel"], at.weights.get("bias")
    rows = as_rows(x)
    z = at.keep("pre_activation", with_shape(matmul(rows, kernel, bias), (*x.shape[:-1], -1)))

    def from_logits(gradient: Bounded) -> Gradients:
        dz = as_rows(at.keep("pre_activation_gradient", gradient))
        weights = {"kernel": matmul(rows.T, dz)}
        if bias is not None:
            weights["bias"] = dz.sum(axis=0)
        return Gradients((with_shape(matmul(dz, kernel.T), x.shape),), weights)

    def backward(a: Bounded, da: Bounded) -> Gradients:
        return from_logits(BACKWARD[layer.activation](z, a, da))

    return Computed(FORWARD[layer.activation](z), backward, z, from_logits)


def activation(layer: Activation, at: Place) -> Computed:
    """``a = activation(z)``."""
    [z] = at.inputs
    arguments = layer.arguments or {}
    return Computed(
        FORWARD[layer.activation](z, **arguments),
        lambda a, da: Gradients((BACKWARD[layer.activation](z, a, da, **arguments),)),
        z,
        lambda dz: Gradients((dz,)),
    )


def add(_layer: Add, at: Place) -> Computed:
    """``a = x_1 + x_2 + ...``, in any order."""
    total = stack(at.inputs).sum(axis=0)
    return Computed(total, lambda _a, da: Gradients((da,) * len(at.inputs)))


def dropout(layer: Dropout, at: Place) -> Computed:
    """``a = x / (1 - rate)`` where the mask is 1, else 0; in inference ``a = x``."""
    [x] = at.inputs
    if not at.training:
        return Computed(x, lambda _a, da: Gradients((da,)))
    assert at.noise is not None
    stays = at.noise > 0.5
    nowhere = np.zeros(x.shape, np.bool_)
    scale = x.precision.rounded(1 / (1 - layer.rate))

    def masked(value: Bounded) -> Bounded:
        return (value * scale).passes(stays, nowhere)

    return Computed(masked(x), lambda _a, da: Gradients((masked(da),)))


def flatten(_layer: Flatten, at: Place) -> Computed:
    """All values of a sample in a row."""
    [x] = at.inputs
    return Computed(
        with_shape(x, (x.shape[0], -1)), lambda _a, da: Gradients((with_shape(da, x.shape),))
    )


LAYER: dict[str, LayerFormula] = {
    Activation.kind: activation,
    Add.kind: add,
    **CONVOLUTIONS,
    **NORMALIZATIONS,
    **POOLINGS,
    **RESIZINGS,
    Dense.kind: dense,
    Dropout.kind: dropout,
    Embedding.kind: embedding,
    Flatten.kind: flatten,
    LSTM.kind: lstm,
}
"""By the layer's kind."""


def layer_formula(layer: Layer) -> LayerFormula:
    """Return the formula of a layer.

    Raises
    ------
    NotImplementedError
        If there is none: such a network cannot be judged.
    """
    if layer.kind not in LAYER:
        raise NotImplementedError(
            f"layer {layer.name!r}: no exact formula for {layer.kind!r}; add it to "
            "experiments/parity/exact/formulas/layers.py"
        )
    return LAYER[layer.kind]
