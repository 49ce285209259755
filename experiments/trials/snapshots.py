"""Where single steps of a trial start: scratchnet's own training, looked at between epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.parity.trace import Snapshot
from experiments.plan.plan import Trial
from experiments.trials.data import TrialData, load_data
from scratchnet.network import Network
from scratchnet.noise import draw_noise
from scratchnet.optimizers import OptimizerState


def snapshots(trial: Trial, epochs: Sequence[int]) -> list[Snapshot]:
    """Train scratchnet, and keep what the first step of some epochs starts from.

    Parameters
    ----------
    trial
        What is trained, from which weights, on which batches.
    epochs
        Numbers of epochs done before, as ``[0, 1, 10]``.
    """
    data = load_data(trial)
    network = Network(trial.architecture, seed=trial.seed, dtype=trial.dtype)
    optimizer = OptimizerState(trial.optimizer, network.parameters, backend=trial.backend)
    found = []
    # A training may overflow; what becomes of it is for the comparison to say.
    with np.errstate(all="ignore"):
        for epoch in range(max(epochs) + 1):
            if epoch in epochs:
                found.append(take_snapshot(network, optimizer, data, epoch))
            for chosen in data.order.batches(epoch):
                network.train_step(data.x_train[chosen], data.y_train[chosen], optimizer)
    return found


def take_snapshot(
    network: Network, optimizer: OptimizerState, data: TrialData, epochs: int
) -> Snapshot:
    """Return all that the first step of an epoch (from 0) starts from."""
    chosen = next(data.order.batches(epochs))
    return Snapshot(
        step=optimizer.iterations,
        weights=network.weights,
        slots={
            f"{name}_{slot}": values
            for slot, flat in optimizer.slots.items()
            for name, values in network.parameters.named(flat).items()
        },
        x=data.x_train[chosen],
        y=data.y_train[chosen],
        noise=draw_noise(network.architecture, network.seed, optimizer.iterations, len(chosen)),
    )
