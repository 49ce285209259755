"""The crossover map: where scratchnet is faster than the best Keras, over width and batch size.

A map shows the lie of the land, so each point is timed once per side, and only near the line
where both are equal is the grid refined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

import numpy as np

from experiments.bench.peers import OURS, PEERS
from experiments.bench.protocol import ProcessError, RunJob, environment, run_process, timing_job
from experiments.bench.workloads import OPTIMIZERS, Workload, network

PEER = "keras_best"
SEGMENTS = 3

# Exponents of 2 of the whole grid, and of the part that is always measured.
WIDTHS = range(1, 12)
BATCHES = range(13)
COARSE_WIDTHS = (1, 4, 7, 9, 11)
COARSE_BATCHES = (0, 4, 8, 12)

Point = tuple[int, int]
"""Exponents of width and batch size."""

Tell = Callable[[str], None]
"""Told something in one line."""


@dataclass(frozen=True)
class MapPoint:
    """One measured point of the map.

    Attributes
    ----------
    width, batch_size
        Of a network with two hidden layers as wide as its input, and one sigmoid unit.
    samples
        In an epoch.
    scratchnet_seconds, keras_seconds
        Per epoch.
    """

    width: int
    batch_size: int
    samples: int
    scratchnet_seconds: float
    keras_seconds: float

    @property
    def speedup(self) -> float:
        """How many times faster scratchnet is."""
        return self.keras_seconds / self.scratchnet_seconds


def map_workload(width: int, batch_size: int) -> Workload:
    """Return the workload of a point: up to 64 steps an epoch, fewer where batches are large."""
    samples = min(64 * batch_size, max(1024, batch_size))
    return Workload(
        name=f"{width}-{width}-{width}-1/{batch_size}/sgd",
        architecture=network(width, width, width, 1),
        optimizer=OPTIMIZERS["sgd"],
        samples=samples,
        batch_size=batch_size,
    )


def measure_map(
    *,
    threads: int,
    time_limit: float,
    on_point: Tell,
    on_failure: Tell,
    run_job: RunJob | None = None,
) -> Iterator[MapPoint]:
    """Time the coarse grid, then what lies between points on different sides of equality.

    Parameters
    ----------
    threads
        For both sides.
    time_limit
        Seconds; no point is begun after it.
    on_point, on_failure
        Told what runs next, and what failed.
    run_job
        By default `experiments.bench.protocol.run_process`.

    Yields
    ------
    MapPoint
        As they are measured.
    """
    started = monotonic()
    found: dict[Point, MapPoint] = {}
    waiting = [(width, batch) for width in COARSE_WIDTHS for batch in COARSE_BATCHES]
    # Mixed, so that a map cut short still has points everywhere.
    np.random.RandomState(0).shuffle(waiting)
    tried: set[Point] = set()
    while waiting and monotonic() - started < time_limit:
        point = waiting.pop(0)
        tried.add(point)
        place = f"width {2 ** point[0]}, batch size {2 ** point[1]}"
        on_point(place)
        try:
            found[point] = _measure(*point, threads, run_job or run_process)
            yield found[point]
        except ProcessError as error:
            on_failure(f"{place}: {error}")
        if not waiting:
            waiting = [between for between in _between(found) if between not in tried]


def _measure(width: int, batch: int, threads: int, run_job: RunJob) -> MapPoint:
    workload = map_workload(2**width, 2**batch)
    seconds = {}
    for name in (OURS, PEER):
        # Nothing is checked here: the same two are, in the tables.
        job = timing_job(workload, threads, PEERS[name], reference="") | {"segments": SEGMENTS}
        seconds[name] = float(np.median(run_job(job, environment(PEERS[name], threads))["seconds"]))
    return MapPoint(2**width, 2**batch, workload.samples, seconds[OURS], seconds[PEER])


def _between(found: dict[Point, MapPoint]) -> list[Point]:
    """Return the midpoints of neighbours in a row or a column that lie on different sides."""
    midpoints = []
    for axis in (0, 1):
        for point in found:
            beyond = [
                other
                for other in found
                if other[1 - axis] == point[1 - axis] and other[axis] > point[axis]
            ]
            if not beyond:
                continue
            neighbour = min(beyond, key=lambda other: other[axis])
            sides = {found[p].speedup > 1 for p in (point, neighbour)}
            if len(sides) == 2 and neighbour[axis] - point[axis] > 1:
                middle = list(point)
                middle[axis] = (point[axis] + neighbour[axis]) // 2
                midpoints.append((middle[0], middle[1]))
    return midpoints
