"""One training step in higher precision, every tensor with its bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.formulas import BACKWARD, FORWARD, LOSS, Tensors
from experiments.parity.formulas.in_float32 import (
    matmul_in_float32,
    mean_in_float32,
    tanh_backward_in_float32,
    tanh_in_float32,
)
from experiments.parity.formulas.optimizers import update
from experiments.parity.rounding import Bounded, Precision, matmul
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.optimizers import Optimizer

Array = NDArray[Any]


Replace = Callable[[str, Bounded, Tensors], Bounded]
"""``(full name, right value, tensors so far) -> value to go on with``."""


def reference_step(
    architecture: Architecture,
    dtype: str,
    snapshot: Snapshot,
    optimizer: Optimizer | None = None,
    twin: Mapping[str, Array] | None = None,
    replace: Replace = lambda _name, right, _tensors: right,
) -> Tensors:
    """Compute every tensor of one training step, with bounds.

    Parameters
    ----------
    architecture, dtype, optimizer
        What is judged.
    snapshot
        Where the step starts.
    twin
        Tensors of the Keras twin by full name. With them every operation is fed the twin's own
        inputs (lockstep, layer by layer), and bounds hold for one operation each. Without, they
        are propagated through the whole step.
    replace
        Asked for every tensor, so that one may be replaced to see what would come of it.

    Returns
    -------
    dict
        By full name as in `scratchnet.StepTrace`, and ``loss``, in the order of computation.
    """
    precision, on = Precision.of(dtype), architecture.conventions
    # What the backend computes in float32 even in a float64 network.
    in_float32 = on.float32_operations if dtype == "float64" else frozenset()
    product = matmul_in_float32 if "matmul" in in_float32 else matmul
    found: Tensors = {}

    def keep(name: str, bounded: Bounded) -> Bounded:
        """Record a tensor, and return what the next operation starts from."""
        found[name] = replace(name, bounded, found)
        return found[name] if twin is None or name not in twin else precision.exact(twin[name])

    layers = [layer for layer in architecture.layers if isinstance(layer, Dense)]
    weights = {name: precision.exact(value) for name, value in snapshot.weights.items()}

    x = precision.exact(snapshot.x.astype(precision.dtype))
    inputs, pre_activations, activations = [], [], []
    for layer in layers:
        name = layer.name
        inputs.append(x)
        z = keep(
            f"{name}/pre_activation",
            product(x, weights[f"{name}/kernel"], weights.get(f"{name}/bias")),
        )
        x = FORWARD[layer.activation](z)
        if layer.activation in in_float32:
            x = tanh_in_float32(x)
        x = keep(f"{name}/activation", x)
        pre_activations.append(z)
        activations.append(x)

    fused = architecture.fused
    output = pre_activations[-1] if fused else activations[-1]
    targets = precision.exact(dense_targets(architecture, snapshot.y).astype(precision.dtype))
    loss, gradient = LOSS[architecture.loss, fused](output, targets, on)
    if not in_float32.isdisjoint(("mean", "divide_no_nan")):
        loss, gradient = mean_in_float32(loss, gradient, output.value.size)
    keep("loss", loss)

    weight_gradients: Tensors = {}
    for index in reversed(range(len(layers))):
        layer, name = layers[index], layers[index].name
        if not (fused and index == len(layers) - 1):
            da = keep(f"{name}/activation_gradient", gradient)
            gradient = BACKWARD[layer.activation](pre_activations[index], activations[index], da)
            if layer.activation in in_float32:
                gradient = tanh_backward_in_float32(da, gradient)
        dz = keep(f"{name}/pre_activation_gradient", gradient)
        kernel = f"{name}/kernel"
        weight_gradients[kernel] = keep(f"{kernel}_gradient", product(inputs[index].T, dz))
        if layer.use_bias:
            bias = f"{name}/bias"
            weight_gradients[bias] = keep(f"{bias}_gradient", dz.sum(axis=0))
        gradient = product(dz, weights[kernel].T)

    if optimizer is not None:
        for name, w in weights.items():
            slots = {
                slot: precision.exact(snapshot.slots.get(f"{name}_{slot}", np.zeros(w.shape)))
                for slot in optimizer.slots
            }
            updated, new_slots = update(
                optimizer, w, weight_gradients[name], slots, snapshot.step + 1, on
            )
            for slot, value in new_slots.items():
                keep(f"{name}_{slot}", value)
            keep(f"{name}_updated", updated)
    return found


def dense_targets(architecture: Architecture, y: Array) -> Array:
    """Return targets as numbers ``(samples, units)``, one-hot where they are classes."""
    if architecture.loss == "sparse_categorical_crossentropy":
        y = y.reshape(-1, 1) == np.arange(architecture.units)
    return y.astype(np.float64)
