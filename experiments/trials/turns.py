"""Seconds per epoch of both sides, measured within a trial.

A quick measurement beside the comparison; `experiments.bench` has the sceptic's protocol. Both
sides train from the same weights on the same data. They take turns, so that whatever else the
machine does meets both. What is done once per training is not counted: Keras's tracing and
compilation, and the first epoch of every turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

from scratchnet.optimizers import OptimizerState
from scratchnet.training import Training, fit

IMPLEMENTATIONS = ("scratchnet", "keras")
"""What is compared in every trial, as tables and stored arrays name it."""

REPEATS = 3
# Enough for a median of scratchnet's short epochs, and not so many that the table grows long.
_MOST_EPOCHS = {"keras": 10, "scratchnet": 100}


@dataclass(frozen=True)
class EpochSeconds:
    """One measured epoch: a row of ``timings.csv``.

    Attributes
    ----------
    implementation
        ``scratchnet`` or ``keras``.
    repeat, epoch
        From 1; the epoch within its repeat, the discarded first one not counted.
    seconds
        Wall-clock time of training, validation not included.
    """

    implementation: str
    repeat: int
    epoch: int
    seconds: float


def measure(training: Training, *, budget: float) -> list[EpochSeconds]:
    """Time epochs of scratchnet and of ``keras.Model.fit``, in turns.

    Parameters
    ----------
    training
        What is trained on both sides; how many epochs are timed depends on the budget.
    budget
        Seconds that the whole measurement may take; where one epoch of each is longer, it takes
        what it takes.

    Returns
    -------
    list of EpochSeconds
        In the order of measurement.
    """
    from keras_baseline.model import build
    from keras_baseline.training import fit_seconds
    from keras_baseline.weights import set_weights

    architecture, order = training.architecture, training.order
    model = build(architecture, training.dtype)
    set_weights(model, training.weights)
    network = training.network()
    state = OptimizerState(training.optimizer, network.parameters, backend=architecture.backend)

    def keras_turn(epochs: int) -> list[float]:
        return fit_seconds(model, replace(training, epochs=epochs))

    def scratchnet_turn(epochs: int) -> list[float]:
        history = fit(
            network,
            training.x,
            training.y,
            optimizer=state,
            epochs=epochs + 1,
            batch_size=order.batch_size,
            shuffle_seed=order.shuffle_seed,
        )
        return history.seconds[1:]

    started = perf_counter()
    turns = {"keras": keras_turn, "scratchnet": scratchnet_turn}
    guesses = {implementation: min(turn(2)) for implementation, turn in turns.items()}
    share = max(0.0, budget - (perf_counter() - started)) / REPEATS / len(turns)
    measured: list[EpochSeconds] = []
    for repeat in range(1, REPEATS + 1):
        # Keras first, scratchnet first, and so on: neither always has the warmer machine.
        for implementation in sorted(turns, reverse=repeat % 2 == 0):
            affordable = int(share / max(guesses[implementation], 1e-9)) - 1
            epochs = max(2, min(_MOST_EPOCHS[implementation], affordable))
            seconds = turns[implementation](epochs)
            measured += [
                EpochSeconds(implementation, repeat, epoch, value)
                for epoch, value in enumerate(seconds, start=1)
            ]
    return measured
