"""Statistics of timings: ratios with intervals, verdicts, and warnings about unstable values.

All intervals are computed on logarithms of ratios, where twice as fast and twice as slow lie
equally far from 0. docs/timing.md says why the bootstrap alone is not enough here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.types import Array

CONFIDENCE = 0.95
MINIMUM_PAIRS = 3
"""Below this number of pairs there is no verdict."""
EQUIVALENCE = 0.01
"""A ratio this near to 1 counts as equal."""
SETTLED_WIDTH = 0.05
"""An interval narrower than this share of its ratio needs no more pairs."""

_RESAMPLES = 1999
# The rank interval does not exist for fewer: 2 / 2^5 is more than 5 %.
_MINIMUM_FOR_RANKS = 6


@dataclass(frozen=True)
class Comparison:
    """Scratchnet's seconds per epoch over a peer's.

    Attributes
    ----------
    ratio
        Median of the pairs' ratios: below 1, scratchnet is faster.
    low, high
        95 % interval of it.
    pairs
        Number of pairs.
    verdict
        ``faster`` or ``slower`` (scratchnet than the peer), or ``inconclusive``.
    """

    ratio: float
    low: float
    high: float
    pairs: int
    verdict: str


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    """Compare the processes of scratchnet with those of a peer, pair by pair.

    Parameters
    ----------
    ours, theirs
        Median seconds per epoch of each process, round by round; of the same length, at least 1.
    """
    logs = np.log(np.asarray(ours)) - np.log(np.asarray(theirs))
    low, high = paired_interval(logs)
    return _comparison(float(np.median(logs)), low, high, len(logs), EQUIVALENCE)


def settled(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether no more pairs are needed: there are enough, and their interval is narrow."""
    logs = np.log(np.asarray(ours)) - np.log(np.asarray(theirs))
    if len(logs) < MINIMUM_PAIRS:
        return False
    # The guard is quickly computed, and mostly says no.
    for interval in (_guard, paired_interval):
        low, high = (float(np.exp(value)) for value in interval(logs))
        if high - low >= SETTLED_WIDTH * float(np.exp(np.median(logs))):
            return False
    return True


def compare_runs(new: Sequence[float], old: Sequence[float], *, equivalence: float) -> Comparison:
    """Compare two runs that were not made in pairs: the ratio of new over old.

    Parameters
    ----------
    new, old
        A positive figure of each process; at least 1 each.
    equivalence
        A ratio this near to 1 counts as equal.

    Returns
    -------
    Comparison
        ``slower`` says that the new run is; its `pairs` is the smaller number of processes.
    """
    new_logs, old_logs = np.log(np.asarray(new)), np.log(np.asarray(old))
    low, high = _hull(welch_interval(new_logs, old_logs), bootstrap_interval(new_logs, old_logs))
    ratio = float(np.median(new_logs) - np.median(old_logs))
    return _comparison(ratio, low, high, min(len(new_logs), len(old_logs)), equivalence)


def _comparison(
    ratio: float, low: float, high: float, pairs: int, equivalence: float
) -> Comparison:
    verdict, margin = "inconclusive", float(np.log1p(equivalence))
    if pairs >= MINIMUM_PAIRS and high < -margin:
        verdict = "faster"
    elif pairs >= MINIMUM_PAIRS and low > margin:
        verdict = "slower"
    return Comparison(float(np.exp(ratio)), float(np.exp(low)), float(np.exp(high)), pairs, verdict)


def paired_interval(logs: ArrayLike) -> tuple[float, float]:
    """Return the 95 % interval of the median of paired logarithms of ratios.

    It is the BCa bootstrap interval, widened where a guard that does not trust so few values
    reaches farther: Student's t for fewer than six pairs, Wilcoxon's signed ranks from six on.
    """
    values = np.asarray(logs, np.float64)
    return _hull(_guard(values), bootstrap_interval(values))


def _guard(values: Array) -> tuple[float, float]:
    few = len(values) < _MINIMUM_FOR_RANKS
    return student_interval(values) if few else rank_interval(values)


