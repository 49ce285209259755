import math
from statistics import median

import pytest

from experiments.report.summary import first_divergence, speed
from experiments.trials.turns import EpochSeconds


def measured(*repeats):
    """Timings from pairs of scratchnet's and Keras's seconds, a pair for each repeat."""
    return [
        EpochSeconds(side, repeat, 1, seconds)
        for repeat, pair in enumerate(repeats, start=1)
        for side, seconds in zip(("scratchnet", "keras"), pair, strict=True)
    ]


def test_the_speed_is_the_quotient_of_the_medians():
    found = speed(measured((1.0, 20.0), (2.0, 30.0), (3.0, 70.0)))
    assert found.ratio == 30.0 / 2.0
    assert found.low < found.ratio < found.high


def test_the_interval_is_student_s_over_the_repeats():
    found = speed(measured((1.0, 10.0), (1.0, 20.0), (1.0, 40.0)))
    # Logarithms to base 2 of the ratios, less their mean: -1, 0, 1, with standard deviation 1.
    half = 4.302652729911275 / math.sqrt(3)
    assert found.low == pytest.approx(20 * 2**-half)
    assert found.high == pytest.approx(20 * 2**half)


def test_one_repeat_has_no_interval():
    found = speed(measured((1.0, 10.0)))
    assert found.ratio == 10.0
    assert math.isnan(found.low)


def test_without_timings_of_both_sides_there_is_no_speed():
    assert speed([]) is None
    assert speed([EpochSeconds("keras", 1, 1, 2.0)]) is None


def test_a_summary_tells_the_worst_of_each_mode(summaries):
    wrong = next(summary for summary in summaries if summary.name == "wrong")
    assert (wrong.verdict, wrong.lockstep, wrong.free) == ("divergent", "divergent", "rounding")
    assert (wrong.gradient_ulps, wrong.gradient_share) == (4e6, 2e5)
    assert wrong.steps == 3
    assert wrong.speed.ratio == wrong.seconds["keras"] / wrong.seconds["scratchnet"]


def test_the_first_divergence_is_of_the_earliest_step(moons_result):
    from dataclasses import replace

    rows = moons_result.parity
    steps = sorted({row.step for row in rows if row.mode == "layer"})
    late = next(row for row in rows if row.mode == "layer" and row.step == steps[-1])
    early = next(row for row in rows if row.mode == "layer" and row.step == steps[1])
    whole = next(row for row in rows if row.mode == "step" and row.step == steps[0])
    spoilt = [
        replace(row, verdict="divergent") if row in (late, early, whole) else row for row in rows
    ]
    assert first_divergence(spoilt) == replace(early, verdict="divergent")
    assert first_divergence(rows) is None


def test_seconds_are_medians(summaries, mixed_run):
    from experiments.report.run_result import RunResult

    result = RunResult.load(mixed_run).results["kink"]
    own = [r.seconds for r in result.seconds_per_epoch if r.implementation == "keras"]
    kink = next(summary for summary in summaries if summary.name == "kink")
    assert kink.seconds["keras"] == median(own)
