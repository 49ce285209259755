"""Cost against work: scratchnet's time and peak memory, and how fast they grow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.bench.peers import OURS, PEERS
from experiments.bench.protocol import ProcessError, RunJob, environment, run_process, timing_job
from experiments.bench.workloads import OPTIMIZERS, Workload, network

REPEATS = 3

# What stays while one quantity varies, chosen so that the work outweighs the calls.
_BASE = {"samples": 2048, "width": 128, "depth": 3, "batch_size": 128}
AXES: dict[str, tuple[int, ...]] = {
    "samples": (512, 1024, 2048, 4096, 8192),
    "width": (16, 32, 64, 128, 256, 512, 1024),
    "depth": (1, 2, 4, 8, 16),
    "batch_size": (4, 16, 64, 256, 1024),
}


@dataclass(frozen=True)
class ScalingPoint:
    """The cost of one size.

    Attributes
    ----------
    axis
        Which quantity varies: ``samples``, ``width``, ``depth`` or ``batch_size``.
    value
        Of that quantity.
    parameters
        Number of weights.
    seconds
        Per epoch, median over processes.
    peak_bytes
        Most memory that the network, its optimizer and its training hold at once; the data are
        not in it.
    """

    axis: str
    value: int
    parameters: int
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Growth:
    """``cost ~ value ** exponent``, fitted on the larger half of an axis.

    Attributes
    ----------
    axis, cost
        What varies, and ``seconds`` or ``peak_bytes``.
    exponent, low, high
        Least squares on logarithms, with its 95 % interval (infinite for two points).
    """

    axis: str
    cost: str
    exponent: float
    low: float
    high: float


def scaling_workload(samples: int, width: int, depth: int, batch_size: int) -> Workload:
    """Return a network of `depth` hidden layers as wide as its input."""
    return Workload(
        name=f"{width}x{depth}/{batch_size}/sgd",
        architecture=network(width, *[width] * depth, 1),
        optimizer=OPTIMIZERS["sgd"],
        samples=samples,
        batch_size=batch_size,
    )


def measure_scaling(
    *,
    threads: int,
    on_point: Callable[[str], None],
    on_failure: Callable[[str], None],
    time_limit: float = math.inf,
    run_job: RunJob | None = None,
) -> Iterator[ScalingPoint]:
    """Time every point of every axis in fresh processes, and weigh it in another.

    Parameters
    ----------
    threads
        For matrix products.
    on_point, on_failure
        Told what runs next, and what failed.
    time_limit
        Begin nothing after so many seconds.
    run_job
        By default `experiments.bench.protocol.run_process`.

    Yields
    ------
    ScalingPoint
        As they are measured.
    """
    started = time.monotonic()
    for axis, values in AXES.items():
        for value in values:
            if time.monotonic() - started > time_limit:
                return
            place = f"{axis.replace('_', ' ')} {value}"
            on_point(place)
            try:
                yield _measure(axis, value, threads, run_job or run_process)
            except ProcessError as error:
                on_failure(f"{place}: {error}")


def _measure(axis: str, value: int, threads: int, run_job: RunJob) -> ScalingPoint:
    workload = scaling_workload(**(_BASE | {axis: value}))
    job = timing_job(workload, threads, PEERS[OURS], reference="")
    variables = environment(PEERS[OURS], threads)
    medians = [np.median(run_job(job, variables)["seconds"]) for _ in range(REPEATS)]
    shapes = workload.architecture.weight_shapes().values()
    return ScalingPoint(
        axis,
        value,
        parameters=sum(int(np.prod(shape)) for shape in shapes),
        seconds=float(np.median(medians)),
        peak_bytes=run_job(job | {"memory": True}, variables)["peak_bytes"],
    )


def fit_growth(points: Sequence[ScalingPoint]) -> list[Growth]:
    """Fit an exponent for each axis and cost, on the larger half of the values.

    At small sizes the cost is that of calling NumPy, whatever the size, so only the larger half
    (at least three points where there are three) tells how the work grows. An axis of one
    point is left out.
    """
    found = []
    for axis in dict.fromkeys(point.axis for point in points):
        chosen = sorted((p for p in points if p.axis == axis), key=lambda point: point.value)
        chosen = chosen[-max(3, (len(chosen) + 1) // 2) :]
        if len(chosen) < 2:
            continue
        for cost in ("seconds", "peak_bytes"):
            values = [point.value for point in chosen]
            costs = [getattr(point, cost) for point in chosen]
            found.append(Growth(axis, cost, *fit_exponent(values, costs)))
    return found


def fit_exponent(values: Sequence[float], costs: Sequence[float]) -> tuple[float, float, float]:
    """Return the slope of log cost over log value, and its 95 % interval.

    Raises
    ------
    ValueError
        For fewer than two points.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} point; expected at least 2")
    from scipy import stats

    x, y = np.log(values), np.log(costs)
    deviation = x - x.mean()
    slope = float(deviation @ y / (deviation @ deviation))
    if len(x) == 2:
        return slope, -np.inf, np.inf
    residual = y - y.mean() - slope * deviation
    error = np.sqrt(residual @ residual / (len(x) - 2) / (deviation @ deviation))
    half = float(stats.t.ppf(0.975, len(x) - 2) * error)
    return slope, slope - half, slope + half
