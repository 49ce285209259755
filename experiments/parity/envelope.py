"""Free-running: whether the gap between two loss curves is rounding, chaos or a bug.

Training amplifies rounding, by how much no formula tells beforehand. So it is measured: scratchnet
trains again from weights perturbed by one unit in the last place, and again at every update, on
the same batches. How far these runs stray from the unperturbed one is what rounding can do here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.exact.rounding import Bounded
from experiments.parity.trace import ParityRow
from scratchnet.conventions import CONVENTIONS
from scratchnet.history import History
from scratchnet.optimizers import Optimizer, OptimizerState
from scratchnet.parameters import Parameters
from scratchnet.training import Training

CURVES = ("loss", "val_loss")
"""The curves that are judged."""

SIGNIFICANCE = 1e-5
"""Probability that a run like the perturbed ones is called divergent at its widest."""


@dataclass(frozen=True)
class Envelope:
    """How far the perturbed runs strayed.

    Attributes
    ----------
    gaps
        By curve: ``(runs, epochs)``, absolute distance of each perturbed run from the base run.
    """

    gaps: dict[str, NDArray[np.float64]]

    def width(self, curve: str) -> NDArray[np.float64]:
        """Return how far another correct run may be off at each epoch, shape ``(epochs,)``.

        The root mean square of the runs' gaps so far, times Student's t: the quotient of one more
        gap and the root mean square of n such gaps follows t with n degrees of freedom.
        """
        from scipy.stats import t

        gaps = np.maximum.accumulate(np.nan_to_num(self.gaps[curve], nan=np.inf), axis=1)
        quantile = float(t.isf(SIGNIFICANCE / 2, len(gaps)))
        spread: NDArray[np.float64] = quantile * np.sqrt(np.mean(gaps**2, axis=0))
        return spread


class PerturbedState(OptimizerState):
    """An optimizer that leaves every weight up to one unit in the last place beside its value.

    Parameters
    ----------
    optimizer, parameters
        As for `OptimizerState`.
    random
        Where the perturbations come from.
    backend
        Of the twin. Where it computes a mean in float32 whatever the dtype, a unit in the last
        place is float32's.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: Parameters,
        random: np.random.Generator,
        *,
        backend: str = "tensorflow",
    ) -> None:
        super().__init__(optimizer, parameters, backend=backend)
        self._random = random
        dtype = parameters.values.dtype
        # A window at a random place of a longer list is cheaper than a draw for every update.
        signs = random.integers(-1, 2, 2 * parameters.size + 1024)
        judged = np.float32 if CONVENTIONS[backend].float32_operations else dtype
        self._factors = (1 + signs * np.finfo(judged).eps).astype(dtype)
        self.perturb()

    def perturb(self) -> None:
        """Move every weight by -1, 0 or 1 unit in the last place."""
        weights = self.parameters.values
        start = int(self._random.integers(len(self._factors) - weights.size))
        np.multiply(weights, self._factors[start : start + weights.size], out=weights)

    def step(self) -> None:
        """Update, then perturb."""
        super().step()
        self.perturb()


def perturbed_histories(training: Training, seeds: Sequence[int]) -> list[History]:
    """Train once per seed with one-ulp perturbations; imports nothing but scratchnet.

    Parameters
    ----------
    training
        The run that is perturbed.
    seeds
        Of the perturbations, one per run.
    """
    histories = []
    for seed in seeds:
        network = training.network()
        state = PerturbedState(
            training.optimizer,
            network.parameters,
            np.random.default_rng(seed),
            backend=training.architecture.backend,
        )
        # What overflows in the run itself overflows here too.
        with np.errstate(all="ignore"):
            histories.append(training.fit(network, state))
    return histories


def envelope(base: History, perturbed: Sequence[History]) -> Envelope:
    """Measure how far perturbed runs strayed from the base run."""
    return Envelope(
        {
            curve: np.array(
                [_gap(getattr(base, curve), getattr(history, curve)) for history in perturbed]
            )
            for curve in CURVES
            if getattr(base, curve)
        }
    )


def judge_free(
    ours: History, twin: History, strayed: Envelope, first_loss: Bounded
) -> list[ParityRow]:
    """Judge the gap between two free-running trainings, one row per curve.

    Parameters
    ----------
    ours, twin
        The two histories.
    strayed
        From `envelope`.
    first_loss
        The loss of the first step with its bound, from `reference_step`: the relative error that
        a loss may have even at equal weights.

    Returns
    -------
    list of ParityRow
        Mode ``free``, layer ``history``; `step` is the epoch (from 0) of the largest ratio of gap
        to limit, or of the first gap beyond the limit.
    """
    share = float(2 * first_loss.error / max(float(first_loss.size), 1e-300))
    rows = []
    for curve in strayed.gaps:
        a, b = np.array(getattr(ours, curve)), np.array(getattr(twin, curve))
        rounding = share * np.nan_to_num(np.abs(a))
        gap, limit = _gap(a, b), rounding + strayed.width(curve)
        with np.errstate(all="ignore"):
            ratio = np.where(gap == 0, 0.0, gap / limit)
        ratio = np.where(np.isnan(ratio), 0.0, ratio)
        beyond = np.flatnonzero(ratio > 1)
        epoch = int(beyond[0]) if len(beyond) else int(np.argmax(ratio))
        verdict = "chaos"
        if not np.any(gap):
            verdict = "identical"
        elif np.all(gap <= rounding):
            verdict = "rounding"
        elif len(beyond):
            verdict = "divergent"
        remark = {
            "chaos": "no further apart than runs that start one unit in the last place apart",
            "divergent": f"from epoch {epoch} on, further apart than one-ulp perturbations explain",
        }.get(verdict, "")
        with np.errstate(all="ignore"):
            ulps = np.nan_to_num(gap / np.spacing(np.abs(a).astype(first_loss.precision.dtype)))
        rows.append(
            ParityRow(
                mode="free",
                step=epoch,
                layer="history",
                tensor=curve,
                max_abs=float(np.max(gap, initial=0.0)),
                max_rel=float(np.max(gap, initial=0.0) / max(np.nanmax(np.abs(a)), 1e-300)),
                max_ulp=float(np.max(ulps, initial=0.0)),
                bound_ratio=float(np.max(ratio, initial=0.0)),
                expected_ratio=float("nan"),
                floor=float(np.nanmin(2 * limit / np.abs(a))),
                side="",
                verdict=verdict,
                diagnosis=remark,
            )
        )
    return rows


def _gap(a: Any, b: Any) -> NDArray[np.float64]:
    """Return |a - b|, 0 where both are NaN or the same infinity, and infinite where one is."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap))
