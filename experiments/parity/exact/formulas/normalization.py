"""Normalization: values less their mean, divided by the root of their variance."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.parity.exact.formulas.place import (
    Computed,
    Gradients,
    LayerFormula,
    Place,
    as_rows,
    with_shape,
)
from experiments.parity.exact.rounding import Bounded
from scratchnet.layers import BatchNormalization

RSQRT_ROUNDOFFS = 4
"""Backends have an instruction, and a step of Newton's, for 1 / sqrt(x): up to 2 units."""


@dataclass(frozen=True)
class Statistics:
    """Mean and variance over the first axis, ``(1, columns)`` each, and what is made of them.

    Attributes
    ----------
    mean, variance
        The biased variance.
    """

    mean: Bounded
    variance: Bounded

    @classmethod
    def of(cls, x: Bounded, *, from_squares: bool = False) -> Statistics:
        """Compute them; `from_squares` allows for E[x^2] - E[x]^2, which cancels."""
        mean = _mean(x)
        centred = x - mean
        variance = _mean(centred * centred)
        if from_squares:
            other = _mean(x * x) - mean * mean
            variance = variance.widen(other.error)
        return cls(mean, variance)

    def root(self, epsilon: float) -> Bounded:
        """Return ``1 / sqrt(variance + epsilon)``."""
        inverse = 1 / (self.variance + self.variance.precision.rounded(epsilon)).sqrt()
        return inverse.widen(RSQRT_ROUNDOFFS * inverse.precision.roundoff * inverse.size)


def standardise(
    x: Bounded, statistics: Statistics, root: Bounded, gamma: Bounded | None, beta: Bounded | None
) -> Bounded:
    """Return ``x s + (beta - mean s)`` with ``s = gamma root``: Keras's form, which cancels.

    Parameters
    ----------
    x
        ``(values, columns)``.
    statistics, root
        Over the values.
    gamma, beta
        ``(1, columns)`` or ``(values, columns)``; None: 1 and 0.
    """
    scale = root if gamma is None else root * gamma
    shift = -(statistics.mean * scale)
    return x * scale + (shift if beta is None else shift + beta)


def standardise_back(
    x: Bounded, da: Bounded, statistics: Statistics, root: Bounded, gamma: Bounded | None
) -> tuple[Bounded, Bounded, Bounded]:
    """Return the gradients of x, gamma and beta, the latter two in the shape of gamma.

    Differentiated term by term as Keras's form is: ``sum da x - mean sum da`` cancels too.
    """
    scale = root if gamma is None else root * gamma
    like, n = scale.shape, x.shape[0]
    dshift = _summed(da, like)
    dscale = _summed(da * x, like) - statistics.mean * dshift
    dgamma = dscale * root
    droot = _summed(dscale if gamma is None else dscale * gamma, root.shape)
    dvariance = -(droot * (root * root * root)) / 2
    dmean = -_summed(dshift * scale, root.shape)
    # Some differentiate the mean within the variance too, which adds the rounded 0 of a sum.
    dmean = dmean.widen(2 * n * dvariance.size * statistics.mean.error)
    centred = x - statistics.mean
    dx = da * scale + (2 * centred) * (dvariance / n) + dmean / n
    # Means are divided by their number, or multiplied by its rounded reciprocal.
    dx = dx.widen(2 * dx.precision.roundoff * ((dmean / n).size + (centred * dvariance).size / n))
    return dx, dgamma, dshift


def batch_normalization(layer: BatchNormalization, at: Place) -> Computed:
    """``a = gamma (x - mean) / sqrt(variance + epsilon) + beta`` over samples and positions."""
    [x] = at.inputs
    if at.masks[0] is not None:
        raise NotImplementedError(f"layer {layer.name!r}: no exact formula with a mask")
    rows = as_rows(x)
    gamma, beta = (_as_row(at.weights.get(name)) for name in ("gamma", "beta"))
    moving = Statistics(
        with_shape(at.weights["moving_mean"], (1, -1)),
        with_shape(at.weights["moving_variance"], (1, -1)),
    )
    statistics, updates = moving, dict[str, Bounded]()
    if at.training:
        statistics = Statistics.of(rows, from_squares=at.conventions.variance_from_squares)
        kept, added = (x.precision.rounded(m) for m in (layer.momentum, 1 - layer.momentum))
        updates = {
            f"moving_{name}": with_shape(
                getattr(moving, name) * kept + getattr(statistics, name) * added, (-1,)
            )
            for name in ("mean", "variance")
        }
    root = statistics.root(layer.epsilon)
    outputs = with_shape(standardise(rows, statistics, root, gamma, beta), x.shape)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        dx, dgamma, dbeta = standardise_back(rows, as_rows(da), statistics, root, gamma)
        found = {"gamma": dgamma, "beta": dbeta}
        weights = {name: with_shape(found[name], (-1,)) for name in found if name in at.weights}
        return Gradients((with_shape(dx, x.shape),), weights)

    return Computed(outputs, backward, updates=updates)


def _as_row(weight: Bounded | None) -> Bounded | None:
    return None if weight is None else with_shape(weight, (1, -1))


def _mean(x: Bounded) -> Bounded:
    """Return the mean over the first axis; some multiply by a rounded reciprocal of the number."""
    mean = x.sum(axis=0, keepdims=True) / x.shape[0]
    return mean.widen(2 * x.precision.roundoff * mean.size)


def _summed(x: Bounded, shape: tuple[int, ...]) -> Bounded:
    """Add up the first axis where the shape has 1 there."""
    return x.sum(axis=0, keepdims=True) if x.shape[0] != shape[0] else x


NORMALIZATIONS: dict[str, LayerFormula] = {BatchNormalization.kind: batch_normalization}
"""By the layer's kind."""
