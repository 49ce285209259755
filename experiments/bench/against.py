"""Whether scratchnet has become slower since an earlier bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.bench.peers import OURS
from experiments.trials.ratios import MINIMUM_PAIRS, Comparison, compare_runs

EQUIVALENCE = 0.05
"""A change this small is none: one program's time shifts by as much from one day to the next."""

Samples = dict[str, dict[int, float]]
"""Median seconds per epoch by implementation and round."""


@dataclass(frozen=True)
class TimeShift:
    """How scratchnet's time in one cell has changed since an earlier bench.

    Attributes
    ----------
    workload, threads
        The cell.
    seconds
        New over old seconds per epoch; None where the runs were made on different processors.
    beside_peers
        The same, each time divided by those of the peers that ran in the same round: what a
        slower machine does to everybody is not in it. None without a common peer.
    verdict
        ``slower`` if every one of the two that exists says so, likewise ``faster``; else
        ``inconclusive``.
    """

    workload: str
    threads: int
    seconds: Comparison | None
    beside_peers: Comparison | None
    verdict: str


def changes(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[TimeShift]:
    """Compare the cells that two benches have in common.

    Parameters
    ----------
    new, old
        With ``timings`` and ``environment``, as ``--json`` writes them.
    """
    same_machine = _machine(new) == _machine(old)
    new_cells, old_cells = _samples(new["timings"]), _samples(old["timings"])
    found = []
    for cell in new_cells.keys() & old_cells.keys():
        pair = (new_cells[cell], old_cells[cell])
        if any(OURS not in samples for samples in pair):
            continue
        seconds = beside_peers = None
        if same_machine:
            ours = [list(samples[OURS].values()) for samples in pair]
            seconds = compare_runs(*ours, equivalence=EQUIVALENCE)
        peers = sorted(set(_often(pair[0])) & set(_often(pair[1])))
        if peers:
            relative = [_beside_peers(samples, peers) for samples in pair]
            beside_peers = compare_runs(*relative, equivalence=EQUIVALENCE)
        verdicts = {c.verdict for c in (seconds, beside_peers) if c is not None}
        verdict = verdicts.pop() if len(verdicts) == 1 else "inconclusive"
        found.append(TimeShift(*cell, seconds, beside_peers, verdict))
    return sorted(found, key=lambda change: (change.threads, change.workload))


def _machine(results: Mapping[str, Any]) -> tuple[Any, ...]:
    environment = results.get("environment", {})
    return environment.get("processor"), environment.get("cores")


def _samples(timings: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], Samples]:
    cells: dict[tuple[str, int], Samples] = {}
    for row in timings:
        samples = cells.setdefault((row["workload"], row["threads"]), {})
        samples.setdefault(row["peer"], {})[row["round"]] = float(np.median(row["seconds"]))
    return cells


def _often(samples: Samples) -> list[str]:
    """Return the peers that ran often enough for a verdict."""
    return [peer for peer in samples if peer != OURS and len(samples[peer]) >= MINIMUM_PAIRS]


def _beside_peers(samples: Samples, peers: Sequence[str]) -> list[float]:
    """Return scratchnet's time over the geometric mean of its peers', where all of them ran."""
    rounds = set(samples[OURS]).intersection(*(samples[peer] for peer in peers))
    return [
        samples[OURS][r] / float(np.exp(np.mean([np.log(samples[peer][r]) for peer in peers])))
        for r in sorted(rounds)
    ]
