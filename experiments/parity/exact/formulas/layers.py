"""Layers: from inputs and weights to the outputs, and back to the gradients of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
import numpy as np
from experiments.parity.exact.rounding import Bounded, matmul, stack
from scratchnet.layers import Activation, Add, Dense, Dropout, Flatten, Layer
from scratchnet.types import Array


@dataclass(frozen=True)
class Place:
    """What a layer's formula starts from.

    Attributes
    ----------
    inputs
        What the layer reads, ``(samples, ...)`` each.
    weights
        By short name.
    noise
        What `scratchnet.noise.draw_noise` drew for the layer; None where it needs none.
    keep
        ``(short name, value)``: records a named tensor between inputs and outputs, and returns
        what to go on with: the value, or the twin's in lockstep.
    training
        Whether the layer runs as in training or as in inference.
    """

    inputs: tuple[Bounded, ...]
    weights: Mapping[str, Bounded]
    noise: Array | None
    keep: Callable[[str, Bounded], Bounded]
    training: bool = True


@dataclass(frozen=True)
class Gradients:
    """What a layer's backward formula computes.

    Attributes
    ----------
    inputs
        The gradient of each input.
    weights
        Of each trained weight by its short name.
    """

    inputs: tuple[Bounded, ...]
    weights: Mapping[str, Bounded] = field(default_factory=dict)


@dataclass(frozen=True)
class Computed:
    """A layer's forward formula, done, and its backward formula.

    Attributes
    ----------
    outputs
        ``(samples, ...)``.
    backward
        ``(outputs, gradient of the outputs)``: the outputs are those to go on with, the twin's in
        lockstep.
    logits
        What a loss that is fused with the layer's activation works on; None where there is none.
    backward_from_logits
        From the gradient of the logits.
    updates
        What a step of training leaves in weights that no optimizer changes, by short name.
    """

    outputs: Bounded
    backward: Callable[[Bounded, Bounded], Gradients]
    logits: Bounded | None = None
    backward_from_logits: Callable[[Bounded], Gradients] | None = None
    updates: Mapping[str, Bounded] = field(default_factory=dict)


LayerFormula = Callable[[Any, Place], Computed]


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
    return Computed(
        FORWARD[layer.activation](z),
        lambda a, da: Gradients((BACKWARD[layer.activation](z, a, da),)),
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
    Dense.kind: dense,
    Dropout.kind: dropout,
    Flatten.kind: flatten,
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


def as_rows(x: Bounded) -> Bounded:
    """Return ``(samples, ..., channels)`` as ``(rows, channels)``."""
    return x if len(x.shape) == 2 else with_shape(x, (-1, x.shape[-1]))


def with_shape(x: Bounded, shape: tuple[int, ...]) -> Bounded:
    """Return the same values in another shape."""
    return x.map(lambda values: values.reshape(shape))
