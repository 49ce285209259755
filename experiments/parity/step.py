"""One training step of Keras, and how far from it a correct step may come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.reference import Replace, reference_step
from experiments.parity.exact.rounding import Bounded, Errors, Precision
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
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
    """

    architecture: Architecture
    dtype: str
    optimizer: Optimizer | None
    snapshot: Snapshot
    twin: StepTrace
    local: Tensors
    whole: Tensors
    allowance: Mapping[str, Errors] = field(default_factory=dict)

    @classmethod
    def take(cls, keras_step: KerasStep, snapshot: Snapshot) -> TwinStep:
        """Let Keras take the step, and compute the references."""
        architecture, dtype = keras_step.architecture, keras_step.dtype
        optimizer = keras_step.optimizer
        twin = keras_step.trace(
            snapshot.weights, snapshot.x, snapshot.y, snapshot.slots or None, snapshot.step
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

    @property
    def precision(self) -> Precision:
        """The arithmetic that is judged."""
        return Precision.of(self.dtype, self.architecture.conventions)

    def replayed(self, replaced: Replace) -> Tensors:
        """Compute the whole step again with tensors replaced."""
        return reference_step(
            self.architecture, self.dtype, self.snapshot, self.optimizer, replace=replaced
        )

    def reference(self, mode: str) -> Tensors:
        """Return what is right in mode ``layer`` or ``step``."""
        return self.local if mode == "layer" else self.whole

    def inputs(self, mode: str) -> Mapping[str, Bounded]:
        """Return what each tensor was computed from, in mode ``layer`` or ``step``."""
        if mode == "step":
            return self.whole
        exact = self.precision.exact
        return {name: exact(value) for name, value in self.twin.tensors.items()}


def values_of(trace: StepTrace) -> dict[str, Array]:
    """Return the tensors of a trace by full name, the loss among them."""
    return {"loss": np.asarray(trace.loss), **trace.tensors}
