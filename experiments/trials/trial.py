"""One trial: both networks from the same weights on the same batches, compared.

Read `run_trial` from top to bottom; what it finds out is a `TrialResult`.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.parity.trace import ParityRow, Snapshot
from experiments.plan.datasets import load
from experiments.plan.plan import Trial
from experiments.runtime.beside import beside
from experiments.trials.boundary import Boundary, Plane, plane_over
from experiments.trials.comparability import (
    Comparability,
    Settings,
    compare_accuracies,
    keras_settings,
    scratchnet_settings,
)
from experiments.trials.data import TrialData, load_data
from experiments.trials.snapshots import take_snapshot
from experiments.trials.turns import EpochSeconds, measure
from scratchnet.history import History
from scratchnet.network import initial_weights
from scratchnet.optimizers import OptimizerState
from scratchnet.training import Training
from scratchnet.types import Array

OnProgress = Callable[[str, float], None]
"""Called with what is being done, and the share of the trial that is done."""

SNAPSHOTS = 6
PERTURBED_RUNS = 4
TIMING_BUDGET = 2.0
# Multiplications of one matrix product, at a guess: at 2 million two threads gain a quarter.
_SMALL_PRODUCT = 2**24
_BOUNDARIES = 4


@dataclass(frozen=True)
class TrialResult:
    """What a trial found out.

    Attributes
    ----------
    trial
        What was run.
    parameters
        Number of weights.
    comparability
        What both trainings had in common, and what their accuracies can tell.
    scratchnet, keras
        The histories of both free-running trainings.
    seconds_per_epoch
        The timings.
    parity
        The comparisons, tensor by tensor.
    envelope
        Arrays of the envelope that the free-running curves are held against, by name.
    test_targets
        Held-out targets, as the loss takes them.
    scratchnet_predictions, keras_predictions
        The last activation on the held-out samples after training, ``(samples, units)``.
    boundary
        For two-dimensional data, otherwise None.
    seconds
        How long the trial took.
    """

    trial: Trial
    parameters: int
    comparability: Comparability
    scratchnet: History
    keras: History
    seconds_per_epoch: list[EpochSeconds]
    parity: list[ParityRow]
    envelope: dict[str, Array]
    test_targets: Array
    scratchnet_predictions: Array
    keras_predictions: Array
    boundary: Boundary | None
    seconds: float


def run_trial(
    trial: Trial,
    on_progress: OnProgress = lambda *_: None,
    timing_budget: float = TIMING_BUDGET,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> TrialResult:
    """Train both networks, compare them, and time them.

    Parameters
    ----------
    trial
        What to run.
    on_progress
        Told what is going on.
    timing_budget
        Seconds to spend on timing epochs.
    alone
        Gives a block in which nothing else runs on the machine, for what is timed.
    """
    # A training that overflows says so in its curves.
    with threadpool_limits(blas_threads(trial), user_api="blas"), np.errstate(all="ignore"):
        return _run(trial, on_progress, timing_budget, alone)


def blas_threads(trial: Trial) -> int | None:
    """Return how many threads NumPy's matrix products get; None: as many as there are cores.

    A small product gains next to nothing from a second thread, and is many times slower as soon
    as that thread must wait for a busy core.
    """
    sizes = [math.prod(shape) for shape in trial.architecture.shapes()]
    widest = max(a * b for a, b in itertools.pairwise(sizes))
    samples = trial.batch_size or len(load(trial.dataset).x_train)
    return 1 if samples * widest <= _SMALL_PRODUCT else None


def _run(
    trial: Trial,
    on_progress: OnProgress,
    timing_budget: float,
    alone: Callable[[], AbstractContextManager[None]],
) -> TrialResult:
    from experiments.parity.verdict import judge_lockstep

    started = perf_counter()
    data = load_data(trial)
    training = _training(trial, data)
    grid = plane_over(data) if data.x_train.shape[1:] == (2,) else None

    on_progress("training scratchnet", 0.0)
    ours = _train_scratchnet(training, data, grid)
    # The perturbed runs need nothing but scratchnet, so they train while Keras does.
    with beside(_perturbed_trainings(training)) as perturbed:
        on_progress("training Keras", 0.25)
        twin = _train_keras(training, grid, on_progress)
        on_progress("comparing", 0.6)
        lockstep = judge_lockstep(trial.architecture, trial.dtype, trial.optimizer, ours.snapshots)
        strayed = [history for histories in perturbed() for history in histories]
    free, envelope = _judge_free(trial, ours, twin, strayed)
    on_progress("timing", 0.85)
    with alone():
        seconds_per_epoch = measure(training, budget=timing_budget)
    boundary = None
    if grid is not None:
        boundary = Boundary(
            grid.first,
            grid.second,
            np.array(list(ours.planes)),
            grid.stack(ours.planes),
            grid.stack(twin.planes),
        )
    return TrialResult(
        trial=trial,
        parameters=sum(values.size for values in training.weights.values()),
        comparability=Comparability(
            ours.settings,
            twin.settings,
            compare_accuracies(data.y_test, ours.predictions, twin.predictions),
        ),
        scratchnet=ours.history,
        keras=twin.history,
        seconds_per_epoch=seconds_per_epoch,
        parity=lockstep + free,
        envelope=envelope,
        test_targets=data.y_test,
        scratchnet_predictions=ours.predictions,
        keras_predictions=twin.predictions,
        boundary=boundary,
        seconds=perf_counter() - started,
    )


def _training(trial: Trial, data: TrialData) -> Training:
    """Return what both sides start from, and train on."""
    return Training(
        architecture=trial.architecture,
        dtype=trial.dtype,
        optimizer=trial.optimizer,
        weights=initial_weights(trial.architecture, trial.seed),
        x=data.x_train,
        y=data.y_train,
        order=data.order,
        epochs=trial.epochs,
        validation_data=(data.x_test, data.y_test),
        noise_seed=trial.seed,
    )


def spread(first: int, last: int, count: int) -> list[int]:
    """Return at most `count` whole numbers from first to last, evenly spread in their ratios."""
    return sorted({round(value) for value in np.geomspace(first, max(first, last), count)})


def snapshot_epochs(epochs: int) -> list[int]:
    """Return after how many epochs a step is compared: 0, the first step, and some later ones."""
    return [0, *spread(1, epochs - 1, SNAPSHOTS - 1)] if epochs > 1 else [0]


def boundary_epochs(epochs: int) -> list[int]:
    """Return after how many epochs the decision boundary is drawn; the last is among them."""
    return spread(max(1, epochs // 100), epochs, _BOUNDARIES)


@dataclass(frozen=True)
class _Trained:
    """One side after training; `planes` are predictions on the grid by number of epochs."""

    settings: Settings
    history: History
    predictions: Array
    planes: dict[int, Array]
    snapshots: list[Snapshot]


def _train_scratchnet(training: Training, data: TrialData, grid: Plane | None) -> _Trained:
    architecture, epochs = training.architecture, training.epochs
    network = training.network()
    optimizer = OptimizerState(training.optimizer, network.parameters, backend=architecture.backend)
    settings = scratchnet_settings(
        architecture, training.dtype, network.weights, training.order, epochs
    )
    points = None if grid is None else grid.points
    looks, stops = boundary_epochs(epochs), snapshot_epochs(epochs)
    planes: dict[int, Array] = {}
    snapshots = [take_snapshot(network, optimizer, data, 0)]

    def after_epoch(epoch: int, history: History) -> None:  # noqa: ARG001
        done = epoch + 1
        if done in stops:
            snapshots.append(take_snapshot(network, optimizer, data, done))
        if points is not None and done in looks:
            planes[done] = network.predict(points)

    history = training.fit(network, optimizer, after_epoch)
    return _Trained(settings, history, network.predict(data.x_test), planes, snapshots)


def _train_keras(training: Training, grid: Plane | None, on_progress: OnProgress) -> _Trained:
    from keras_baseline.model import build
    from keras_baseline.prediction import predict
    from keras_baseline.settings import twin_settings
    from keras_baseline.training import train
    from keras_baseline.weights import get_weights, set_weights

    architecture, dtype, epochs = training.architecture, training.dtype, training.epochs
    model = build(architecture, dtype, given_noise=True)
    set_weights(model, training.weights)
    settings = keras_settings(
        twin_settings(model, architecture, dtype), get_weights(model), training.order, epochs
    )
    points = None if grid is None else grid.points
    looks = boundary_epochs(epochs)
    planes: dict[int, Array] = {}

    def after_epochs(done: int, history: History) -> None:  # noqa: ARG001
        on_progress("training Keras", 0.25 + 0.35 * done / epochs)
        if points is not None and done in looks:
            planes[done] = predict(model, points, dtype)

    history = train(model, training, on_epochs=after_epochs, pause_at=tuple(looks))
    held_out, _ = training.validation_data
    return _Trained(settings, history, predict(model, held_out, dtype), planes, [])


def _perturbed_trainings(training: Training) -> list[Callable[[], list[History]]]:
    """Describe scratchnet's one-ulp perturbed runs, shared out among the cores."""
    from experiments.parity.envelope import perturbed_histories

    processes = min(PERTURBED_RUNS, os.cpu_count() or 1)
    return [
        partial(perturbed_histories, training, range(PERTURBED_RUNS)[share::processes])
        for share in range(processes)
    ]


def _judge_free(
    trial: Trial, ours: _Trained, twin: _Trained, perturbed: list[History]
) -> tuple[list[ParityRow], dict[str, Array]]:
    """Compare the two free-running trainings; return the envelope's arrays too."""
    from experiments.parity.envelope import envelope, judge_free
    from experiments.parity.exact.reference import reference_step

    first_loss = reference_step(trial.architecture, trial.dtype, ours.snapshots[0])["loss"]
    strayed = envelope(ours.history, perturbed)
    free = judge_free(ours.history, twin.history, strayed, first_loss)
    arrays = {f"{curve}_gaps": gaps for curve, gaps in strayed.gaps.items()}
    arrays |= {f"{curve}_width": strayed.width(curve) for curve in strayed.gaps}
    return free, arrays
