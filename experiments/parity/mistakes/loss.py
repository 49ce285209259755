"""Mistakes that show in the loss, or in its gradient with respect to the network's output."""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.parity.exact.formulas import BACKWARD, FORWARD
from experiments.parity.exact.formulas.losses import clip_bounds, loss_formula
from experiments.parity.exact.rounding import Bounded
from experiments.parity.mistakes.forward import EPSILONS
from experiments.parity.mistakes.scene import Scene, Variants, variant
from scratchnet.types import Array


def _prediction(scene: Scene) -> Bounded:
    return scene.of("activation", len(scene.layers) - 1)


def _binary(p: Bounded, y: Bounded, log_p: Bounded, log_other: Bounded) -> Bounded:
    loss: Bounded = -((y * log_p + (1 - y) * log_other).sum() / p.value.size)
    return loss


def loss(scene: Scene) -> Variants:
    """Yield mistakes in the mean loss."""
    name, p, y, right = scene.architecture.loss.name, _prediction(scene), scene.targets, scene.right
    size = p.value.size
    number = scene.precision.rounded
    if name == "mean_squared_error":
        yield variant("absolute_error", lambda: (p - y).abs().sum() / size)
        yield variant("error_unsquared", lambda: (p - y).sum() / size)
        yield variant("root", right.sqrt)
        return
    yield variant("clipped_or_fused", lambda: scene.loss_by(fused=not scene.architecture.fused)[0])
    yield variant("squared_error", lambda: ((p - y) * (p - y)).sum() / size)
    for base in (2, 10):
        log = scene.precision.exact(np.log(np.asarray(base, np.longdouble)))
        yield variant("log_base", partial(right.__truediv__, log), base=base)
    if name == "binary_crossentropy":
        yield variant("targets_inverted", lambda: _binary(p, 1 - y, p.log(), (1 - p).log()))
        yield variant("negative_term_missing", lambda: -((y * p.log()).sum() / size))
        yield variant("positive_term_missing", lambda: -(((1 - y) * (1 - p).log()).sum() / size))
        for epsilon in EPSILONS:
            e = number(epsilon)
            yield variant("epsilon_in_log", partial(_log_of_sum, p, y, e), epsilon=epsilon)
            yield variant("clip_bound", partial(_clipped_at, p, y, epsilon), epsilon=epsilon)
        return
    yield variant("classes_mean", lambda: right / scene.architecture.units)
    for first, shifted in shifted_classes(y):
        yield variant("targets_shifted", partial(_with_targets, scene, shifted, 0), first=first)
    if not scene.architecture.fused:
        yield variant("row_sum_missing", lambda: _categorical(y, _clipped(p), scene.samples))
    if scene.architecture.fused:
        p = FORWARD["softmax"](scene.of("pre_activation", len(scene.layers) - 1))
    for epsilon in EPSILONS:
        e = number(epsilon)
        yield variant(
            "epsilon_in_log", partial(_categorical, y, p + e, scene.samples), epsilon=epsilon
        )
        clipped = p.clip(float(e.value), 1 - float(e.value))
        yield variant(
            "clip_bound", partial(_categorical, y, clipped, scene.samples), epsilon=epsilon
        )


def _log_of_sum(p: Bounded, y: Bounded, epsilon: Bounded) -> Bounded:
    return _binary(p, y, (p + epsilon).log(), ((1 - p) + epsilon).log())


def _clipped_at(p: Bounded, y: Bounded, epsilon: float) -> Bounded:
    bounds = np.asarray([epsilon, 1 - epsilon], p.precision.dtype).astype(np.float64)
    c = p.clip(float(bounds[0]), float(bounds[1]))
    return _binary(p, y, c.log(), (1 - c).log())


def _categorical(y: Bounded, p: Bounded, samples: int) -> Bounded:
    found: Bounded = -((y * p.log()).sum() / samples)
    return found


