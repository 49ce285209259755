"""One training step of Keras, and how far from it a correct step may come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.formulas.optimizers import update
from experiments.parity.exact.reference import Replace, reference_step
from experiments.parity.exact.rounding import Bounded, Errors, Precision
from experiments.parity.mistakes import ObservedStep, Scene
from experiments.parity.mistakes.observed import is_within
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.conventions import Conventions
from scratchnet.network import StepTrace
from scratchnet.optimizers import Optimizer
from scratchnet.types import Array

if TYPE_CHECKING:
    from keras_baseline.tracing import KerasStep


@dataclass(frozen=True)
class TwinStep:
    """One training step of the Keras twin, with the references it is judged by.

    Attributes
    ----------
    architecture, dtype, optimizer
        What is trained; no optimizer, no update.
    snapshot
        Where the step starts.
    twin
        What Keras computed.
    local
        Every tensor computed from the twin's own inputs of that operation: bounds of one
        operation each.
    whole
        Every tensor computed from the snapshot: bounds propagated through the whole step.
    allowance
        By how much the bounds in `whole` were widened for foreign code, by full name.
    given
        Gradients that the update starts from in place of the right ones, by tensor name.
    """

    architecture: Architecture
    dtype: str
    optimizer: Optimizer | None
    snapshot: Snapshot
    twin: StepTrace
    local: Tensors
    whole: Tensors
    allowance: Mapping[str, Errors] = field(default_factory=dict)
    given: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def take(cls, keras_step: KerasStep, snapshot: Snapshot) -> TwinStep:
        """Let Keras take the step, and compute the references."""
        architecture, dtype = keras_step.architecture, keras_step.dtype
        optimizer = keras_step.optimizer
        twin = keras_step.trace(
            snapshot.weights,
            snapshot.x,
            snapshot.y,
            snapshot.slots or None,
            snapshot.step,
            snapshot.noise,
        )
        with np.errstate(all="ignore"):
            local = reference_step(architecture, dtype, snapshot, optimizer, twin.tensors)
            whole = reference_step(architecture, dtype, snapshot, optimizer)
        return cls(architecture, dtype, optimizer, snapshot, twin, local, whole)

    def for_foreign_code(self) -> TwinStep:
        """Return the step with bounds that suit other formulas of a cross-entropy too.

        Keras on TensorFlow differentiates the loss and the last activation as one; people, the
        article, and Keras on other backends differentiate one after the other, and lose digits.
        Bounds are widened to those of that formula, except where clipping makes its value another.
        """
        if not self.architecture.fused:
            return self
        with np.errstate(all="ignore"):
            unfused = reference_step(
                self.architecture, self.dtype, self.snapshot, self.optimizer, fused=False
            )
            allowance = {
                name: np.where(
                    np.abs(other.value - right.value) <= right.error + other.error,
                    np.maximum(other.error - right.error, 0.0),
                    0.0,
                ).astype(np.float64)
                for (name, right), other in zip(
                    self.whole.items(), (unfused[n] for n in self.whole), strict=True
                )
            }
        whole = {name: right.widen(allowance[name]) for name, right in self.whole.items()}
        return replace(self, whole=whole, allowance=allowance)

    def updated_from(self, gradients: Mapping[str, Array], twin: Mapping[str, Array]) -> TwinStep:
        """Return the step with its update made from given gradients: bounds of one update.

        In float32 people round a setting before ``1 - beta`` is computed or after, or compute it
        in Python's float64: bounds cover each.

        Parameters
        ----------
        gradients
            By tensor name, as ``dense_1/kernel_gradient``.
        twin
            What Keras makes of them: updated weights and slots.
        """
        if self.optimizer is None:
            raise ValueError("the step has no optimizer, so it has no update")
        rule, on = self.optimizer, self.architecture.conventions
        right = self._update(gradients, rule, on, self.precision)
        allowance = {name: np.zeros(value.shape) for name, value in right.items()}
        if self.dtype == "float32":
            unrounded = replace(self.precision, dtype=np.dtype("float64"))
            for others in (
                self._update(gradients, _through_float32(rule), on, self.precision),
                self._update(gradients, rule, replace(on, rounds_settings=False), unrounded),
            ):
                for name, value in right.items():
                    allowance[name] += _further(others[name], value)
        return replace(
            self,
            twin=replace(self.twin, tensors={**self.twin.tensors, **twin}),
            whole=self.whole | {name: v.widen(allowance[name]) for name, v in right.items()},
            allowance={**self.allowance, **allowance},
            given=gradients,
        )

    def _update(
        self,
        gradients: Mapping[str, Array],
        rule: Optimizer,
        on: Conventions,
        precision: Precision,
    ) -> Tensors:
        """Return the updated weights and slots by tensor name."""
        exact, start, found = precision.exact, self.snapshot, dict[str, Bounded]()
        with np.errstate(all="ignore"):
            for name, weight in start.weights.items():
                slots = {slot: exact(start.slots[f"{name}_{slot}"]) for slot in rule.slots}
                gradient = exact(gradients[f"{name}_gradient"])
                updated, slots = update(rule, exact(weight), gradient, slots, start.step + 1, on)
                found |= {f"{name}_{slot}": value for slot, value in slots.items()}
                found[f"{name}_updated"] = updated
        return found

    @property
    def precision(self) -> Precision:
        """The arithmetic that is judged."""
        return Precision.of(self.dtype, self.architecture.conventions)

    def observed(self, mode: str, ours: Mapping[str, Array]) -> ObservedStep:
        """Return what the search for a mistake sees of our tensors, judged by derived bounds."""
        allowance = {} if mode == "layer" else self.allowance

        def within(name: str, value: Array, right: Bounded) -> bool:
            return is_within(value, right, allowance.get(name, 0.0))

        right = self.reference(mode)
        scene = Scene(
            self.architecture,
            self.precision,
            self.snapshot,
            self.optimizer,
            fused=self.architecture.fused,
            tensors=self.inputs(mode),
            name="loss",
            right=right["loss"],
            replay=self.replayed,
        )
        seen = {name: value for name, value in ours.items() if name in right}
        return ObservedStep(scene, right, seen, within, isolated=mode == "layer")

    def replayed(self, replaced: Replace) -> Tensors:
        """Compute the whole step again with tensors replaced; those given stay."""

        def taken(name: str, right: Bounded, tensors: Tensors) -> Bounded:
            value = replaced(name, right, tensors)
            return self.precision.exact(self.given[name]) if name in self.given else value

        return reference_step(
            self.architecture, self.dtype, self.snapshot, self.optimizer, replace=taken
        )

    def reference(self, mode: str) -> Tensors:
        """Return what is right in mode ``layer`` or ``step``."""
        return self.local if mode == "layer" else self.whole

    def inputs(self, mode: str) -> Mapping[str, Bounded]:
        """Return what each tensor was computed from, in mode ``layer`` or ``step``."""
        exact = self.precision.exact
        if mode == "step":
            return self.whole | {name: exact(value) for name, value in self.given.items()}
        return {name: exact(value) for name, value in self.twin.tensors.items()}


def _through_float32(rule: Optimizer) -> Optimizer:
    """Return a rule whose every setting is a float32 number."""
    settings: dict[str, Any] = {
        name: float(np.float32(value))
        for name, value in vars(rule).items()
        if isinstance(value, float)
    }
    return replace(rule, **settings)


def _further(other: Bounded, right: Bounded) -> Errors:
    """Return how much farther than the right value's bound another form's results may lie."""
    distance = np.abs(other.value - right.value).astype(np.float64)
    further = np.maximum(distance + other.error - right.error, 0.0)
    return np.where(np.isfinite(further), further, 0.0)


def values_of(trace: StepTrace) -> dict[str, Array]:
    """Return the tensors of a trace by full name, the loss among them."""
    return {"loss": np.asarray(trace.loss), **trace.tensors}
