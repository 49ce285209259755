"""One training step of Keras, and how far from it a correct step may come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.formulas import Tensors
from experiments.parity.reference import Replace, reference_step
from experiments.parity.rounding import Bounded, Precision
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.network import StepTrace
from scratchnet.optimizers import Optimizer

if TYPE_CHECKING:
    from keras_baseline.tracing import KerasStep

Array = NDArray[Any]


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
    """

    architecture: Architecture
    dtype: str
    optimizer: Optimizer | None
    snapshot: Snapshot
    twin: StepTrace
    local: Tensors
    whole: Tensors

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

    @property
    def precision(self) -> Precision:
        """The arithmetic that is judged."""
        return Precision.of(self.dtype)

    def replayed(self, replace: Replace) -> Tensors:
        """Compute the whole step again with tensors replaced."""
        return reference_step(
            self.architecture, self.dtype, self.snapshot, self.optimizer, replace=replace
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
