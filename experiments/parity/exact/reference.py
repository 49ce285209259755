"""One training step in higher precision, every tensor with its bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from experiments.parity.exact.formulas import BACKWARD, FORWARD, LOSS, Tensors
from experiments.parity.exact.formulas.optimizers import update
from experiments.parity.exact.rounding import Bounded, Precision, matmul
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.optimizers import Optimizer
from scratchnet.types import Array

Replace = Callable[[str, Bounded, Tensors], Bounded]
"""``(full name, right value, tensors so far) -> value to go on with``."""


def reference_step(
    architecture: Architecture,
    dtype: str,
    snapshot: Snapshot,
    optimizer: Optimizer | None = None,
    twin: Mapping[str, Array] | None = None,
    replace: Replace = lambda _name, right, _tensors: right,
    *,
    fused: bool | None = None,
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
    fused
        Whether loss and last activation are differentiated as one; by default as Keras does.

    Returns
    -------
    dict
        By full name as in `scratchnet.StepTrace`, and ``loss``, in the order of computation.
    """
    on = architecture.conventions
    precision = Precision.of(dtype, on)
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
            matmul(x, weights[f"{name}/kernel"], weights.get(f"{name}/bias")),
        )
        x = keep(f"{name}/activation", FORWARD[layer.activation](z))
        pre_activations.append(z)
        activations.append(x)

    fused = architecture.fused if fused is None else fused
    output = pre_activations[-1] if fused else activations[-1]
    targets = precision.exact(dense_targets(architecture, snapshot.y).astype(precision.dtype))
    loss, gradient = LOSS[architecture.loss, fused](output, targets, on)
    keep("loss", loss)

    weight_gradients: Tensors = {}
    for index in reversed(range(len(layers))):
        layer, name = layers[index], layers[index].name
        if not (fused and index == len(layers) - 1):
            da = keep(f"{name}/activation_gradient", gradient)
            gradient = BACKWARD[layer.activation](pre_activations[index], activations[index], da)
        dz = keep(f"{name}/pre_activation_gradient", gradient)
        kernel = f"{name}/kernel"
        weight_gradients[kernel] = keep(f"{kernel}_gradient", matmul(inputs[index].T, dz))
        if layer.use_bias:
            bias = f"{name}/bias"
            weight_gradients[bias] = keep(f"{bias}_gradient", dz.sum(axis=0))
        gradient = matmul(dz, weights[kernel].T)

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
