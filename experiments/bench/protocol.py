"""The measuring protocol: which processes run, in which order, until when (see docs/timing.md).

An implementation is timed in a process of its own, again and again: a cell is one workload on one
number of threads, a round of it runs every implementation once, and what scratchnet and a peer
need in the same round is a pair. Orders are drawn, and every second round reverses the one before
it (ABBA), so a machine that grows warmer or busier meets both alike.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from experiments.bench import same_training
from experiments.bench.peers import OURS, PEERS, Peer
from experiments.bench.workloads import Workload
from experiments.trials.ratios import Comparison, compare, settled

SEGMENTS = 5
SEGMENT_SECONDS = 0.1
PROCESS_TIME_LIMIT = 240.0


@dataclass(frozen=True)
class ProcessTiming:
    """What one process measured.

    Attributes
    ----------
    workload, threads, peer
        What it ran.
    round
        From 0.
    import_seconds, build_seconds, first_epoch_seconds
        Start-up: importing the libraries, building, and the first epoch with its tracing and
        compilation.
    epochs_per_segment
        How many epochs each segment has.
    seconds, cpu_seconds
        Wall-clock and processor time per epoch, segment by segment.
    """

    workload: str
    threads: int
    peer: str
    round: int
    import_seconds: float
    build_seconds: float
    first_epoch_seconds: float
    epochs_per_segment: int
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the segments' seconds per epoch."""
        return float(np.median(self.seconds))


@dataclass(frozen=True)
class Failure:
    """Why an implementation has no time.

    Attributes
    ----------
    workload, threads, peer
        What was tried.
    kind
        ``crashed``, or ``differs``: it does not compute what scratchnet computes.
    message
        One line.
    """

    workload: str
    threads: int
    peer: str
    kind: str
    message: str


@dataclass
class Cell:
    """One workload on one number of threads, and what has been measured of it.

    Attributes
    ----------
    workload, threads
        What is trained, on how many processors.
    peers
        Names of those to be compared with scratchnet.
    timings
        By implementation, then by round.
    failures
        By implementation.
    rounds
        Number of rounds begun.
    """

    workload: Workload
    threads: int
    peers: Sequence[str]
    timings: dict[str, dict[int, ProcessTiming]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    rounds: int = 0
    wall_seconds: dict[str, float] = field(default_factory=dict)

    def pairs(self, peer: str) -> tuple[list[float], list[float]]:
        """Return scratchnet's and the peer's seconds per epoch, round by round."""
        ours, theirs = self.timings.get(OURS, {}), self.timings.get(peer, {})
        rounds = sorted(ours.keys() & theirs.keys())
        return [ours[r].median for r in rounds], [theirs[r].median for r in rounds]

    def comparison(self, peer: str) -> Comparison | None:
        """Compare scratchnet with a peer; None if there is no pair."""
        ours, theirs = self.pairs(peer)
        return compare(ours, theirs) if ours else None

    def unsettled(self) -> list[str]:
        """Return the peers whose ratio is not yet known well enough."""
        if OURS in self.failures:
            return []
        return [
            peer
            for peer in self.peers
            if peer not in self.failures and not settled(*self.pairs(peer))
        ]

    def expected_seconds(self) -> float:
        """Return how long another round is likely to take."""
        return sum(self.wall_seconds.get(name, 0.0) for name in (OURS, *self.unsettled()))


OnProcess = Callable[[Cell, str], None]
"""Called before a process starts."""

RunJob = Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any]]
"""Runs a job under environment variables and returns its result; a ProcessError if it fails."""


class ProcessError(Exception):
    """A timed process failed; the message is one line."""


