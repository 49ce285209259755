"""What is compared, and one line of the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scratchnet.network import Network, StepTrace
from scratchnet.optimizers import Optimizer, OptimizerState
from scratchnet.tape import Tape
from scratchnet.types import Array


@dataclass(frozen=True)
class Snapshot:
    """Everything a training step starts from: the same for both sides.

    Attributes
    ----------
    step
        Number of updates made before this step (0 is the first step).
    weights
        By full name, in the trial's dtype.
    slots
        The optimizer's slots by full name, as ``dense_1/kernel_momentum``; may be empty.
    x, y
        The batch: ``(samples, ...)`` and ``(samples, units)``, or ``(samples, 1)`` class numbers.
    noise
        What random layers use in this step, by layer name, see `scratchnet.noise.draw_noise`.
    """

    step: int
    weights: dict[str, Array]
    slots: dict[str, Array]
    x: Array
    y: Array
    noise: dict[str, Array] = field(default_factory=dict)


def local_trace(
    network: Network, snapshot: Snapshot, twin: StepTrace, state: OptimizerState | None = None
) -> StepTrace:
    """Run every operation of one step on the very inputs that the Keras twin's had.

    After each operation its result is recorded and replaced by the twin's, so an error shows
    where it arises and cannot hide behind another.

    Parameters
    ----------
    network
        Its weights are set to the snapshot's, and changed by the update.
    snapshot
        Where the step starts.
    twin
        What Keras computed from the same start.
    state
        An optimizer at work on the network, whose slots are set too; None: no update.
    """
    restore(network, state, snapshot)
    found: dict[str, Array] = {}

    def swap(name: str, buffer: Array) -> None:
        found[name] = buffer.copy(order="C")
        buffer[...] = twin.tensors[name]

    plan = network.plan(len(snapshot.x))

    def walk(tape: Tape) -> None:
        for op in tape:
            op.run()
            if op.tensor:
                swap(op.tensor, plan.tensors[op.tensor])

    with np.errstate(all="ignore"):
        plan.inputs.values[...] = network.check_inputs(snapshot.x)
        plan.targets[...] = network.check_targets(snapshot.y, len(snapshot.x))
        plan.set_noise(snapshot.noise)
        walk(plan.forward_tape)
        walk(plan.prediction_tape)
        loss = float(plan.run_loss())
        walk(plan.loss_tape)
        walk(plan.backward_tape)
        for name in network.parameters.trained:
            swap(f"{name}_gradient", network.parameters.gradient(name))
        found |= {
            f"{name}_updated": network.parameters[name].copy()
            for name in network.parameters.shapes
            if name not in network.parameters.trained
        }
        if state is not None:
            found |= updated_tensors(network, state)
    return StepTrace(loss, found)


def new_state(network: Network, optimizer: Optimizer) -> OptimizerState:
    """Return an optimizer at work on a network, with the network's conventions."""
    return OptimizerState(
        optimizer,
        network.parameters,
        network.constants,
        backend=network.architecture.backend,
    )


def restore(network: Network, state: OptimizerState | None, snapshot: Snapshot) -> None:
    """Set a network's weights and its optimizer's state to those of a snapshot."""
    network.set_weights(snapshot.weights)
    if state is None:
        return
    state.iterations = snapshot.step
    for slot, flat in state.slots.items():
        pieces = [
            np.ravel(snapshot.slots.get(f"{name}_{slot}", np.zeros(shape)))
            for name, shape in network.parameters.trained.items()
        ]
        flat[...] = np.concatenate(pieces)


def named_slots(network: Network, state: OptimizerState) -> dict[str, Array]:
    """Return copies of an optimizer's slots by full name, as ``dense_1/kernel_momentum``."""
    return {
        f"{name}_{slot}": values
        for slot, flat in state.slots.items()
        for name, values in network.parameters.named(flat).items()
    }


def updated_tensors(network: Network, state: OptimizerState) -> dict[str, Array]:
    """Update once from the gradients in the arena; return new weights and slots by full name."""
    state.step()
    updated = {
        f"{name}_updated": value
        for name, value in network.weights.items()
        if name in network.parameters.trained
    }
    return updated | named_slots(network, state)


@dataclass(frozen=True)
class ParityRow:
    """The comparison of one tensor: a row of ``parity.csv``.

    Attributes
    ----------
    mode
        ``layer``, ``step`` or ``free``.
    step
        Number of updates made before; for ``free`` the epoch.
    layer, tensor
        As ``dense_1`` and ``kernel_gradient``; layer ``loss`` for the loss itself.
    max_abs
        Largest absolute difference.
    max_rel
        Largest absolute difference over the largest element of the reference tensor.
    max_ulp
        Largest difference in units in the last place of the reference element.
    bound_ratio
        Largest difference over its bound: at most 1 where both sides may be right.
    expected_ratio
        The same over the probabilistic bound: about 1 at most is what to expect.
    floor
        Smallest relative mistake in this tensor that could be distinguished from rounding.
    side
        Who leaves the bound around the higher-precision reference: ``scratchnet``, ``keras``,
        ``both``, or empty.
    verdict
        ``identical``, ``rounding``, ``chaos``, ``undecidable`` or ``divergent``.
    diagnosis
        A sentence, where the verdict is divergent or a remark is due.
    """

    mode: str
    step: int
    layer: str
    tensor: str
    max_abs: float
    max_rel: float
    max_ulp: float
    bound_ratio: float
    expected_ratio: float
    floor: float
    side: str
    verdict: str
    diagnosis: str
