"""One case: every step of its training compared in lockstep."""

from __future__ import annotations

import dataclasses
import traceback
from collections import Counter

import numpy as np

from experiments.fuzzing.results import SEVERITY, CaseResult, Ratio
from experiments.parity.trace import ParityRow, Snapshot
from experiments.parity.verdict import Divergence, judge_snapshot
from experiments.plan import Trial
from experiments.trial import load_data, take_snapshot
from keras_baseline.backends import NotANumberError
from keras_baseline.tracing import KerasStep
from scratchnet.network import Network
from scratchnet.optimizers import OptimizerState


def judge_case(trial: Trial) -> CaseResult:
    """Compare a training step at the start of each epoch; a crash is a result too."""
    try:
        # Overflow is among what is looked for.
        with np.errstate(all="ignore"):
            return _judged(trial)
    except Exception:
        return CaseResult(trial, "crashed", crash=traceback.format_exc())


def snapshots(trial: Trial) -> list[Snapshot]:
    """Train scratchnet, and keep what the first step of each epoch starts from."""
    data = load_data(trial)
    network = Network(trial.architecture, seed=trial.seed, dtype=trial.dtype)
    optimizer = OptimizerState(trial.optimizer, network.parameters, backend=trial.backend)
    found = []
    for epoch in range(trial.epochs):
        found.append(take_snapshot(network, optimizer, data, epoch))
        for chosen in data.order.batches(epoch):
            network.train_step(data.x_train[chosen], data.y_train[chosen], optimizer)
    return found


def _judged(trial: Trial) -> CaseResult:
    network = Network(trial.architecture, seed=trial.seed, dtype=trial.dtype)
    keras_step = KerasStep(trial.architecture, trial.dtype, trial.optimizer)
    rows: list[ParityRow] = []
    first: Divergence | None = None
    for snapshot in snapshots(trial):
        try:
            judgement = judge_snapshot(network, keras_step, snapshot, trial.optimizer)
        except NotANumberError:
            break  # as will be all that follows
        rows += judgement.rows
        first = first or judgement.first_divergence
    tensors = Counter(row.verdict for row in rows)
    return CaseResult(
        trial=trial,
        verdict=max(tensors, key=SEVERITY.index, default="undecidable"),
        tensors=tensors,
        ratios=_largest_ratios(trial.name, rows),
        divergence=dataclasses.asdict(first) if first else {},
    )


def _largest_ratios(case: str, rows: list[ParityRow]) -> tuple[Ratio, ...]:
    largest: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row.mode, row.tensor)
        if row.verdict != "undecidable" and row.bound_ratio > largest.get(key, 0.0):
            largest[key] = row.bound_ratio
    return tuple(Ratio(mode, tensor, value, case) for (mode, tensor), value in largest.items())