def run_cells(
    cells: Sequence[Cell],
    *,
    time_limit: float,
    seed: int,
    on_process: OnProcess,
    run_job: RunJob | None = None,
) -> None:
    """Time every cell, round after round, until all is settled or the time is up.

    Parameters
    ----------
    cells
        Filled in place.
    time_limit
        Seconds; a round that would probably end later is not begun. The first cell has its first
        round whatever the limit.
    seed
        Of the orders.
    on_process
        Told what runs next.
    run_job
        By default `run_process`.
    """
    run_job = run_job or run_process
    random = np.random.RandomState(seed)
    started = monotonic()
    order: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        references = References(Path(folder))
        for round_number in range(10**6):
            order = (
                order[::-1] if round_number % 2 else [str(n) for n in random.permutation(_NAMES)]
            )
            begun = False
            for cell in cells:
                if not (unsettled := cell.unsettled()):
                    continue
                late = monotonic() - started + cell.expected_seconds() > time_limit
                if late and (round_number or cell is not cells[0]):
                    continue
                begun = True
                cell.rounds += 1
                chosen = {OURS, *unsettled}
                for name in sorted(chosen, key=order.index):
                    # A round takes longer than expected where the machine has become busy.
                    late = monotonic() - started > time_limit
                    if late and (round_number or cell is not cells[0]):
                        break
                    on_process(cell, name)
                    _run_one(cell, name, round_number, references, run_job)
            if not begun:
                return


_NAMES = list(PEERS)


def _run_one(
    cell: Cell, name: str, round_number: int, references: References, run_job: RunJob
) -> None:
    """Run one process and put what comes of it into its cell."""
    peer = PEERS[name]
    started = monotonic()
    where = (cell.workload.name, cell.threads, name)
    try:
        job = timing_job(cell.workload, cell.threads, peer, references.path(cell.workload, peer))
        result = run_job(job, environment(peer, cell.threads))
    except ProcessError as error:
        cell.failures[name] = Failure(*where, "crashed", str(error))
        return
    finally:
        cell.wall_seconds[name] = monotonic() - started
    if difference := result.pop("difference"):
        cell.failures[name] = Failure(*where, "differs", difference)
        return
    result = {key: tuple(v) if isinstance(v, list) else v for key, v in result.items()}
    timing = ProcessTiming(*where, round_number, **result)
    cell.timings.setdefault(name, {})[round_number] = timing


class References:
    """The weights and losses that every implementation must reach, made once for each workload."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[tuple[str, str], str] = {}

    def path(self, workload: Workload, peer: Peer) -> str:
        """Return the file of a workload's reference; empty for a peer that is not checked."""
        if not peer.checked:
            return ""
        key = (workload.name, peer.adam)
        if key not in self._paths:
            from threadpoolctl import threadpool_limits

            path = str(self._folder / f"{len(self._paths)}.npz")
            with threadpool_limits(1):
                expected = same_training.reference(
                    workload.task(), workload.checked_epochs, peer.adam
                )
            same_training.save(expected, path)
            self._paths[key] = path
        return self._paths[key]


def timing_job(workload: Workload, threads: int, peer: Peer, reference: str) -> dict[str, Any]:
    """Return a job for `experiments.bench.process`, as plain data."""
    return {
        "peer": peer.name,
        "workload": workload.to_dict(),
        "threads": threads,
        "cpus": processors()[-threads:],
        "reference": reference,
        "segments": SEGMENTS,
        "segment_seconds": SEGMENT_SECONDS,
        "memory": False,
    }


def processors() -> list[int]:
    """Return the numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def environment(peer: Peer, threads: int) -> dict[str, str]:
    """Return the variables of a peer's process: as many threads for everybody, no accelerator."""
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(pools, str(threads)),
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **peer.environment,
    }


def run_process(job: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """Do a job in a fresh process.

    Raises
    ------
    ProcessError
        If it ends without a result, or takes longer than `PROCESS_TIME_LIMIT`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "timing.job"
        path.write_text(json.dumps(job))
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.bench.process", str(path)],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # A group of its own, so that what the process starts can be ended with it.
            start_new_session=True,
        )
        try:
            _, chatter = process.communicate(timeout=PROCESS_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"took more than {PROCESS_TIME_LIMIT:.0f} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        written = path.with_suffix(".result")
        if process.returncode or not written.exists():
            lines = [line for line in chatter.splitlines() if line.strip()]
            last = lines[-1].strip() if lines else "no message"
            raise ProcessError(f"exit status {process.returncode}: {last}")
        result: dict[str, Any] = json.loads(written.read_text())
        return result


def timing_table(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return every process's timing as plain data."""
    return [
        asdict(timing)
        for cell in cells
        for by_round in cell.timings.values()
        for timing in by_round.values()
    ]
