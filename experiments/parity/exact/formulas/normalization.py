"""Normalization: values less their mean, divided by the root of their variance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.parity.exact.formulas.place import (
    Computed,
    Gradients,
    LayerFormula,
    Place,
    as_rows,
    with_shape,
)
from experiments.parity.exact.rounding import Bounded
from scratchnet.layers import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from scratchnet.types import Array

RSQRT_ROUNDOFFS = 4
"""Backends have an instruction, and a step of Newton's, for 1 / sqrt(x): up to 2 units."""

SHORTEST = 1e-12
"""`UnitNormalization` divides by no less."""


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
        return _rsqrt(self.variance + self.variance.precision.rounded(epsilon))


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


def layer_normalization(layer: LayerNormalization, at: Place) -> Computed:
    """``a = gamma (x - mean) / sqrt(variance + epsilon) + beta`` over channels."""
    [x] = at.inputs
    return _standardised(layer, at, lambda values: values.reshape(-1, x.shape[-1]).T)


def group_normalization(layer: GroupNormalization, at: Place) -> Computed:
    """The same over the channels of a group and all positions."""
    [x] = at.inputs
    groups = x.shape[-1] if layer.groups == -1 else layer.groups

    def arranged(values: Array) -> Array:
        split = values.reshape(len(values), -1, groups, x.shape[-1] // groups)
        return split.transpose(1, 3, 0, 2).reshape(-1, len(values) * groups)

    return _standardised(layer, at, arranged)


def _standardised(
    layer: LayerNormalization, at: Place, arrange: Callable[[Array], Array]
) -> Computed:
    """Standardise what `arrange` brings into ``(values of one mean, means)``."""
    [x] = at.inputs
    places = arrange(np.arange(x.value.size).reshape(x.shape))
    back = np.argsort(places, axis=None)

    def arranged(values: Bounded) -> Bounded:
        return values.map(arrange)

    def returned(values: Bounded) -> Bounded:
        return values.map(lambda moved: moved.reshape(-1)[back].reshape(x.shape))

    def everywhere(name: str) -> Bounded | None:
        weight = at.weights.get(name)
        if weight is None:
            return None
        return weight.map(lambda values: arrange(np.broadcast_to(values, x.shape)))

    columns, gamma, beta = arranged(x), everywhere("gamma"), everywhere("beta")
    statistics = Statistics.of(columns, from_squares=at.conventions.variance_from_squares)
    root = statistics.root(layer.epsilon)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        dx, dgamma, _ = standardise_back(columns, arranged(da), statistics, root, gamma)
        weights = {}
        if gamma is not None:
            weights["gamma"] = as_rows(returned(dgamma)).sum(axis=0)
        if beta is not None:
            weights["beta"] = as_rows(da).sum(axis=0)
        return Gradients((returned(dx),), weights)

    return Computed(returned(standardise(columns, statistics, root, gamma, beta)), backward)


def rms_normalization(layer: RMSNormalization, at: Place) -> Computed:
    """``a = scale x / sqrt(mean of x^2 + epsilon)``."""
    [x] = at.inputs
    rows, scale = as_rows(x), with_shape(at.weights["scale"], (1, -1))
    n = x.shape[-1]
    square = _mean((rows * rows).T).T
    root = _rsqrt(square + x.precision.rounded(layer.epsilon))

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        drows = as_rows(da)
        dx = _divided_back(rows, drows * scale, root, n)
        return Gradients((with_shape(dx, x.shape),), {"scale": (drows * (rows * root)).sum(axis=0)})

    return Computed(with_shape(rows * root * scale, x.shape), backward)


def unit_normalization(_layer: UnitNormalization, at: Place) -> Computed:
    """``a = x / max(|x|, 1e-12)``."""
    [x] = at.inputs
    rows = as_rows(x)
    square = (rows * rows).sum(axis=1, keepdims=True)
    longer = square.value > SHORTEST**2
    uncertain = (np.abs(square.value - SHORTEST**2) <= square.branch).astype(np.bool_)
    root = _rsqrt(square.clip(SHORTEST**2, np.inf))

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        drows = as_rows(da)
        changing = rows.passes(longer & np.ones(rows.shape, np.bool_), uncertain)
        dx = _divided_back(changing, drows, root, 1)
        return Gradients((with_shape(dx, x.shape),))

    return Computed(with_shape(rows * root, x.shape), backward)


def _rsqrt(x: Bounded) -> Bounded:
    root = 1 / x.sqrt()
    return root.widen(RSQRT_ROUNDOFFS * root.precision.roundoff * root.size)


def _divided_back(x: Bounded, g: Bounded, root: Bounded, n: int) -> Bounded:
    """Return the gradient of ``x root``, root being ``1 / sqrt(sum of x^2 / n)``, term by term."""
    droot = (g * x).sum(axis=1, keepdims=True)
    dsquare = -(droot * (root * root * root)) / (2 * n)
    through = dsquare * (2 * x)
    # The mean is divided by its number, or multiplied by a rounded reciprocal.
    return (g * root + through).widen(2 * x.precision.roundoff * through.size)


def _as_row(weight: Bounded | None) -> Bounded | None:
    return None if weight is None else with_shape(weight, (1, -1))


def _mean(x: Bounded) -> Bounded:
    """Return the mean over the first axis; some multiply by a rounded reciprocal of the number."""
    mean = x.sum(axis=0, keepdims=True) / x.shape[0]
    return mean.widen(2 * x.precision.roundoff * mean.size)


def _summed(x: Bounded, shape: tuple[int, ...]) -> Bounded:
    """Add up the first axis where the shape has 1 there."""
    return x.sum(axis=0, keepdims=True) if x.shape[0] != shape[0] else x


NORMALIZATIONS: dict[str, LayerFormula] = {
    BatchNormalization.kind: batch_normalization,
    GroupNormalization.kind: group_normalization,
    LayerNormalization.kind: layer_normalization,
    RMSNormalization.kind: rms_normalization,
    UnitNormalization.kind: unit_normalization,
}
"""By the layer's kind."""