def bootstrap_interval(*samples: Array) -> tuple[float, float]:
    """Return the 95 % BCa bootstrap interval (Efron 1987) of the median.

    Parameters
    ----------
    samples
        One array, or two for the difference of their medians.

    Returns
    -------
    tuple of float
        Lowest and highest; nan for fewer than three values.
    """
    if min(len(sample) for sample in samples) < 3:
        return float("nan"), float("nan")
    if all(np.ptp(sample) == 0 for sample in samples):
        exact = _median_difference(*samples)
        return float(exact), float(exact)
    from scipy import stats

    found = np.array([np.nan, np.nan])
    # Where the jackknife cannot tell its acceleration, BCa gives nan: then plain percentiles.
    for method in ("BCa", "percentile"):
        if np.isnan(found).any():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = np.array(
                    stats.bootstrap(
                        samples,
                        _median_difference,
                        confidence_level=CONFIDENCE,
                        n_resamples=_RESAMPLES,
                        method=method,
                        rng=np.random.default_rng(0),
                    ).confidence_interval
                )
    return float(found[0]), float(found[1])


def student_interval(values: Array) -> tuple[float, float]:
    """Return Student's 95 % interval of the mean; infinite for one value."""
    if len(values) < 2:
        return -np.inf, np.inf
    from scipy import stats

    n = len(values)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    half = float(quantile * values.std(ddof=1) / np.sqrt(n))
    return float(values.mean()) - half, float(values.mean()) + half


def welch_interval(first: Array, second: Array) -> tuple[float, float]:
    """Return Welch's 95 % interval of the difference of two means; infinite for one value."""
    if min(len(first), len(second)) < 2:
        return -np.inf, np.inf
    difference = float(first.mean() - second.mean())
    shares = np.array([x.var(ddof=1) / len(x) for x in (first, second)])
    if not shares.any():
        return difference, difference
    from scipy import stats

    freedom = shares.sum() ** 2 / np.sum(shares**2 / np.array([len(first) - 1, len(second) - 1]))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(shares.sum()))
    return difference - half, difference + half


def rank_interval(values: Array) -> tuple[float, float]:
    """Return the 95 % interval of the centre by Wilcoxon's signed ranks.

    Its ends are order statistics of the means of all pairs of values (Hollander, Wolfe & Chicken,
    Nonparametric Statistical Methods, ch. 3): a few wild values hardly move them. Infinite for
    fewer than six values.
    """
    n = len(values)
    i, j = np.triu_indices(n)
    means = np.sort((values[i] + values[j]) / 2)
    position = _rank_position(n)
    if position == 0:
        return -np.inf, np.inf
    return float(means[position - 1]), float(means[-position])


@cache
def _rank_position(n: int) -> int:
    """Return which of the sorted means, from 1, is the lower end; 0 if there is none."""
    # How likely each sum of ranks is when every rank counts or not by the toss of a coin.
    likely = np.ones(1)
    for rank in range(1, n + 1):
        padding = np.zeros(rank)
        likely = (np.append(likely, padding) + np.append(padding, likely)) / 2
    return int(np.searchsorted(np.cumsum(likely), (1 - CONFIDENCE) / 2))


def instabilities(values: Sequence[float], raw_seconds: Sequence[float]) -> list[str]:
    """Return warnings at the limits that pyperf warns at; none means stable.

    Parameters
    ----------
    values
        Seconds per epoch of each process.
    raw_seconds
        Lengths of the timed segments.
    """
    found = []
    array = np.asarray(values)
    mean = array.mean()
    if len(array) > 1 and (share := array.std(ddof=1) / mean) > 0.1:
        found.append(f"standard deviation is {share:.0%} of the mean")
    if (lowest := 1 - array.min() / mean) > 0.5:
        found.append(f"the fastest process is {lowest:.0%} below the mean")
    if (highest := array.max() / mean - 1) > 0.5:
        found.append(f"the slowest process is {highest:.0%} above the mean")
    if (shortest := min(raw_seconds)) < 1e-3:
        found.append(f"the shortest segment took {1e3 * shortest:.2f} ms")
    return found


def _median_difference(first: Array, second: Any = None, axis: Any = -1) -> Any:
    median = np.median(first, axis=axis)
    return median if second is None else median - np.median(second, axis=axis)


def _hull(guard: tuple[float, float], found: tuple[float, float]) -> tuple[float, float]:
    """Return the wider of two intervals on each side; the second may be nan."""
    return float(np.fmin(guard[0], found[0])), float(np.fmax(guard[1], found[1]))