def gradient(scene: Scene) -> Variants:
    """Yield mistakes in the gradient of the last activation, where it is not fused."""
    p, y, right = _prediction(scene), scene.targets, scene.right
    n = right.value.size if "categorical" not in scene.architecture.loss.name else scene.samples
    if scene.architecture.loss.name == "mean_squared_error":
        yield variant("targets_missing", lambda: 2 * p / n)
        return
    yield variant("difference_only", lambda: (p - y) / n)
    yield variant("targets_missing", lambda: p / n)
    if scene.architecture.loss.name == "binary_crossentropy":
        yield variant("clip_ignored", lambda: ((1 - y) / (1 - p) - y / p) / n)
        yield variant("clip_ignored", lambda: _through_clipped(p, y, n))
        yield variant("negative_term_missing", lambda: -(y / p) / n)
        yield variant("positive_term_missing", lambda: ((1 - y) / (1 - p)) / n)
        both = ((1 - y) / (1 - p) + y / p) / n
        yield variant("sign_in_derivative", lambda: both)
        yield variant("sign_in_derivative", lambda: -both)
        return
    c = _clipped(p)
    yield variant("row_sum_missing", lambda: right * p.sum(axis=1, keepdims=True))
    yield variant("row_sum_constant", lambda: -(y / p) / n)
    yield variant("log_derivative_missing", lambda: right * c)
    for first, shifted in shifted_classes(y):
        yield variant("targets_shifted", partial(_with_targets, scene, shifted, 1), first=first)


def shifted_classes(y: Bounded) -> list[tuple[int, Bounded]]:
    """Return one-hot targets for classes counted from 1 and from -1: the last row is lost."""

    def moved(rows: Array, by: int) -> Array:
        empty = np.zeros_like(rows[:, :1])
        parts = (rows[:, 1:], empty) if by > 0 else (empty, rows[:, :-1])
        return np.concatenate(parts, axis=1)

    return [(first, y.map(partial(moved, by=first))) for first in (1, -1)]


def _with_targets(scene: Scene, y: Bounded, part: int) -> Bounded:
    fused = scene.architecture.fused
    output = scene.of("pre_activation" if fused else "activation", len(scene.layers) - 1)
    formula = loss_formula(scene.architecture.loss, fused)
    return formula(output, y, scene.architecture.conventions)[part]


def _clipped(p: Bounded) -> Bounded:
    return p.clip(*clip_bounds(p.precision))


def _unclipped(p: Bounded) -> tuple[Array, Array]:
    """Return where p lies within the bounds of clipping, and where that cannot be decided."""
    lowest, highest = clip_bounds(p.precision)
    distance = np.minimum(np.abs(p.value - lowest), np.abs(p.value - highest))
    return (p.value >= lowest) & (p.value <= highest), distance <= p.error


def _through_clipped(p: Bounded, y: Bounded, n: int) -> Bounded:
    c = _clipped(p)
    found: Bounded = ((1 - y) / (1 - c) - y / c) / n
    return found


def fused_gradient(scene: Scene) -> Variants:
    """Yield mistakes in the gradient of the last pre-activation, fused with the loss."""
    z, y, right = scene.z, scene.targets, scene.right
    binary = scene.architecture.loss.name == "binary_crossentropy"
    n = z.value.size if binary else scene.samples
    activation = scene.layer.activation
    # Computed here, with a bound: a mistaken network may have its own way of computing it.
    a = FORWARD[activation](z)
    p = FORWARD["sigmoid" if binary else "softmax"](z)
    yield variant("derivative_twice", lambda: BACKWARD[activation](z, a, right))
    yield variant("derivative_twice", lambda: right * a * (1 - a))
    yield variant("logits_for_probability", lambda: (z - y) / n)
    yield variant("targets_missing", lambda: p / n)
    yield variant("probability_missing", lambda: -(y / n))
    yield variant("targets_inverted", lambda: (p - (1 - y)) / n)
    if not binary:
        yield variant("sigmoid_for_softmax", lambda: (FORWARD["sigmoid"](z) - y) / n)
        for first, shifted in shifted_classes(y):
            yield variant("targets_shifted", partial(_with_targets, scene, shifted, 1), first=first)
    yield variant(
        "clipped_or_fused",
        lambda: BACKWARD[activation](z, a, scene.loss_by(fused=False)[1]),
    )
    yield variant("clipped_or_fused", lambda: right.passes(*_unclipped(p)))
    yield variant(
        "rounded",
        lambda: (scene.precision.exact((p.value > 0.5).astype(p.value.dtype)) - y) / n,
    )
    yield variant(
        "digits_lost",
        lambda: ((p - y) / n).widen(scene.precision.roundoff * (p.size + y.size) / n),
    )
