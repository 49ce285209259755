"""Losses: ``(output, targets, conventions) -> loss, gradient``; the output is logits when fused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from experiments.parity.exact.formulas.activations import FORWARD
from experiments.parity.exact.rounding import Bounded, Precision, select
from scratchnet.conventions import CONVENTIONS, Conventions
from scratchnet.losses import EPSILON, Loss

TENSORFLOW = CONVENTIONS["tensorflow"]

Formula = Callable[[Bounded, Bounded, Conventions], tuple[Bounded, Bounded]]


def _fused_binary(z: Bounded, y: Bounded, _on: Conventions) -> tuple[Bounded, Bounded]:
    count = z.value.size
    exact = z.precision.exact(z.value)
    e = (-exact.abs()).exp()
    losses = (exact.relu() - exact * y) + e.log1p()
    p = FORWARD["sigmoid"](exact)
    # An error of z reaches the loss by its slope p - y, and by its curvature, 1/4 at most.
    slope = np.abs(p.value - y.value).astype(np.float64)
    losses = Bounded(
        losses.value,
        losses.error + slope * z.error + z.error**2 / 8,
        losses.branch + slope * z.branch + z.branch**2 / 8,
        np.hypot(losses.expected, slope * z.expected),
        z.precision,
    )
    e = (-z.abs()).exp()
    q = e / (1 + e)
    positive = z.value > 0
    # Targets other than 0 and 1 may be subtracted in another order.
    soft = np.where(np.isin(y.value, (0, 1)), 0.0, 2 * z.precision.roundoff)
    gradient = select(positive, (1 - y) - q, q - y).widen(soft * np.ones(z.shape))
    return losses.sum() / count, _share(gradient, count)


def _clipped_binary(p: Bounded, y: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    count = p.value.size
    c = _clip(p)
    losses = -(y * c.log() + (1 - y) * (1 - c).log())
    gradient = _share((1 - y) / (1 - c) - y / c, count)
    return losses.sum() / count, _through_clip(gradient, p, on)


def _fused_categorical(z: Bounded, y: Bounded, _on: Conventions) -> tuple[Bounded, Bounded]:
    samples = z.shape[0]
    shifted = z - np.max(z.value, axis=1, keepdims=True)
    e = shifted.exp()
    total = e.sum(axis=1, keepdims=True)
    losses = -((shifted - total.log()) * y).sum(axis=1)
    return losses.sum() / samples, _share(e / total - y, samples)


def _clipped_categorical(p: Bounded, y: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    samples = p.shape[0]
    total = p.sum(axis=1, keepdims=True)
    q = p / total
    c = _clip(q)
    losses = -(y * c.log()).sum(axis=1)
    g = _through_clip(-(y / c), q, on)
    gradient = _share((g - (g * q).sum(axis=1, keepdims=True)) / total, samples)
    # Differentiated term by term, p / s^2 rounds twice more than the form above.
    extra = 4 * p.precision.roundoff * np.abs(gradient.value).astype(np.float64)
    return losses.sum() / samples, gradient.widen(extra)


def _clipped_sparse(p: Bounded, y: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
    if on.divides_sparse_first:
        return _clipped_categorical(p, y, on)
    c = _clip(p)
    loss, gradient = _fused_categorical(c.log(), y, on)
    return loss, _through_clip(gradient / c, p, on)


def _squared(p: Bounded, y: Bounded, _on: Conventions) -> tuple[Bounded, Bounded]:
    error = p - y
    count = p.value.size
    return (error * error).sum() / count, _share(2 * error, count)


def _share(gradient: Bounded, count: int) -> Bounded:
    """Divide by the number of losses in the mean.

    A library that differentiates step by step multiplies by rounded reciprocals instead, of the
    units and of the samples: up to 3 roundings more.
    """
    shared = gradient / count
    return shared.widen(3 * gradient.precision.roundoff * shared.size)


LOSS: dict[tuple[str, bool], Formula] = {
    ("binary_crossentropy", True): _fused_binary,
    ("binary_crossentropy", False): _clipped_binary,
    ("categorical_crossentropy", True): _fused_categorical,
    ("categorical_crossentropy", False): _clipped_categorical,
    ("sparse_categorical_crossentropy", True): _fused_categorical,
    ("sparse_categorical_crossentropy", False): _clipped_sparse,
    ("mean_squared_error", False): _squared,
}
"""By the loss's name, and whether it works on logits."""


def loss_formula(loss: Loss, fused: bool) -> Formula:
    """Return the formula of a loss with its settings.

    Raises
    ------
    NotImplementedError
        If there is none: such a network cannot be judged.
    """
    logits = fused or loss.takes_logits
    if (loss.name, logits) not in LOSS:
        raise NotImplementedError(
            f"loss {loss.name!r}: no exact formula; add it to "
            "experiments/parity/exact/formulas/losses.py"
        )
    formula = LOSS[loss.name, logits]
    smoothing = getattr(loss, "label_smoothing", 0.0)
    if not smoothing:
        return formula

    def smoothed(output: Bounded, y: Bounded, on: Conventions) -> tuple[Bounded, Bounded]:
        classes = 2 if loss.name == "binary_crossentropy" else y.shape[-1]
        kept, added = y.precision.rounded(1 - smoothing), y.precision.rounded(smoothing / classes)
        return formula(output, y * kept + added, on)

    return smoothed


def clip_bounds(precision: Precision) -> tuple[float, float]:
    """Return the bounds of clipping, rounded to the judged dtype."""
    lowest, highest = np.asarray([EPSILON, 1.0 - EPSILON], precision.dtype).astype(np.float64)
    return float(lowest), float(highest)


def _clip(p: Bounded) -> Bounded:
    return p.clip(*clip_bounds(p.precision))


def _through_clip(gradient: Bounded, p: Bounded, on: Conventions) -> Bounded:
    """Stop the gradient where clipping changes p, where this can be decided."""
    lowest, highest = clip_bounds(p.precision)
    distance = np.minimum(np.abs(p.value - lowest), np.abs(p.value - highest))
    uncertain = (distance <= p.branch) & (p.branch > 0)
    at_bound: NDArray[np.bool_] = distance == 0
    shared = select(at_bound, gradient * on.passes_at_clip, gradient)
    return shared.passes((p.value >= lowest) & (p.value <= highest), uncertain)
