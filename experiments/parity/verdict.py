"""Verdicts: from two values and a bound to one word, tensor by tensor.

``identical`` · ``rounding`` (both sides within the bound around the higher-precision reference) ·
``undecidable`` (beyond it, but a branch at a kink explains it) · ``chaos`` (free-running only) ·
``divergent``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes import Diagnosis, diagnose
from experiments.parity.step import TwinStep, values_of
from experiments.parity.trace import ParityRow, Snapshot, local_trace, new_state, restore
from scratchnet.architecture import Architecture
from scratchnet.network import Network
from scratchnet.optimizers import Optimizer, OptimizerState
from scratchnet.types import Array

if TYPE_CHECKING:
    from keras_baseline.tracing import KerasStep


@dataclass(frozen=True)
class Divergence:
    """Where two sides first part.

    Attributes
    ----------
    mode, step, layer, tensor
        As in `ParityRow`.
    index
        Of the element that leaves its bound by most.
    ours, twin, exact
        Its value on each side, and to higher precision.
    ulps
        Distance of the two sides in units in the last place of the exact value.
    bound
        What rounding can explain.
    side
        Who leaves the bound.
    diagnosis
        The likely mistake as a code, or empty.
    sentence
        All of this in words.
    """

    mode: str
    step: int
    layer: str
    tensor: str
    index: tuple[int, ...]
    ours: float
    twin: float
    exact: float
    ulps: float
    bound: float
    side: str
    diagnosis: str
    sentence: str


@dataclass(frozen=True)
class Judgement:
    """The rows of a comparison, and the first divergence in the order of computation.

    Attributes
    ----------
    rows
        One per tensor, in the order of computation.
    first_divergence
        None if there is none.
    """

    rows: list[ParityRow]
    first_divergence: Divergence | None


@dataclass(frozen=True)
class Sides:
    """What the two sides are called.

    Attributes
    ----------
    ours, twin
        As in ``scratchnet`` and ``keras``.
    """

    ours: str = "scratchnet"
    twin: str = "keras"


def judge_tensor(
    mode: str,
    step: int,
    name: str,
    ours: Array,
    twin: Array,
    reference: Bounded,
    sides: Sides | None = None,
) -> tuple[ParityRow, Divergence | None]:
    """Compare one tensor of both sides with the reference.

    Parameters
    ----------
    mode, step
        As in `ParityRow`.
    name
        Full name, as ``dense_1/kernel_gradient``.
    ours, twin
        The two sides, of the same shape as the reference.
    reference
        The exact value and its bounds.
    sides
        What to call them.

    Returns
    -------
    tuple
        The row, and the divergence if it is one, both without a diagnosis.
    """
    sides = sides or Sides()
    layer, _, tensor = name.rpartition("/")
    precision = reference.precision
    if ours.shape != reference.shape:
        raise ValueError(f"{name}: shape {ours.shape}, expected {reference.shape}")
    difference = _distance(ours, twin)
    error_ours, error_twin = _distance(ours, reference.value), _distance(twin, reference.value)
    # A result too large for the dtype is rightly infinite.
    overflowed = reference.size + reference.branch >= precision.largest
    worst = np.where(overflowed, 0.0, np.maximum(error_ours, error_twin))
    ratio = _ratio(worst, reference.error)
    # Beside an exact 0 the ulp of the larger side says more than that of 0.
    scale = np.maximum(np.where(np.isfinite(ours), np.abs(ours), 0), reference.size)
    scale = np.clip(scale.astype(np.float64), precision.smallest, precision.largest)
    ulps = difference / np.spacing(scale.astype(precision.dtype)).astype(np.float64)
    largest = float(np.max(reference.size, initial=0.0))
    max_abs = float(np.max(difference, initial=0.0))
    bound_ratio = float(np.max(ratio, initial=0.0))
    off = [
        side
        for side, error in ((sides.ours, error_ours), (sides.twin, error_twin))
        if np.any(_ratio(np.where(overflowed, 0.0, error), reference.error) > 1)
    ]
    verdict = "rounding"
    if bound_ratio > 1:
        undecidable = np.all(_ratio(worst, reference.branch) <= 1)
        verdict = "undecidable" if undecidable else "divergent"
    elif np.array_equal(ours, twin, equal_nan=True):
        verdict = "identical"
    expected_ratio = float(np.max(_ratio(worst, reference.expected), initial=0.0))
    remark = ""
    if verdict == "rounding" and expected_ratio > 1:
        remark = "above the probabilistic bound"
    if verdict == "undecidable":
        remark = "a pre-activation is so close to a kink that the sides may take different branches"
    row = ParityRow(
        mode=mode,
        step=step,
        layer=layer or name,
        tensor=tensor,
        max_abs=max_abs,
        max_rel=max_abs / largest if largest else max_abs,
        max_ulp=float(np.max(ulps, initial=0.0)),
        bound_ratio=bound_ratio,
        expected_ratio=expected_ratio,
        floor=detectability_floor(reference),
        side=" and ".join(dict.fromkeys(off)) if verdict == "divergent" else "",
        verdict=verdict,
        diagnosis=remark,
    )
    if verdict != "divergent":
        return row, None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), reference.shape))
    return row, Divergence(
        mode=mode,
        step=step,
        layer=row.layer,
        tensor=tensor,
        index=index,
        ours=float(ours[index]),
        twin=float(twin[index]),
        exact=float(reference.value[index]),
        ulps=float(ulps[index]),
        bound=float(reference.error[index]),
        side=row.side,
        diagnosis="",
        sentence="",
    )


def detectability_floor(reference: Bounded) -> float:
    """Return the smallest relative mistake that could still be told from rounding.

    A factor ``1 + delta`` on the whole tensor shows as soon as ``delta |value|`` exceeds the
    bound twice, once for the mistake and once for the rounding that may hide it, at one element.
    """
    with np.errstate(all="ignore"):
        ratio = 2 * reference.error / reference.size
    return float(np.min(ratio[reference.size > 0], initial=np.inf))


def judge_values(
    mode: str,
    step: TwinStep,
    ours: Mapping[str, Array],
    sides: Sides | None = None,
    *,
    complete: bool = False,
) -> Judgement:
    """Compare our tensors of a step with the twin's, in the order of computation.

    Parameters
    ----------
    mode
        ``layer``, if ours were computed from the twin's own inputs of each operation, or ``step``.
    step
        The step of the twin.
    ours
        By full name, ``loss`` among them.
    sides
        What to call them.
    complete
        Whether both sides must have every tensor of the step; otherwise those that either side
        does not have are left out.

    Returns
    -------
    Judgement
        With a diagnosis of every divergent tensor in mode ``layer``; in mode ``step``, where one
        mistake shows in all that comes after it, of the first.

    Raises
    ------
    ValueError
        If a tensor is missing that must be there.
    """
    twin = values_of(step.twin)
    if complete:
        _require_every_tensor(step.reference(mode), ours, twin, sides or Sides())
    rows: list[ParityRow] = []
    first: Divergence | None = None
    for name, bounded in step.reference(mode).items():
        if name not in ours or name not in twin:
            continue
        row, divergence = judge_tensor(
            mode, step.snapshot.step, name, ours[name], twin[name], bounded, sides
        )
        if divergence is not None and (mode == "layer" or first is None):
            diagnosis = diagnose(step.observed(mode, ours), name)
            row = replace(row, diagnosis=_sentence(diagnosis))
            divergence = _worded(divergence, diagnosis, name)
        rows.append(row)
        first = first or divergence
    return Judgement(rows, first)


def _require_every_tensor(
    reference: Mapping[str, Bounded],
    ours: Mapping[str, Array],
    twin: Mapping[str, Array],
    sides: Sides,
) -> None:
    every = dict.fromkeys((*reference, *ours, *twin))
    has = {sides.ours: ours, sides.twin: twin, "the exact reference": reference}
    for name in every:
        if lacking := [side for side, tensors in has.items() if name not in tensors]:
            raise ValueError(
                f"{name}: {' and '.join(lacking)} did not give it; expected every tensor of the "
                "step on both sides and in the reference"
            )


def judge_network(
    step: TwinStep, network: Network, state: OptimizerState | None = None
) -> Judgement:
    """Compare a network with the twin in one step: layer by layer, and as a whole.

    Parameters
    ----------
    step
        The step of the twin.
    network
        Ours; its weights are set to the snapshot's, and changed by the update.
    state
        An optimizer at work on the network's parameters, set to the snapshot's slots; None: one
        is made, if the twin has one.

    Returns
    -------
    Judgement
        The first divergence, if any, is that of the layer-by-layer comparison, where it arises.
    """
    if state is None and step.optimizer is not None:
        state = new_state(network, step.optimizer)
    with np.errstate(all="ignore"):
        # The whole step first: the other leaves the twin's values in the network's buffers.
        restore(network, state, step.snapshot)
        whole = network.trace_step(step.snapshot.x, step.snapshot.y, state, step.snapshot.noise)
        local = local_trace(network, step.snapshot, step.twin, state)
        layer = judge_values("layer", step, values_of(local), complete=True)
        judged = judge_values("step", step, values_of(whole), complete=True)
    rows = layer.rows + judged.rows
    return Judgement(rows, layer.first_divergence or judged.first_divergence)


def judge_snapshot(
    network: Network,
    keras_step: KerasStep,
    snapshot: Snapshot,
    optimizer: Optimizer | None = None,  # noqa: ARG001 - that of `keras_step`
) -> Judgement:
    """Let Keras take a step, and compare a network with it; see `judge_network`."""
    return judge_network(TwinStep.take(keras_step, snapshot), network)


def judge_lockstep(
    architecture: Architecture,
    dtype: str,
    optimizer: Optimizer,
    snapshots: Sequence[Snapshot],
) -> list[ParityRow]:
    """Compare scratchnet with its Keras twin at several steps, in lockstep.

    Parameters
    ----------
    architecture, dtype, optimizer
        What is compared.
    snapshots
        The steps.

    Returns
    -------
    list of ParityRow
        Modes ``layer`` and ``step`` of each snapshot.
    """
    from keras_baseline.tracing import KerasStep

    network = Network(architecture, seed=0, dtype=dtype)
    keras_step = KerasStep(architecture, dtype, optimizer)
    return [
        row
        for snapshot in snapshots
        for row in judge_network(TwinStep.take(keras_step, snapshot), network).rows
    ]


def _sentence(diagnosis: Diagnosis | None) -> str:
    return "no known mistake explains it" if diagnosis is None else diagnosis.sentence


def _worded(divergence: Divergence, diagnosis: Diagnosis | None, name: str) -> Divergence:
    """Say in one sentence what a divergence is."""
    at = f"[{', '.join(map(str, divergence.index))}]" if divergence.index else ""
    return replace(
        divergence,
        diagnosis=diagnosis.code if diagnosis else "",
        sentence=f"step {divergence.step}, {name}{at}: "
        f"{divergence.ours:.9g} against {divergence.twin:.9g}, {divergence.ulps:.3g} ulps apart, "
        f"bound {divergence.bound:.3g}; {divergence.side} off; {_sentence(diagnosis)}",
    )


def _distance(a: Array, b: Array) -> NDArray[np.float64]:
    """Return |a - b|; equal infinities and two NaN are no distance, one of them is infinite."""
    with np.errstate(all="ignore"):
        distance: NDArray[np.float64] = np.abs(a - b).astype(np.float64)
    if np.isfinite(distance).all():
        return distance
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance))


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a / b with 0 / 0 = 0; where b says nothing (NaN), 0."""
    with np.errstate(all="ignore"):
        ratio = np.where(a == 0, 0.0, a / b)
    return np.where(np.isnan(ratio), 0.0, ratio)
