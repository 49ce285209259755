"""Mutations of scratchnet as data, and how they are made.

A step is a tape of ops, each of which says what tensor it fills. A mutation names a tensor and a
formula: one more op goes into the tape, which computes the tensor otherwise. So a mutant does not
depend on how scratchnet writes its ops. Updates and initial states are other functions in the
place of the right ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from scratchnet.architecture import INPUT
from scratchnet.batch_plan import BatchPlan
from scratchnet.initializers import INITIALIZERS
from scratchnet.network import Network
from scratchnet.optimizers import Optimizer, OptimizerState
from scratchnet.tape import Op, Tape
from scratchnet.types import Array


class Here:
    """The tensors of a layer in a step, as a formula reads them.

    Parameters
    ----------
    network, plan, layer
        The network, its buffers for the batch size, and the layer.
    """

    def __init__(self, network: Network, plan: BatchPlan, layer: Any) -> None:
        self.network, self.plan, self.layer = network, plan, layer

    def of(self, tensor: str) -> Array:
        """Return a tensor of the layer."""
        return self.plan.tensors[f"{self.layer.name}/{tensor}"]

    def gradient_of(self, weight: str) -> Array:
        """Return the gradient of one of the layer's weights."""
        return self.network.parameters.gradient(f"{self.layer.name}/{weight}")

    @property
    def reader(self) -> Here:
        """The layer after."""
        names = [layer.name for layer in self.network.architecture.layers]
        after = self.network.architecture.layers[names.index(self.layer.name) + 1]
        return Here(self.network, self.plan, after)

    @property
    def x(self) -> Array:
        """Input of the layer."""
        [source] = self.network.architecture.sources(self.layer)
        inputs: Array = self.plan.inputs.values
        return inputs if source == INPUT else self.plan.tensors[f"{source}/activation"]

    @property
    def kernel(self) -> Array:
        """Kernel of the layer."""
        return self.network.parameters[f"{self.layer.name}/kernel"]

    @property
    def bias(self) -> Any:
        """Bias of the layer; 0 if it has none."""
        name = f"{self.layer.name}/bias"
        return self.network.parameters[name] if name in self.network.parameters.shapes else 0

    @property
    def z(self) -> Array:
        """Pre-activation."""
        return self.of("pre_activation")

    @property
    def a(self) -> Array:
        """Activation."""
        return self.of("activation")

    @property
    def da(self) -> Array:
        """Gradient of the activation."""
        return self.of("activation_gradient")

    @property
    def dz(self) -> Array:
        """Gradient of the pre-activation."""
        return self.of("pre_activation_gradient")

    @property
    def dkernel(self) -> Array:
        """Gradient of the kernel."""
        return self.gradient_of("kernel")

    @property
    def dbias(self) -> Array:
        """Gradient of the bias."""
        return self.gradient_of("bias")

    @property
    def output(self) -> Array:
        """What the loss works on: logits, or the prediction."""
        return self.plan.outputs

    @property
    def y(self) -> Array:
        """Targets as numbers, one-hot where they are classes."""
        targets: Array = self.plan.targets
        if self.network.architecture.loss.sparse:
            targets = targets == np.arange(self.network.architecture.units)
        return targets.astype(self.network.dtype)

    @property
    def loss(self) -> Array:
        """The mean loss."""
        return self.plan.loss.value

    @property
    def dloss(self) -> Array:
        """The gradient of the loss with respect to `output`."""
        return self.plan.loss.gradient

    @property
    def m(self) -> int:
        """Size of the batch."""
        return self.plan.samples

    @cached_property
    def memory(self) -> dict[str, Any]:
        """What a formula may keep between steps."""
        return {}


Formula = Callable[[Here], Any]


@dataclass(frozen=True)
class Replaced:
    """A tensor that is computed by another formula.

    Attributes
    ----------
    tensor
        Short name, as ``pre_activation`` or ``kernel_gradient``; ``loss``, or ``loss_gradient`` for
        the gradient of the loss with respect to what it works on.
    formula
        From the right tensors, this one among them, to the wrong one.
    activation
        Only in layers with this activation, whose function it is; empty for all.
    layer
        Only in the layer of this name; empty for all.
    """

    tensor: str
    formula: Formula
    activation: str = ""
    layer: str = ""

    def is_in(self, layer: Any) -> bool:
        """Whether a layer is among those that have it."""
        if self.layer not in ("", layer.name):
            return False
        return self.activation in ("", getattr(layer, "activation", ""))

    def apply(self, network: Network, plan: BatchPlan) -> None:
        """Put the formula into every tape of a plan that fills the tensor."""
        last = network.architecture.layers[-1]
        if self.tensor == "loss":
            here = Here(network, plan, last)
            plan.loss.forward.append(Op("", _writes(self.formula, here), (), plan.loss.value))
        elif self.tensor == "loss_gradient":
            here = Here(network, plan, last)
            _after(plan.loss_tape, len(plan.loss_tape) - 1, self.formula, here, plan.loss.gradient)
        else:
            for layer in filter(self.is_in, network.architecture.layers):
                self._apply_to(layer, network, plan)
        plan.compile()

    def _apply_to(self, layer: Any, network: Network, plan: BatchPlan) -> None:
        here, name = Here(network, plan, layer), f"{layer.name}/{self.tensor}"
        gradients = {f"{n}_gradient": n for n in network.parameters.shapes}
        if name in gradients:
            out = network.parameters.gradient(gradients[name])
            tape = plan.backward_tape
            filling = [i for i, op in enumerate(tape) if np.shares_memory(op.out, out)]
            _after(tape, filling[-1], self.formula, here, out)
            return
        for tape in (plan.forward_tape, plan.prediction_tape, plan.backward_tape):
            for i in [i for i, op in enumerate(tape) if op.tensor == name]:
                _after(tape, i, self.formula, here, plan.tensors[name])


