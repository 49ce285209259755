import numpy as np
import pytest
from scipy import stats

from experiments.bench import scaling


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_a_power_law_gives_its_exponent(exponent):
    values = [1, 2, 4, 8]
    found = scaling.fit_exponent(values, [3.0 * v**exponent for v in values])
    assert found == pytest.approx((exponent,) * 3, abs=1e-9)


def test_the_interval_is_that_of_linear_regression():
    values, costs = [1.0, 2.0, 4.0, 8.0, 16.0], [1.0, 2.2, 3.7, 8.5, 15.0]
    line = stats.linregress(np.log(values), np.log(costs))
    slope, low, high = scaling.fit_exponent(values, costs)
    quantile = stats.t.ppf(0.975, 3)
    assert slope == pytest.approx(line.slope)
    np.testing.assert_allclose(
        [low, high], [slope - quantile * line.stderr, slope + quantile * line.stderr]
    )


def test_two_points_have_a_slope_and_no_interval():
    assert scaling.fit_exponent([1, 10], [1, 100]) == pytest.approx((2.0, -np.inf, np.inf))
    with pytest.raises(ValueError, match="at least 2"):
        scaling.fit_exponent([1], [1])


def run_job(job, _):
    """A stand-in for processes: time and memory grow with the work, after a fixed part."""
    workload = scaling.Workload.from_dict(job["workload"])
    width, depth = workload.architecture.input_shape[0], len(workload.architecture.layers) - 1
    if job["memory"]:
        return {"peak_bytes": 4 * width**2 * depth + 4 * width * workload.batch_size}
    return {"seconds": [1e-9 * workload.samples * width**2 * depth] * 3}


def measure(on_point, run_job=run_job):
    return list(
        scaling.measure_scaling(
            threads=1, on_point=on_point, on_failure=pytest.fail, run_job=run_job
        )
    )


def test_every_axis_is_measured_and_fitted():
    told = []
    points = measure(told.append)
    assert len(points) == len(told) == sum(len(values) for values in scaling.AXES.values())
    growth = {(g.axis, g.cost): g.exponent for g in scaling.fit_growth(points)}
    assert set(growth) == {(a, c) for a in scaling.AXES for c in ("seconds", "peak_bytes")}
    assert growth["samples", "seconds"] == pytest.approx(1.0)
    assert growth["width", "seconds"] == pytest.approx(2.0)
    assert growth["samples", "peak_bytes"] == pytest.approx(0.0)


def test_parameters_are_counted():
    (point, *_) = [p for p in measure(lambda _: None) if (p.axis, p.value) == ("width", 16)]
    assert point.parameters == 3 * (16 * 16 + 16) + 17


def test_memory_does_not_grow_with_the_number_of_samples():
    from experiments.bench.process import measure_memory

    def peak(samples):
        workload = scaling.scaling_workload(samples, width=64, depth=2, batch_size=16)
        return measure_memory({"peer": "scratchnet", "workload": workload.to_dict()})["peak_bytes"]

    peak(64)  # what Python itself keeps from a first run
    # The data are a hundred times more; training on them holds one batch at a time.
    assert peak(6400) < 2 * peak(64)


def test_the_picture_is_drawn(tmp_path):
    from experiments.bench.plots import draw_scaling

    points = measure(lambda _: None)
    draw_scaling(points, scaling.fit_growth(points), tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
