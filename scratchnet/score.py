"""Loss and accuracy of an epoch, which training itself does not need."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.activations import ACTIVATIONS, Scratch
from scratchnet.batch_plan import BatchPlan, make_accuracy, zero_targets
from scratchnet.network import Network
from scratchnet.tape import Tape
from scratchnet.types import Array

_ROOM = 256
"""So many samples are gathered before their loss and accuracy are computed."""


class EpochScore:
    """Counts the loss and the right predictions of an epoch's batches.

    Of a small batch only the outputs are kept, and loss and accuracy are computed for several at
    once: that spares every batch a dozen NumPy calls, a quarter of all that a small network makes.

    Parameters
    ----------
    network
        In training.
    samples
        Of an epoch.
    """

    def __init__(self, network: Network, samples: int) -> None:
        self._network = network
        self._room = min(samples, _ROOM)
        shape = (self._room, network.architecture.units)
        self._outputs: Array = np.zeros(shape, network.dtype, order="F")
        self._targets = zero_targets(network.architecture, self._outputs)
        self._counters: dict[int, _Counter] = {}
        self.begin()
        self._regularized = any(
            weight.regularizer is not None for weight in network.architecture.weights().values()
        )

    def begin(self) -> None:
        """Begin an epoch."""
        self._loss, self._right = 0.0, 0
        self._counted = self._gathered = 0

    def add(self, plan: BatchPlan) -> None:
        """Count a batch whose `outputs` are filled; leaves its loss ready for `backward`."""
        size = len(plan.targets)
        self._counted += size
        if 2 * size > self._room:
            plan.forward_prediction()
            self._loss += plan.run_loss() * size
            self._right += plan.accuracy.correct()
            return
        plan.prepare_loss()
        if self._regularized:
            self._loss += plan.run_penalty() * size
        if self._gathered + size > self._room:
            self._count()
        stop = self._gathered + size
        np.copyto(self._outputs[self._gathered : stop], plan.outputs)
        np.copyto(self._targets[self._gathered : stop], plan.targets)
        self._gathered = stop

    def so_far(self) -> dict[str, float]:
        """Return the mean loss and the accuracy of the epoch up to here."""
        self._count()
        return {
            "loss": float(self._loss / self._counted),
            "accuracy": self._right / self._counted,
        }

    def _count(self) -> None:
        size = self._gathered
        if not size:
            return
        if size not in self._counters:
            self._counters[size] = _Counter(
                self._network, self._outputs[:size], self._targets[:size]
            )
        loss, right = self._counters[size].count()
        self._loss += loss * size
        self._right += right
        self._gathered = 0


class _Counter:
    """Loss and right predictions of outputs that lie in a buffer."""

    def __init__(self, network: Network, outputs: Array, targets: Array) -> None:
        architecture = network.architecture
        name = architecture.last_activation if architecture.fused else "linear"
        prediction, to_prediction = np.zeros_like(outputs), Tape()
        ACTIVATIONS[name].forward(to_prediction, outputs, prediction, Scratch(outputs))
        loss = architecture.loss.bind(
            outputs,
            targets,
            np.zeros_like(outputs),
            fused=architecture.fused,
            constants=network.constants,
            conventions=architecture.conventions,
        )
        self._value = loss.value
        self._run = Tape(to_prediction + loss.prepare + loss.forward).compiled()
        self._accuracy = make_accuracy(architecture, prediction, targets)

    def count(self) -> tuple[Any, int]:
        """Return the mean loss and the number of right predictions."""
        self._run()
        return self._value[()], self._accuracy.correct()
