import numpy as np
import pytest

from experiments.bench import crossover
from experiments.bench.protocol import ProcessError


def timed(speedup):
    """A stand-in for processes: scratchnet takes a second, Keras `speedup(width, batch)`."""

    def run_job(job, _):
        width = job["workload"]["architecture"]["input_shape"][0]
        keras = speedup(width, job["workload"]["batch_size"])
        return {"seconds": [1.0 if job["peer"] == "scratchnet" else keras] * 3}

    return run_job


def measure(run_job, time_limit=60.0):
    failures = []
    points = crossover.measure_map(
        threads=1,
        time_limit=time_limit,
        on_point=lambda _: None,
        on_failure=failures.append,
        run_job=run_job,
    )
    return list(points), failures


def test_where_one_side_always_wins_the_grid_stays_coarse():
    points, failures = measure(timed(lambda *_: 5.0))
    assert len(points) == len(crossover.COARSE_WIDTHS) * len(crossover.COARSE_BATCHES)
    assert failures == []
    assert {point.speedup for point in points} == {5.0}
    assert {point.width for point in points} >= {2, 2048}
    assert {point.batch_size for point in points} >= {1, 4096}


def test_the_grid_is_refined_until_the_line_lies_between_neighbours():
    points, _ = measure(timed(lambda width, _: 300.0 / width))
    widths = sorted({point.width for point in points if point.batch_size == 16})
    slower = min(width for width in widths if width > 300)
    faster = max(width for width in widths if width < 300)
    assert (faster, slower) == (256, 512)
    assert len(points) < len(crossover.WIDTHS) * len(crossover.BATCHES) / 2


def test_a_point_that_fails_is_told_and_the_rest_is_measured():
    def run_job(job, variables):
        if job["workload"]["batch_size"] == 4096 and job["peer"] == "keras_best":
            raise ProcessError("took more than 240 s")
        return {"seconds": [1.0]}

    points, failures = measure(run_job)
    assert len(failures) == len(crossover.COARSE_WIDTHS)
    assert all("batch size 4096: took more than 240 s" in failure for failure in failures)
    assert len(points) == len(crossover.COARSE_WIDTHS) * (len(crossover.COARSE_BATCHES) - 1)


def test_nothing_begins_after_the_time_limit():
    assert measure(timed(lambda *_: 1.0), time_limit=-1.0) == ([], [])


@pytest.mark.parametrize(("width", "batch_size"), [(2, 1), (2048, 4096), (64, 16)])
def test_an_epoch_has_whole_batches_and_at_most_64_of_them(width, batch_size):
    workload = crossover.map_workload(width, batch_size)
    assert workload.samples % batch_size == 0
    assert 1 <= workload.steps <= 64


@pytest.mark.parametrize("count", [1, 2, 20])
def test_the_picture_is_drawn_from_any_number_of_points(tmp_path, count):
    from matplotlib.image import imread

    from experiments.bench.plots import draw_map

    points, _ = measure(timed(lambda width, batch: 300.0 / width * batch**0.2))
    draw_map(points[:count], tmp_path / "map.png")
    picture = imread(tmp_path / "map.png")
    assert picture.shape[0] > 300
    assert np.ptp(picture[..., :3]) > 0.5