def _after(tape: Tape, place: int, formula: Formula, here: Here, out: Array) -> None:
    """Let a formula fill what the op at a place fills, after it."""
    name = tape[place].tensor
    tape[place] = replace(tape[place], tensor="")
    tape.insert(place + 1, Op(name, _writes(formula, here), (), out))


def _writes(formula: Formula, here: Here) -> Callable[..., None]:
    def write(*, out: Array) -> None:
        out[...] = formula(here)

    return write


class Weights:
    """What an update reads and writes, in pieces of the arena.

    Attributes
    ----------
    w, g
        Weights and their gradients.
    m, v
        The slots ``momentum`` and ``velocity``; None where there is none.
    on
        The optimizer's constants, rounded, as attributes.
    number
        Rounds a number to the dtype.
    """

    def __init__(
        self, weights: Array, gradients: Array, slots: Mapping[str, Array], on: Mapping[str, Any]
    ) -> None:
        self.w, self.g = weights.copy(), gradients
        self.m: Any = slots["momentum"].copy() if "momentum" in slots else None
        self.v: Any = slots["velocity"].copy() if "velocity" in slots else None
        self.number = weights.dtype.type
        self._on = on

    def __getattr__(self, name: str) -> Any:
        return self._on[name]


Rule = Callable[[Weights], Mapping[str, Any]]
"""From what an update reads to what it leaves: ``w``, and those of ``m`` and ``v`` that change."""


@dataclass(frozen=True)
class Update:
    """Another rule of the optimizer.

    Attributes
    ----------
    rule
        The whole update; None for the right one.
    constants
        ``(rule, number of the update, dtype, cast) -> constants`` that are not what they should be.
    """

    rule: Rule | None = None
    constants: Callable[[Any, int, Any, Any], Mapping[str, Any]] | None = None

    def of(self, right: Optimizer) -> Optimizer:
        """Return an optimizer with the mutation."""
        rule, changed = self.rule, self.constants

        def apply(
            _self: Any, weights: Array, gradients: Array, slots: Any, constants: Any, _: Array
        ) -> None:
            assert rule is not None
            found = rule(Weights(weights, gradients, slots, constants))
            weights[...] = found["w"]
            for short, slot in (("m", "momentum"), ("v", "velocity")):
                if short in found:
                    slots[slot][...] = found[short]

        def constants(self: Any, iteration: int, dtype: Any, cast: Any) -> dict[str, Any]:
            assert changed is not None
            known: dict[str, Any] = type(right).constants(self, iteration, dtype, cast)
            return {**known, **changed(self, iteration, dtype, cast)}

        body: dict[str, Any] = {}
        if rule is not None:
            body["apply"] = apply
        if changed is not None:
            body["constants"] = constants
        made: Any = type("Mutated", (type(right),), body)
        mutated: Optimizer = made(**vars(right))
        return mutated


@dataclass(frozen=True)
class Initial:
    """Another initial state.

    Attributes
    ----------
    initializer, function
        Name in `INITIALIZERS`, and the function in its place.
    draw
        ``(architecture, seed, right draw) -> weights`` in the place of `initial_weights`.
    state
        Changes an optimizer's state before its first step.
    """

    initializer: str = ""
    function: Callable[..., Any] | None = None
    draw: Callable[..., Any] | None = None
    state: Callable[[OptimizerState], None] | None = None

    def weights(self, architecture: Any, seed: int) -> Any:
        """Draw initial weights."""
        from scratchnet.network import initial_weights

        if self.draw is not None:
            return self.draw(architecture, seed, initial_weights)
        right = INITIALIZERS.get(self.initializer)
        if right is None or self.function is None:
            return initial_weights(architecture, seed)
        INITIALIZERS[self.initializer] = self.function
        try:
            return initial_weights(architecture, seed)
        finally:
            INITIALIZERS[self.initializer] = right


class MutatedNetwork(Network):
    """A network whose plans have a mutation.

    Parameters
    ----------
    mutation
        What is put into every plan.
    """

    def __init__(self, mutation: Replaced | None, architecture: Any, dtype: str) -> None:
        super().__init__(architecture, seed=0, dtype=dtype)
        self._mutation = mutation
        self._mutated: dict[int, BatchPlan] = {}

    def plan(self, samples: int) -> BatchPlan:
        """Return the buffers for a batch size, with the mutation."""
        plan = super().plan(samples)
        if self._mutation is not None and self._mutated.get(samples) is not plan:
            self._mutation.apply(self, plan)
            self._mutated[samples] = plan
        return plan
