"""One training step in higher precision, every tensor with its bound."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from experiments.parity.exact.formulas import REGULARIZER, Tensors
from experiments.parity.exact.formulas.layers import layer_formula
from experiments.parity.exact.formulas.losses import loss_formula
from experiments.parity.exact.formulas.optimizers import update
from experiments.parity.exact.formulas.place import Computed, Place
from experiments.parity.exact.rounding import Bounded, Precision, stack
from experiments.parity.trace import Snapshot
from scratchnet.architecture import INPUT, Architecture
from scratchnet.optimizers import Optimizer
from scratchnet.regularizers import Regularizer
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
    precision: Precision | None = None,
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
    precision
        Of the dtype unless given; one without bounds computes the exact values only, and faster.

    Returns
    -------
    dict
        By full name as in `scratchnet.StepTrace`, and ``loss``, in the order of computation.
    """
    precision = precision or Precision.of(dtype, architecture.conventions)
    return _Step(architecture, precision, snapshot, optimizer, twin, replace, fused).run()


def reference_prediction(
    architecture: Architecture, dtype: str, weights: Mapping[str, Array], x: Array
) -> Bounded:
    """Return what a network predicts in inference, ``(samples, units)``, with bounds."""
    start = Snapshot(0, dict(weights), {}, x, np.zeros((len(x), 1)))
    precision = Precision.of(dtype, architecture.conventions)
    step = _Step(architecture, precision, start, None, None, _unchanged, None)
    computed = step.forward(training=False)
    return computed[architecture.layers[-1].name].outputs


def _unchanged(_name: str, right: Bounded, _tensors: Tensors) -> Bounded:
    return right


