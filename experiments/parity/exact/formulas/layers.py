"""Layers: from inputs and weights to the outputs, and back to the gradients of both."""

from __future__ import annotations

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.convolution import CONVOLUTIONS
from experiments.parity.exact.formulas.elementary import ELEMENTARY
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
from experiments.parity.exact.formulas.recurrent import RECURRENT
from experiments.parity.exact.formulas.resizing import RESIZINGS
from experiments.parity.exact.rounding import Bounded, matmul
from scratchnet.layers import Dense, Layer


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


LAYER: dict[str, LayerFormula] = {
    **CONVOLUTIONS,
    **ELEMENTARY,
    **NORMALIZATIONS,
    **POOLINGS,
    **RECURRENT,
    **RESIZINGS,
    Dense.kind: dense,
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
