"""The process in which one implementation is timed once.

``python -m experiments.bench.process JOB.json`` is started by `experiments.bench.protocol`, does
one job and writes what it found beside it. Nothing heavy is imported before the implementation,
so that its import can be timed too.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING, Any

from experiments.bench.peers import PEERS

if TYPE_CHECKING:
    from keras_baseline.peers.implementation import Implementation


def main() -> None:
    """Read the job, do it, write the result."""
    path = Path(sys.argv[1])
    job = json.loads(path.read_text())
    result = measure_memory(job) if job["memory"] else measure_time(job)
    path.with_suffix(".result").write_text(json.dumps(result))


def measure_time(job: Mapping[str, Any]) -> dict[str, Any]:
    """Import, build, check, discard, then time.

    Parameters
    ----------
    job
        As written by `experiments.bench.protocol.run_process`.

    Returns
    -------
    dict
        ``difference``, a sentence if the implementation does not compute what scratchnet does,
        and then nothing is timed. Else ``import_seconds``, ``build_seconds``,
        ``first_epoch_seconds``, ``epochs_per_segment``, and for each segment the wall-clock and
        processor ``seconds`` and ``cpu_seconds`` per epoch.
    """
    if job["cpus"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cpus"])
    started = perf_counter()
    implementation_class = _load(job["peer"])
    imported = perf_counter()

    from threadpoolctl import threadpool_limits

    from experiments.bench import same_training
    from experiments.bench.workloads import Workload

    threadpool_limits(job["threads"])
    implementation_class.set_threads(job["threads"])
    workload = Workload.from_dict(job["workload"])
    task = workload.task()

    building = perf_counter()
    implementation = implementation_class(task)
    built = perf_counter()
    first_epoch = _first_epoch_seconds(implementation, workload.checked_epochs)
    if job["reference"]:
        difference = same_training.difference(
            same_training.load(job["reference"]),
            implementation.weights(),
            implementation.loss(),
            implementation.loss_is,
        )
        if difference:
            return {"difference": difference}
    epochs = _discard(implementation, job["segment_seconds"])
    seconds, cpu_seconds = _time_segments(implementation, epochs, job["segments"])
    return {
        "difference": "",
        "import_seconds": imported - started,
        "build_seconds": built - building,
        "first_epoch_seconds": first_epoch,
        "epochs_per_segment": epochs,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }


def measure_memory(job: Mapping[str, Any]) -> dict[str, Any]:
    """Build and train two epochs, and return the peak of what Python and NumPy allocated.

    Returns
    -------
    dict
        ``peak_bytes``: the task's data, which exist before, are not in it.
    """
    import tracemalloc

    from experiments.bench.workloads import Workload

    implementation_class = _load(job["peer"])
    task = Workload.from_dict(job["workload"]).task()
    tracemalloc.start()
    implementation = implementation_class(task)
    implementation.train(2, lambda epochs: None)  # noqa: ARG005
    return {"peak_bytes": tracemalloc.get_traced_memory()[1]}


def _load(peer: str) -> type[Implementation]:
    module, name = PEERS[peer].implementation.split(":")
    loaded: type[Implementation] = getattr(importlib.import_module(module), name)
    return loaded


class _Marks:
    """Notes both clocks after the first epoch, and then after every `every` epochs."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.left = 1
        self.walls: list[int] = []
        self.cpus: list[int] = []

    def __call__(self, epochs: int) -> None:
        self.left -= epochs
        if self.left <= 0:
            self.walls.append(perf_counter_ns())
            self.cpus.append(process_time_ns())
            self.left += self.every


def _first_epoch_seconds(implementation: Implementation, epochs: int) -> float:
    """Train for the first time and return the seconds of the first epoch, compilation included."""
    marks = _Marks(epochs)
    started = perf_counter_ns()
    implementation.train(epochs, marks)
    seconds = (marks.walls[0] - started) / 1e9
    return seconds if implementation.reports_each_epoch else seconds / epochs


def _segments(
    implementation: Implementation, epochs: int, count: int
) -> tuple[list[float], list[float]]:
    """Return wall-clock and processor seconds of `count` segments of `epochs` each."""
    marks = _Marks(epochs)
    if implementation.reports_each_epoch:
        # The epoch before the first mark bears the cost of entering `train` and is left out.
        implementation.train(1 + epochs * count, marks)
    else:
        marks(1)
        for _ in range(count):
            implementation.train(epochs, marks)
    return (
        [(b - a) / 1e9 for a, b in zip(marks.walls, marks.walls[1:], strict=False)],
        [(b - a) / 1e9 for a, b in zip(marks.cpus, marks.cpus[1:], strict=False)],
    )


def _discard(implementation: Implementation, segment_seconds: float) -> int:
    """Train without looking, and return how many epochs make a segment."""
    epochs = 1
    while True:
        (seconds,), _ = _segments(implementation, epochs, 1)
        if seconds >= segment_seconds:
            return epochs
        # A fifth more than it seems to need, for later epochs may be faster.
        needed = int(1.2 * epochs * segment_seconds / max(seconds, 1e-6)) + 1
        epochs = max(2 * epochs, min(needed, 64 * epochs))


def _time_segments(
    implementation: Implementation, epochs: int, count: int
) -> tuple[list[float], list[float]]:
    """Return seconds per epoch of each segment, the garbage collector being held."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        walls, cpus = _segments(implementation, epochs, count)
    finally:
        gc.enable()
    return [wall / epochs for wall in walls], [cpu / epochs for cpu in cpus]


if __name__ == "__main__":
    main()
