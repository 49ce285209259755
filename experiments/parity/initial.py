"""The initial state: weights are drawn from the specified distributions, slots start at 0.

The two sides draw from different streams of random numbers, so initial weights cannot be compared
one by one: their distribution is held against Keras's by a Kolmogorov-Smirnov test, and against its
support. A correct side is called divergent with a probability of `SIGNIFICANCE` per initializer.
The article's initializer is the exception: its numbers are specified to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments.parity.mistakes import SENTENCES, Diagnosis
from experiments.parity.trace import ParityRow
from scratchnet.architecture import Architecture
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers import Dense
from scratchnet.types import Array

Draw = Callable[[Architecture, int], Mapping[str, Array]]
"""From an architecture and a seed to initial weights by full name."""

SIGNIFICANCE = 1e-6
SEEDS = range(12)
FEATURES, UNITS = 40, 24

_STANDARD_DEVIATION_CUT_AT_2 = 0.87962566103423978


@dataclass(frozen=True)
class Distribution:
    """What an initializer draws from.

    Attributes
    ----------
    shape
        ``uniform``, ``normal``, ``truncated normal`` (at two standard deviations), or
        ``spherical``: a coordinate of a point on the unit sphere.
    deviation
        Standard deviation.
    """

    shape: str
    deviation: float

    @property
    def limit(self) -> float:
        """Largest absolute value that can be drawn."""
        return {
            "uniform": self.deviation * float(np.sqrt(3)),
            "normal": float("inf"),
            "truncated normal": 2 * self.deviation / _STANDARD_DEVIATION_CUT_AT_2,
            "spherical": 1.0,
        }[self.shape]

    def fits(self, values: Array) -> bool:
        """Whether a sample may come from it; its deviation being an estimate from the sample."""
        within = float(np.max(np.abs(values))) <= self.limit * (1 + 5 / np.sqrt(2 * values.size))
        return within and self.distance(values) <= critical_distance(values.size)

    def distance(self, values: Array) -> float:
        """Return the Kolmogorov-Smirnov distance of a sample."""
        from scipy.stats import beta, kstest, norm, truncnorm, uniform

        half = (1 / self.deviation**2 - 1) / 2
        distribution = {
            "uniform": uniform(-self.limit, 2 * self.limit),
            "normal": norm(scale=self.deviation),
            "truncated normal": truncnorm(-2, 2, scale=self.limit / 2),
            "spherical": beta(half, half, -1, 2) if self.shape == "spherical" else None,
        }[self.shape]
        return float(kstest(values, distribution.cdf).statistic)

    def __str__(self) -> str:
        return f"a {self.shape} distribution of standard deviation {self.deviation:.3g}"


def specified(initializer: str, fan_in: int, fan_out: int) -> Distribution:
    """Return what Keras draws from.

    Glorot's variance is ``2 / (fan_in + fan_out)``, He's ``2 / fan_in``, LeCun's ``1 / fan_in``
    (``keras.initializers.VarianceScaling``). A column of a random orthogonal matrix is a point on
    the unit sphere.
    """
    if initializer == "random_uniform":
        return Distribution("uniform", 0.05 / float(np.sqrt(3)))
    if initializer == "random_normal":
        return Distribution("normal", 0.05)
    if initializer == "truncated_normal":
        return Distribution("truncated normal", 0.05 * _STANDARD_DEVIATION_CUT_AT_2)
    if initializer == "orthogonal":
        return Distribution("spherical", 1 / float(np.sqrt(max(fan_in, fan_out))))
    family, _, shape = initializer.partition("_")
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    variance = variances[family]
    return Distribution(
        "uniform" if shape == "uniform" else "truncated normal", float(np.sqrt(variance))
    )


def critical_distance(count: int) -> float:
    """Return the Kolmogorov-Smirnov distance that a sample exceeds with `SIGNIFICANCE`."""
    return float(np.sqrt(np.log(2 / SIGNIFICANCE) / (2 * count)))


def judge_initial_weights(draw: Draw) -> list[tuple[ParityRow, Diagnosis | None]]:
    """Judge the initial weights that a side draws, one row per initializer.

    Parameters
    ----------
    draw
        The side.

    Returns
    -------
    list
        Rows of mode ``initial``; `max_abs` is the Kolmogorov-Smirnov distance and `bound_ratio`
        its share of the critical one.
    """
    return [judge_initializer(draw, name) for name in INITIALIZERS]


def judge_initializer(draw: Draw, name: str) -> tuple[ParityRow, Diagnosis | None]:
    """Judge one initializer; see `judge_initial_weights`."""
    layers = tuple(Dense(UNITS, kernel_initializer=name) for _ in range(2))
    architecture = Architecture((FEATURES,), layers, "mean_squared_error")
    drawn = [draw(architecture, seed) for seed in SEEDS]
    kernels = np.array([weights["dense_1/kernel"] for weights in drawn], np.float64)
    row = _row(name)
    if name in ("zeros", "ones", "article"):
        exact = np.array([_specified_numbers(name, seed) for seed in SEEDS])
        largest = float(np.max(np.abs(kernels - exact)))
        diagnosis = None if largest == 0 else _unlike(kernels, exact)
        return _judged(replace(row, max_abs=largest), diagnosis, exact=True)
    right = specified(name, FEATURES, UNITS)
    distance = right.distance(kernels.ravel())
    beyond = float(np.max(np.abs(kernels)) / right.limit)
    # float64 rounds the limit itself.
    ratio = max(distance / critical_distance(kernels.size), beyond if beyond > 1 + 1e-12 else 0.0)
    row = replace(row, max_abs=distance, bound_ratio=ratio)
    if name == "orthogonal" and not all(_is_orthogonal(kernel) for kernel in kernels):
        return _judged(row, _diagnosis("initial_not_orthogonal"))
    return _judged(row, _mistake_in(drawn, kernels, right) if ratio > 1 else _repeated(drawn))


def _is_orthogonal(kernel: Array) -> bool:
    """Whether the columns of a tall matrix are orthonormal, to rounding."""
    departure = kernel.T @ kernel - np.eye(kernel.shape[1])
    return bool(np.max(np.abs(departure)) <= 4 * len(kernel) * np.finfo(kernel.dtype).eps)


def judge_initial_slots(
    slots: Mapping[str, Array], iterations: int = 0
) -> list[tuple[ParityRow, Diagnosis | None]]:
    """Judge an optimizer before its first update: Keras's slots, and its count, start at 0.

    Parameters
    ----------
    slots
        By full name, as ``dense_1/kernel_momentum``.
    iterations
        Number of updates that it thinks were made.
    """
    diagnosis = None
    if iterations:
        diagnosis = _diagnosis("initial_iterations", found=iterations)
    judged = [_judged(_row("optimizer", "iterations"), diagnosis, exact=True)]
    for name, values in slots.items():
        found = float(values.ravel()[np.argmax(np.abs(values))])
        diagnosis = None
        if found != 0:
            diagnosis = _diagnosis("initial_slot", name, found=found, expected=0.0)
        layer, _, tensor = name.rpartition("/")
        row = replace(_row(layer, tensor), max_abs=abs(found))
        judged.append(_judged(row, diagnosis, exact=True))
    return judged


def _row(layer: str, tensor: str = "kernel") -> ParityRow:
    return ParityRow(
        mode="initial",
        step=0,
        layer=layer,
        tensor=tensor,
        max_abs=0.0,
        max_rel=0.0,
        max_ulp=0.0,
        bound_ratio=0.0,
        expected_ratio=float("nan"),
        floor=float("nan"),
        side="",
        verdict="",
        diagnosis="",
    )


def _judged(
    row: ParityRow, diagnosis: Diagnosis | None, *, exact: bool = False
) -> tuple[ParityRow, Diagnosis | None]:
    if diagnosis is not None:
        row = replace(row, verdict="divergent", side="scratchnet", diagnosis=diagnosis.sentence)
        return row, diagnosis
    return replace(row, verdict="identical" if exact else "rounding"), None


def _specified_numbers(name: str, seed: int) -> Array:
    if name in ("zeros", "ones"):
        return np.full((FEATURES, UNITS), float(name == "ones"))
    # The article draws a standard normal times 0.1, as (units, inputs).
    return np.random.RandomState(seed).standard_normal((UNITS, FEATURES)).T * 0.1


def _unlike(found: Array, exact: Array) -> Diagnosis:
    """Say how numbers differ that are specified one by one."""
    if np.ptp(found) == 0:
        return _diagnosis("initial_constant", found=float(found.flat[0]))
    if np.array_equal(np.sort(found, axis=None), np.sort(exact, axis=None)):
        return _diagnosis("initial_order")
    if (scale := float(np.std(exact))) > 0:
        return _diagnosis("initial_scale", factor=float(np.std(found)) / scale)
    return _diagnosis("initial_distribution", found="random numbers", expected="nothing: zeros")


def _mistake_in(drawn: list[Mapping[str, Array]], kernels: Array, right: Distribution) -> Diagnosis:
    """Say how a sample differs from its distribution."""
    if (repeated := _repeated(drawn)) is not None:
        return repeated
    if np.ptp(kernels) == 0:
        return _diagnosis("initial_constant", found=float(kernels.flat[0]))
    mean, deviation = float(np.mean(kernels)), float(np.std(kernels))
    if abs(mean) > 5 * deviation / np.sqrt(kernels.size):
        return _diagnosis("initial_shifted", found=mean)
    shapes = (right.shape, "uniform", "truncated normal", "normal")
    for found in (Distribution(shape, deviation) for shape in shapes):
        if found.fits(kernels.ravel()):
            if found.shape == right.shape:
                return _diagnosis("initial_scale", factor=deviation / right.deviation)
            return _diagnosis("initial_distribution", found=str(found), expected=str(right))
    return _diagnosis("initial_distribution", found="something else", expected=str(right))


def _repeated(drawn: list[Mapping[str, Array]]) -> Diagnosis | None:
    """Say so if layers or seeds share their numbers."""
    first, second = drawn[0]["dense_1/kernel"].ravel(), drawn[0]["dense_2/kernel"].ravel()
    n = min(first.size, second.size)
    # The layers' numbers may be the same but for their scale.
    for a, b in ((first[:n], second[:n]), (first, drawn[1]["dense_1/kernel"].ravel())):
        if np.ptp(a) > 0 and np.ptp(b) > 0 and np.corrcoef(a, b)[0, 1] > 0.99:
            return _diagnosis("initial_repeated")
    return None


def _diagnosis(code: str, tensor: str = "", **values: Any) -> Diagnosis:
    return Diagnosis(code, SENTENCES[code].format(**values), tensor)
