"""Mistakes that show in the loss, or in its gradient with respect to the network's output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from experiments.parity.exact.formulas import BACKWARD, FORWARD, LOSS
from experiments.parity.exact.formulas.losses import clip_bounds
from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes.forward import EPSILONS
from experiments.parity.mistakes.scene import Mistakes, Scene, mistake, ones_where, signs
from scratchnet.types import Array

SMOOTHING = (0.05, 0.1, 0.2)
"""Shares of label smoothing that are in use."""

_TERMS = (
    ("negative_term_missing", 1, 0),
    ("positive_term_missing", 0, 1),
    ("sign_of_term", 1, -1),
    ("sign_of_term", -1, 1),
)
"""What becomes of the terms of y = 1 and of y = 0 in a binary cross-entropy."""


def loss(scene: Scene) -> Mistakes:
    """Yield mistakes in the mean loss."""
    name, right = scene.loss, scene.right
    p, y = scene.prediction, scene.targets
    yield mistake("broadcast", lambda: _of_all_pairs(scene))
    if name == "mean_squared_error":
        yield mistake("absolute_error", lambda: (p - y).abs().sum() / p.value.size)
        yield mistake("error_unsquared", lambda: (p - y).sum() / p.value.size)
        yield mistake("root", right.sqrt)
        return
    yield mistake("clipped_or_fused", lambda: scene.loss_by(fused=not scene.fused)[0])
    squares = LOSS["mean_squared_error", False]
    on = scene.architecture.conventions
    yield mistake("squared_error", lambda: squares(p, y, on)[0])
    yield mistake("squared_error", lambda: squares(p, y, on)[0] * 0.5)
    for base in (2, 10):
        log = scene.precision.exact(np.log(np.asarray(base, np.longdouble)))
        yield mistake("log_base", partial(right.__truediv__, log), base=base)
    yield from _other_targets(scene, 0)
    if name == "binary_crossentropy":
        yield from _binary_losses(scene)
    elif "categorical" in name:
        yield from _categorical_losses(scene)


def _binary_losses(scene: Scene) -> Mistakes:
    p, y = scene.prediction, scene.targets
    yield mistake("targets_inverted", lambda: _binary(1 - y, p.log(), (1 - p).log()))
    for code, positive, negative in _TERMS:
        yield mistake(code, partial(_binary, y, p.log(), (1 - p).log(), positive, negative))
    for code, sample in (
        ("first_sample_only", slice(None, 1)),
        ("last_sample_only", slice(-1, None)),
    ):
        yield mistake(code, partial(_of_samples, p, y, sample))
    for epsilon in EPSILONS:
        yield mistake(
            "epsilon_in_log", partial(binary_with_epsilon, p, y, epsilon, epsilon), epsilon=epsilon
        )
        yield mistake("clip_bound", partial(_clipped_at, p, y, epsilon), epsilon=epsilon)


def _categorical_losses(scene: Scene) -> Mistakes:
    p, y, m = scene.prediction, scene.targets, scene.samples
    yield mistake("classes_mean", lambda: scene.right / scene.architecture.units)
    yield mistake("wrong_loss", lambda: _binary(y, p.log(), (1 - p).log()))
    if scene.fused:
        p = FORWARD["softmax"](scene.of("pre_activation", len(scene.layers) - 1))
    else:
        yield mistake("row_sum_missing", lambda: _categorical(y, _clipped(p), m))
    for epsilon in EPSILONS:
        e = float(scene.precision.rounded(epsilon).value)
        yield mistake("epsilon_in_log", partial(_categorical, y, p + e, m), epsilon=epsilon)
        yield mistake("clip_bound", partial(_categorical, y, p.clip(e, 1 - e), m), epsilon=epsilon)


def _binary(
    y: Bounded, log_p: Bounded, log_other: Bounded, positive: float = 1, negative: float = 1
) -> Bounded:
    terms = [
        weight * term
        for weight, term in ((positive, y * log_p), (negative, (1 - y) * log_other))
        if weight
    ]
    found: Bounded = -(sum(terms[1:], terms[0]).sum() / y.value.size)
    return found


def binary_with_epsilon(p: Bounded, y: Bounded, beside_p: float, beside_rest: float) -> Bounded:
    """Return a binary cross-entropy with an epsilon inside each of its logarithms."""
    number = p.precision.rounded
    return _binary(y, (p + number(beside_p)).log(), ((1 - p) + number(beside_rest)).log())


def _clipped_at(p: Bounded, y: Bounded, epsilon: float) -> Bounded:
    bounds = np.asarray([epsilon, 1 - epsilon], p.precision.dtype).astype(np.float64)
    c = p.clip(float(bounds[0]), float(bounds[1]))
    return _binary(y, c.log(), (1 - c).log())


def _of_samples(p: Bounded, y: Bounded, part: slice) -> Bounded:
    p, y = p.map(lambda v: v[part]), y.map(lambda v: v[part])
    return _binary(y, p.log(), (1 - p).log())


def _of_all_pairs(scene: Scene) -> Bounded:
    """Return the loss of every prediction with every target: shapes (n, 1) and (n,)."""
    p, y = scene.prediction, scene.targets
    m = scene.samples
    if p.shape != (m, 1):
        raise ValueError("there are several outputs")
    p = p.map(lambda v: np.broadcast_to(v, (m, m)))
    y = y.map(lambda v: np.broadcast_to(v.T, (m, m)))
    return LOSS[scene.loss, False](p, y, scene.architecture.conventions)[0]


def _categorical(y: Bounded, p: Bounded, samples: int) -> Bounded:
    found: Bounded = -((y * p.log()).sum() / samples)
    return found


def gradient(scene: Scene) -> Mistakes:
    """Yield mistakes in the gradient of the last activation, where it is not fused."""
    p, y, right = scene.prediction, scene.targets, scene.right
    n, name = scene.count, scene.loss
    if name == "mean_squared_error":
        yield mistake("targets_missing", lambda: 2 * p / n)
        yield mistake("absolute_error", lambda: signs(p - y) / n)
        return
    yield mistake("difference_only", lambda: (p - y) / n)
    yield mistake("targets_missing", lambda: p / n)
    yield mistake("squared_error", lambda: 2 * (p - y) / p.value.size)
    yield from _other_targets(scene, 1)
    if name == "binary_crossentropy":
        yield mistake("clip_ignored", lambda: _binary_slope(p, y))
        yield mistake("clip_ignored", lambda: _binary_slope(_clipped(p), y))
        for code, positive, negative in _TERMS:
            yield mistake(code, partial(_binary_slope, p, y, positive, negative))
        return
    c = _clipped(p)
    yield mistake("wrong_loss", lambda: _binary_slope(p, y))
    yield mistake("row_sum_missing", lambda: right * p.sum(axis=1, keepdims=True))
    yield mistake("row_sum_constant", lambda: -(y / p) / n)
    yield mistake("log_derivative_missing", lambda: right * c)


def _binary_slope(p: Bounded, y: Bounded, positive: float = 1, negative: float = 1) -> Bounded:
    terms = [
        weight * term
        for weight, term in ((negative, (1 - y) / (1 - p)), (-positive, y / p))
        if weight
    ]
    found: Bounded = sum(terms[1:], terms[0]) / p.value.size
    return found


def _other_targets(scene: Scene, part: int) -> Mistakes:
    """Yield the loss (part 0) or its gradient (1) for smoothed or shifted targets."""
    for share in SMOOTHING:
        yield mistake("label_smoothing", partial(_of_smoothed, scene, share, part), share=share)
    if "categorical" in scene.loss:
        for first, shifted in _shifted_classes(scene.targets):
            yield mistake(
                "targets_shifted", partial(_with_targets, scene, shifted, part), first=first
            )


def _of_smoothed(scene: Scene, share: float, part: int) -> Bounded:
    classes = 2 if scene.loss == "binary_crossentropy" else scene.architecture.units
    smoothed = scene.targets.value * (1 - np.longdouble(share)) + np.longdouble(share) / classes
    return _with_targets(scene, scene.precision.exact(smoothed), part)


def _shifted_classes(y: Bounded) -> Iterator[tuple[int, Bounded]]:
    """Yield one-hot targets for classes counted from 1 and from -1: the last row is lost."""

    def moved(rows: Array, by: int) -> Array:
        empty = np.zeros_like(rows[:, :1])
        parts = (rows[:, 1:], empty) if by > 0 else (empty, rows[:, :-1])
        return np.concatenate(parts, axis=1)

    for first in (1, -1):
        yield first, y.map(partial(moved, by=first))


def _with_targets(scene: Scene, y: Bounded, part: int) -> Bounded:
    return scene.loss_of(y, fused=scene.fused)[part]


def _clipped(p: Bounded) -> Bounded:
    return p.clip(*clip_bounds(p.precision))


def _unclipped(p: Bounded) -> tuple[Array, Array]:
    """Return where p lies within the bounds of clipping, and where that cannot be decided."""
    lowest, highest = clip_bounds(p.precision)
    distance = np.minimum(np.abs(p.value - lowest), np.abs(p.value - highest))
    return (p.value >= lowest) & (p.value <= highest), distance <= p.error


def logits_gradient(scene: Scene) -> Mistakes:
    """Yield mistakes of p - y, in the gradient of the last pre-activation."""
    name, activation = scene.loss, scene.activation
    y, right, n = scene.targets, scene.right, scene.count
    z = scene.z
    binary = name == "binary_crossentropy"
    yield mistake("squared_difference", lambda: _squared_difference(scene))
    if activation not in ("sigmoid", "softmax") or name == "mean_squared_error":
        return
    # Computed here, with a bound: a mistaken network may have its own way of computing it.
    a = FORWARD[activation](z)
    p = FORWARD["sigmoid" if binary else "softmax"](z)
    yield mistake("derivative_twice", lambda: BACKWARD[activation](z, a, right))
    yield mistake("derivative_twice", lambda: right * a * (1 - a))
    yield mistake("logits_for_probability", lambda: (z - y) / n)
    yield mistake("targets_missing", lambda: p / n)
    yield mistake("probability_missing", lambda: -(y / n))
    yield mistake("targets_inverted", lambda: (p - (1 - y)) / n)
    yield mistake("predicted_classes", lambda: (ones_where(p.value > 0.5, p) - y) / n)
    if not binary:
        yield mistake("sigmoid_for_softmax", lambda: (FORWARD["sigmoid"](z) - y) / n)
    if not scene.fused:
        return
    yield from _other_targets(scene, 1)
    yield mistake("clipped_or_fused", lambda: BACKWARD[activation](z, a, scene.da))
    yield mistake("clipped_or_fused", lambda: right.passes(*_unclipped(p)))
    yield mistake(
        "digits_lost",
        lambda: ((p - y) / n).widen(scene.precision.roundoff * (p.size + y.size) / n),
    )


def _squared_difference(scene: Scene) -> Bounded:
    error = scene.prediction - scene.targets
    found: Bounded = error * error / scene.count
    return found