class _Step:
    """A training step, layer by layer."""

    def __init__(
        self,
        architecture: Architecture,
        precision: Precision,
        snapshot: Snapshot,
        optimizer: Optimizer | None,
        twin: Mapping[str, Array] | None,
        replace: Replace,
        fused: bool | None,
    ) -> None:
        self.architecture, self.snapshot, self.optimizer = architecture, snapshot, optimizer
        self.precision = precision
        self.twin, self.replace = twin, replace
        self.fused = architecture.fused if fused is None else fused
        self.found: Tensors = {}
        exact = self.precision.exact
        self.weights = {name: exact(value) for name, value in snapshot.weights.items()}

    def run(self) -> Tensors:
        """Compute forward, loss, backward and update."""
        computed = self.forward()
        gradient = self.loss(computed)
        gradients = self.backward(computed, gradient)
        for layer in self.architecture.layers:
            for short, value in computed[layer.name].updates.items():
                self.keep(f"{layer.name}/{short}_updated", value)
        if self.optimizer is not None:
            self.update(self.optimizer, gradients)
        return self.found

    def keep(self, name: str, bounded: Bounded) -> Bounded:
        """Record a tensor, and return what the next operation starts from."""
        self.found[name] = self.replace(name, bounded, self.found)
        if self.twin is None or name not in self.twin:
            return self.found[name]
        return self.precision.exact(self.twin[name])

    def forward(self, *, training: bool = True) -> dict[str, Computed]:
        """Compute every layer; `outputs` are those to go on with."""
        x = self.snapshot.x.astype(self.precision.dtype)
        outputs = {INPUT: self.precision.exact(x)}
        masks: dict[str, Array | None] = {INPUT: None}
        computed = {}
        for layer in self.architecture.layers:
            place = Place(
                tuple(outputs[source] for source in self.architecture.sources(layer)),
                {
                    name.removeprefix(f"{layer.name}/"): weight
                    for name, weight in self.weights.items()
                    if name.startswith(f"{layer.name}/")
                },
                self.snapshot.noise.get(layer.name),
                partial(self._keep_of, layer.name),
                training,
                tuple(masks[source] for source in self.architecture.sources(layer)),
                self.architecture.conventions,
            )
            done = layer_formula(layer)(layer, place)
            masks[layer.name] = place.masks[0] if layer.passes_mask else done.mask
            outputs[layer.name] = self.keep(f"{layer.name}/activation", done.outputs)
            computed[layer.name] = dataclasses.replace(done, outputs=outputs[layer.name])
        return computed

    def loss(self, computed: Mapping[str, Computed]) -> Bounded:
        """Compute the loss; return its gradient."""
        last = computed[self.architecture.layers[-1].name]
        logits = last.logits if self.fused else None
        output = last.outputs if logits is None else logits
        targets = dense_targets(self.architecture, self.snapshot.y).astype(self.precision.dtype)
        formula = loss_formula(self.architecture.loss, self.fused)
        loss, gradient = formula(
            output, self.precision.exact(targets), self.architecture.conventions
        )
        for name, weight in self.architecture.weights().items():
            if weight.regularizer is not None:
                loss = loss + self._penalty(weight.regularizer, name)[0]
        self.keep("loss", loss)
        return gradient

    def backward(self, computed: Mapping[str, Computed], gradient: Bounded) -> Tensors:
        """Compute every gradient, from the last layer to the first; return those of the weights."""
        layers = self.architecture.layers
        waiting: dict[str, list[Bounded]] = {layers[-1].name: [gradient]}
        found: Tensors = {}
        for layer in reversed(layers):
            name, done = layer.name, computed[layer.name]
            if name not in waiting:
                continue
            if self.fused and layer is layers[-1] and done.backward_from_logits is not None:
                gradients = done.backward_from_logits(gradient)
            else:
                da = self.keep(f"{name}/activation_gradient", _added(waiting[name]))
                gradients = done.backward(done.outputs, da)
            for short, value in gradients.weights.items():
                weight = self.architecture.weights()[f"{name}/{short}"]
                if weight.regularizer is not None:
                    value = value + self._penalty(weight.regularizer, f"{name}/{short}")[1]
                found[f"{name}/{short}"] = self.keep(f"{name}/{short}_gradient", value)
            sources = self.architecture.sources(layer)
            for source, passed in zip(sources, gradients.inputs, strict=True):
                if self.architecture.needs_gradient(source):
                    waiting.setdefault(source, []).append(passed)
        return found

    def update(self, optimizer: Optimizer, gradients: Tensors) -> None:
        """Compute every trained weight and its slots after the update."""
        for name, g in gradients_in_order(self.weights, gradients).items():
            w = self.weights[name]
            zero = np.zeros(w.shape)
            slots = {
                slot: self.precision.exact(self.snapshot.slots.get(f"{name}_{slot}", zero))
                for slot in optimizer.slots
            }
            updated, new_slots = update(
                optimizer, w, g, slots, self.snapshot.step + 1, self.architecture.conventions
            )
            for slot, value in new_slots.items():
                self.keep(f"{name}_{slot}", value)
            self.keep(f"{name}_updated", updated)

    def _keep_of(self, layer: str, short: str, bounded: Bounded) -> Bounded:
        return self.keep(f"{layer}/{short}", bounded)

    def _penalty(self, rule: Regularizer, name: str) -> tuple[Bounded, Bounded]:
        return REGULARIZER[rule.name](rule, self.weights[name], self.architecture.conventions)


def gradients_in_order(weights: Tensors, gradients: Tensors) -> Tensors:
    """Return the gradients in the order of the weights; weights without one are left out."""
    return {name: gradients[name] for name in weights if name in gradients}


def _added(parts: list[Bounded]) -> Bounded:
    """Add gradients of several readers, in any order."""
    if len(parts) == 1:
        return parts[0]
    return stack(parts).sum(axis=0)


def dense_targets(architecture: Architecture, y: Array) -> Array:
    """Return targets as numbers ``(samples, units)``, one-hot where they are classes."""
    if architecture.loss.sparse:
        y = y.reshape(-1, 1) == np.arange(architecture.units)
    return np.asarray(y, np.float64)
