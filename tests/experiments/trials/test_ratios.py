from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.trials import ratios

# Seconds per epoch of scratchnet on notebook/full/sgd in one process after another, on two cores
# that other programs used heavily (busy) or little (quiet): medians of
# `experiments.bench.protocol`.
NOISE = pd.read_csv(Path(__file__).parent / "noise.csv")
RANDOM = np.random.RandomState(5)
VALUES = RANDOM.standard_normal(8)


def test_student_interval_is_scipys():
    expected = stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose(ratios.student_interval(VALUES), expected, rtol=1e-12)


def test_welch_interval_is_scipys():
    other = RANDOM.standard_normal(5) * 3
    expected = stats.ttest_ind(VALUES, other, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose(ratios.welch_interval(VALUES, other), expected, rtol=1e-12)


def test_rank_interval_is_that_of_the_textbook():
    # Hamilton's depression scores in Hollander & Wolfe, as R's wilcox.test(conf.int = TRUE) has it.
    scores = [-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010]
    assert ratios.rank_interval(np.array(scores)) == pytest.approx((-0.786, -0.010))


def test_five_values_have_no_rank_interval():
    assert ratios.rank_interval(VALUES[:5]) == (-np.inf, np.inf)


def test_bootstrap_interval_of_a_constant_is_a_point():
    assert ratios.bootstrap_interval(np.full(6, 0.25)) == (0.25, 0.25)


def test_bootstrap_interval_lies_within_the_values():
    low, high = ratios.bootstrap_interval(VALUES)
    assert VALUES.min() <= low < np.median(VALUES) < high <= VALUES.max()


@pytest.mark.parametrize("pairs", [1, 2])
def test_fewer_than_three_pairs_give_no_verdict(pairs):
    found = ratios.compare([1e-3] * pairs, [1.0] * pairs)
    assert found.verdict == "inconclusive"
    assert found.ratio == pytest.approx(1e-3)
    assert not ratios.settled([1e-3] * pairs, [1.0] * pairs)


def test_three_pairs_show_that_thirty_times_is_faster():
    found = ratios.compare([1.0, 1.1, 0.9], [30.0, 31.0, 33.0])
    assert found.verdict == "faster"
    assert found.low < 1 / 30 < found.high


def test_exchanging_the_sides_inverts_the_ratio_and_the_verdict():
    ours, theirs = [1.0, 1.02, 0.99, 1.01], [1.5, 1.52, 1.49, 1.55]
    there, back = ratios.compare(ours, theirs), ratios.compare(theirs, ours)
    assert (there.verdict, back.verdict) == ("faster", "slower")
    assert there.ratio * back.ratio == pytest.approx(1.0)
    assert there.low * back.high == pytest.approx(1.0, rel=1e-3)


def test_a_difference_below_the_equivalence_margin_is_not_called():
    steady = 1.0 + 1e-5 * np.arange(8)
    assert ratios.compare(steady * 1.005, steady).verdict == "inconclusive"
    assert ratios.compare(steady * 1.02, steady).verdict == "slower"


def test_narrow_intervals_settle_and_wide_ones_do_not():
    steady = 1.0 + 1e-4 * np.arange(4)
    assert ratios.settled(steady, steady[::-1])
    assert not ratios.settled([1.0, 1.2, 0.8, 1.1], [1.0, 1.0, 1.0, 1.0])


def _called(machine: str, slowdown: float) -> float:
    """Share of 200 simulated comparisons of equals that end with a verdict.

    Neighbours in the record are a pair; pairs are drawn with replacement, sides by a coin, and
    pairs are added until the protocol would stop, or has forty.
    """
    seconds = NOISE.loc[NOISE["machine"] == machine, "seconds"].to_numpy()
    pairs = np.log(seconds).reshape(-1, 2)
    differences = pairs[:, 0] - pairs[:, 1]
    random = np.random.RandomState(0)
    called = 0
    for _ in range(200):
        drawn = random.choice(differences, 40) * random.choice([-1.0, 1.0], 40)
        ours, theirs = slowdown * np.exp(drawn), np.ones(40)
        count = next((n for n in range(3, 40) if ratios.settled(ours[:n], theirs[:n])), 40)
        verdict = ratios.compare(ours[:count], theirs[:count]).verdict
        called += verdict == "slower" if slowdown > 1 else verdict != "inconclusive"
    return called / 200


@pytest.mark.parametrize("machine", ["quiet", "busy"])
def test_at_most_one_in_twenty_comparisons_of_equals_calls_a_difference(machine):
    assert _called(machine, 1.0) <= 0.05


@pytest.mark.parametrize("machine", ["quiet", "busy"])
def test_a_tenth_more_time_is_found_in_four_of_five_comparisons(machine):
    assert _called(machine, 1.1) >= 0.8


def test_two_runs_of_different_length_are_compared():
    old, new = [1.0, 1.01, 0.99, 1.0], [1.3, 1.31, 1.29, 1.3, 1.32, 1.28]
    found = ratios.compare_runs(new, old, equivalence=0.05)
    assert found.verdict == "slower"
    assert found.ratio == pytest.approx(1.3)
    assert ratios.compare_runs(old, new, equivalence=0.05).verdict == "faster"
    assert ratios.compare_runs(new, old, equivalence=0.4).verdict == "inconclusive"


def test_steady_values_bring_no_warning():
    assert ratios.instabilities([1.0, 1.01, 0.99], [0.1, 0.2]) == []


@pytest.mark.parametrize(
    ("values", "raw", "word"),
    [
        ([1.0, 1.4, 0.8], [0.1], "standard deviation"),
        ([1.0, 1.0, 1.0, 0.3], [0.1], "fastest"),
        ([1.0, 1.0, 1.0, 2.0], [0.1], "slowest"),
        ([1.0, 1.0], [0.0005], "shortest segment took 0.50 ms"),
    ],
)
def test_what_pyperf_warns_of_is_warned_of(values, raw, word):
    assert any(word in warning for warning in ratios.instabilities(values, raw))
