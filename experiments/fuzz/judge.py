"""One case: every step of its training compared in lockstep."""

from __future__ import annotations

import dataclasses
import traceback
from collections import Counter
from typing import Any

import numpy as np

from experiments.fuzz.results import SEVERITY, CaseResult, Ratio
from experiments.parity.trace import ParityRow
from experiments.parity.verdict import Divergence, judge_snapshot
from experiments.plan.plan import Trial
from experiments.trials.snapshots import snapshots
from keras_baseline.backends import NotANumberError
from keras_baseline.tracing import KerasStep
from scratchnet.network import Network


class Judge:
    """Judges cases; keeps the last Keras model, for cases that differ in their data alone."""

    def __init__(self) -> None:
        self._model: tuple[tuple[Any, ...], KerasStep] | None = None

    def __call__(self, trial: Trial) -> CaseResult:
        """Compare a training step at the start of each epoch; a crash is a result too."""
        try:
            # Overflow is among what is looked for.
            with np.errstate(all="ignore"):
                return self._judged(trial)
        except Exception:
            return CaseResult(trial, "crashed", crash=traceback.format_exc())

    def _judged(self, trial: Trial) -> CaseResult:
        network = Network(trial.architecture, seed=trial.seed, dtype=trial.dtype)
        keras_step = self._keras_step(trial)
        rows: list[ParityRow] = []
        first: Divergence | None = None
        for snapshot in snapshots(trial, range(trial.epochs)):
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

    def _keras_step(self, trial: Trial) -> KerasStep:
        key = (trial.architecture, trial.dtype, trial.optimizer)
        if self._model is None or self._model[0] != key:
            self._model = (key, KerasStep(*key))
        return self._model[1]


def _largest_ratios(case: str, rows: list[ParityRow]) -> tuple[Ratio, ...]:
    largest: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row.mode, row.tensor)
        if row.verdict != "undecidable" and row.bound_ratio > largest.get(key, 0.0):
            largest[key] = row.bound_ratio
    return tuple(Ratio(mode, tensor, value, case) for (mode, tensor), value in largest.items())
