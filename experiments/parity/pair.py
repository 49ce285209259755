"""Two implementations of one step compared with each other, and a third as arbiter.

An implementation is ``scratchnet``, or Keras on a backend: ``tensorflow``, ``jax``, ``torch``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments.parity.exact.reference import reference_step
from experiments.parity.step import TwinStep, values_of
from experiments.parity.trace import Snapshot, new_state, restore
from experiments.parity.verdict import Divergence, Judgement, Sides, judge_values
from scratchnet.architecture import Architecture
from scratchnet.conventions import CONVENTIONS
from scratchnet.network import Network, StepTrace
from scratchnet.optimizers import Optimizer

SCRATCHNET = "scratchnet"
IMPLEMENTATIONS = (SCRATCHNET, *CONVENTIONS)


@dataclass(frozen=True)
class Pair:
    """Two implementations.

    Attributes
    ----------
    first, second
        Names in `IMPLEMENTATIONS`, not the same.
    """

    first: str
    second: str

    @property
    def meaning(self) -> str:
        """The backend whose conventions the comparison follows, and scratchnet if it takes part.

        Where TensorFlow is compared with another it is the other's: what clips, and computes a
        float64 network in float32, cannot be held to bounds of what does not.
        """
        backends = [name for name in (self.second, self.first) if name != SCRATCHNET]
        return next((name for name in backends if name != "tensorflow"), backends[0])


@dataclass(frozen=True)
class PairJudgement:
    """The comparison of one step.

    Attributes
    ----------
    own
        By implementation: every operation on that implementation's own inputs, against the
        conventions of its backend. Says where a difference arises, and on which side.
    step
        The whole step of one against that of the other.
    arbiters
        By the name of another implementation, the side that it is nearer to where the two first
        part; empty if they do not.
    """

    own: dict[str, Judgement]
    step: Judgement
    arbiters: dict[str, str]

    @property
    def first_divergence(self) -> Divergence | None:
        """Where a difference first arises, or else where the two first part."""
        own = [judgement.first_divergence for judgement in self.own.values()]
        return next((found for found in own if found is not None), self.step.first_divergence)


def trace_scratchnet(
    architecture: Architecture, dtype: str, optimizer: Optimizer, snapshot: Snapshot
) -> StepTrace:
    """Take a step with scratchnet, by the conventions of the architecture's backend."""
    network = Network(architecture, seed=0, dtype=dtype)
    state = new_state(network, optimizer)
    with np.errstate(all="ignore"):
        restore(network, state, snapshot)
        return network.trace_step(snapshot.x, snapshot.y, state, snapshot.noise)


def judge_pair(
    pair: Pair,
    architecture: Architecture,
    dtype: str,
    optimizer: Optimizer,
    snapshot: Snapshot,
    traces: Mapping[str, StepTrace],
) -> PairJudgement:
    """Compare two implementations in one step.

    Parameters
    ----------
    pair
        Which.
    architecture, dtype, optimizer
        What is trained.
    snapshot
        Where the step starts.
    traces
        By implementation: those of the pair, and of any other that may be asked as arbiter.
    """

    def taken(backend: str, name: str) -> TwinStep:
        meant = replace(architecture, backend=backend)
        trace = traces[name]
        with np.errstate(all="ignore"):
            local = reference_step(meant, dtype, snapshot, optimizer, trace.tensors)
            whole = reference_step(meant, dtype, snapshot, optimizer)
        return TwinStep(meant, dtype, optimizer, snapshot, trace, local, whole)

    def without_bypassed(tensors: Mapping[str, Any]) -> dict[str, Any]:
        # A loss that is fused with the last activation has no gradient of it; another one has.
        return {name: value for name, value in tensors.items() if name != bypassed}

    bypassed = f"{architecture.layers[-1].name}/activation_gradient"
    own = {}
    for name in (pair.first, pair.second):
        backend = pair.meaning if name == SCRATCHNET else name
        values = values_of(traces[name])
        own[name] = judge_values(
            "layer", taken(backend, name), values, Sides(name, name), complete=True
        )
    second = taken(pair.meaning, pair.second)
    trace = replace(second.twin, tensors=without_bypassed(second.twin.tensors))
    step = judge_values(
        "step",
        replace(second, twin=trace, whole=without_bypassed(second.whole)),
        without_bypassed(values_of(traces[pair.first])),
        Sides(pair.first, pair.second),
        complete=True,
    )
    others = {name: trace for name, trace in traces.items() if name not in own}
    arbiters = {}
    if step.first_divergence is not None:
        for name, trace in others.items():
            nearer = _nearer(step.first_divergence, trace)
            if nearer:
                arbiters[name] = (pair.first, pair.second)[nearer == "twin"]
    return PairJudgement(own, step, arbiters)


def _nearer(divergence: Divergence, arbiter: StepTrace) -> str:
    """Return which of two values another implementation is nearer to; empty: cannot be told."""
    layer, tensor = divergence.layer, divergence.tensor
    name = tensor if tensor == "loss" else f"{layer}/{tensor}"
    values = values_of(arbiter)
    if name not in values:
        return ""
    value = float(values[name][divergence.index])
    to_ours, to_twin = abs(value - divergence.ours), abs(value - divergence.twin)
    if to_ours == to_twin or np.isnan(to_ours - to_twin):
        return ""
    return "ours" if to_ours < to_twin else "twin"
