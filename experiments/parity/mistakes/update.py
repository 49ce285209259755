"""Mistakes that show in an updated weight or in a slot of the optimizer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.formulas.optimizers import cast, update
from experiments.parity.exact.rounding import Bounded, select
from experiments.parity.mistakes.forward import EPSILONS
from experiments.parity.mistakes.scene import Scene, Variants, signs, variant
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop


class _Update:
    """One update of one weight: its inputs, and numbers in the judged dtype."""

    def __init__(self, scene: Scene, rule: Optimizer) -> None:
        full = f"{scene.layer.name}/{scene.weight}"
        self.rule = rule
        self.w = scene.parameter(scene.weight)
        self.g = scene.tensors[f"{full}_gradient"]
        self.slots: Tensors = {
            slot: scene.precision.exact(
                scene.snapshot.slots.get(f"{full}_{slot}", np.zeros(self.w.shape))
            )
            for slot in rule.slots
        }
        self.t = scene.snapshot.step + 1
        self.on = scene.architecture.conventions
        self.number = scene.precision.rounded
        self.samples = scene.samples
        self.rate = self.number(float(getattr(rule, "learning_rate", 0.0)))

    def cast(self, value: float) -> Bounded:
        """Return a setting as ``keras.ops.cast`` hands it on."""
        return cast(self.w.precision, value, self.on)

    def by(self, rule: Optimizer, gradient: Bounded | None = None, t: int = 0) -> Bounded:
        """Return the weight after an update by another rule, gradient or count."""
        return update(rule, self.w, gradient or self.g, self.slots, t or self.t, self.on)[0]


def updated(scene: Scene) -> Variants:
    """Yield mistakes in a weight after the update."""
    w = scene.parameter(scene.weight)
    yield variant("not_updated", lambda: w)
    yield variant("ascent", lambda: w - (scene.right - w))
    yield variant("twice", lambda: w + 2 * (scene.right - w))
    if scene.optimizer is None:
        return
    at = _Update(scene, scene.optimizer)
    g, rate, m = at.g, at.rate, at.samples
    if isinstance(at.rule, AdamW):
        yield from _adamw(at, at.rule)
    if isinstance(at.rule, SGD) and at.rule.momentum:
        yield from _momentum(at, at.rule)
    if isinstance(at.rule, RMSprop):
        yield from _rmsprop(at, at.rule)
    if isinstance(at.rule, Adam):
        yield from _adam(at, at.rule)
    yield variant("plain_descent", lambda: w - g * rate)
    yield variant("sign_descent", lambda: w - signs(g) * rate)
    yield variant("rate_missing", lambda: w - g)
    yield variant("rate_squared", lambda: w - g * rate * rate)
    yield variant("batch_size_twice", lambda: at.by(at.rule, g / m))
    yield variant("batch_size_missing", lambda: at.by(at.rule, g * m))
    yield variant(
        "rate_through_float32",
        lambda: at.by(replace(at.rule, learning_rate=float(np.float32(_rate(at.rule))))),  # type: ignore[call-arg]
    )


def _rate(rule: Optimizer) -> float:
    return float(getattr(rule, "learning_rate", 0.0))


def _momentum(at: _Update, rule: SGD) -> Variants:
    w, g, m, rate, mu = at.w, at.g, at.slots["momentum"], at.rate, at.cast(rule.momentum)
    velocity = m * mu - g * rate
    yield variant("nesterov_form", lambda: at.by(replace(rule, nesterov=not rule.nesterov)))
    yield variant("nesterov_form", lambda: w + (velocity * mu - velocity))
    yield variant("nesterov_form", lambda: w + (m * mu * mu - g * rate))
    yield variant("nesterov_form", lambda: w + velocity * mu)
    yield variant("rate_outside", lambda: w - rate * (m * mu + g))
    yield variant("rate_outside", lambda: w + rate * (m * mu - g * rate))
    yield variant("dampened", lambda: w + (m * mu - g * rate * at.number(1 - rule.momentum)))
    yield variant("old_velocity", lambda: w + m)
    yield variant("momentum_missing", lambda: w + (m - g * rate))
    yield variant("twice", lambda: w + velocity + velocity)
    yield variant("momentum_value", lambda: w + (m * at.number(rule.momentum) - g * rate))


def _rmsprop(at: _Update, rule: RMSprop) -> Variants:
    w, g, old, rate, number = at.w, at.g, at.slots["velocity"], at.rate, at.number
    v = number(rule.rho) * old + number(1 - rule.rho) * (g * g)
    epsilon = number(rule.epsilon)
    yield variant("epsilon_outside_root", lambda: w - rate * g / (v.sqrt() + epsilon))
    yield variant("root_missing", lambda: w - rate * g / (v + epsilon))
    yield variant("epsilon_missing", lambda: w - rate * g / v.sqrt())
    yield variant("old_velocity", lambda: w - rate * g / (old + epsilon).sqrt())
    for other in EPSILONS:
        if other != rule.epsilon:
            yield variant(
                "epsilon_value", partial(at.by, replace(rule, epsilon=other)), other=other
            )


def _adam(at: _Update, rule: Adam) -> Variants:
    w, g, t, rate, number = at.w, at.g, at.t, at.rate, at.number
    old_m, old_v = at.slots["momentum"], at.slots["velocity"]
    epsilon = number(rule.epsilon)
    beta_1, beta_2 = at.cast(rule.beta_1), at.cast(rule.beta_2)
    m = old_m + (g - old_m) * number(1 - rule.beta_1)
    v = old_v + (g * g - old_v) * number(1 - rule.beta_2)
    root_2, share_1 = (1 - beta_2.power(t)).sqrt(), 1 - beta_1.power(t)
    alpha = rate * root_2 / share_1
    if isinstance(rule, AdamW):
        w = w - w * at.cast(rule.weight_decay) * rate
    yield variant("bias_correction_missing", lambda: w - m * rate / (v.sqrt() + epsilon))
    for off in (-1, 1):
        if t + off > 0:
            yield variant("bias_correction_step", partial(at.by, rule, None, t + off), off=off)
    if t > 1:
        yield variant("first_step_correction", lambda: at.by(rule, None, 1))
    yield variant("epsilon_inside_root", lambda: w - m * alpha / (v + epsilon).sqrt())
    yield variant(
        "epsilon_form",
        lambda: w - rate * (m / share_1) / ((v / (1 - beta_2.power(t))).sqrt() + epsilon),
    )
    yield variant("root_missing", lambda: w - m * alpha / (v + epsilon))
    yield variant("epsilon_missing", lambda: w - m * alpha / v.sqrt())
    for other in EPSILONS:
        if other != rule.epsilon:
            yield variant(
                "epsilon_value", partial(at.by, replace(rule, epsilon=other)), other=other
            )
    yield variant("first_moment_only", lambda: w - g * alpha / (v.sqrt() + epsilon))
    yield variant("old_momentum", lambda: w - old_m * alpha / (v.sqrt() + epsilon))
    yield variant("old_velocity", lambda: w - m * alpha / (old_v.sqrt() + epsilon))
    yield variant(
        "momentum_correction_missing", lambda: w - m * (rate * root_2) / (v.sqrt() + epsilon)
    )
    yield variant(
        "velocity_correction_missing", lambda: w - m * (rate / share_1) / (v.sqrt() + epsilon)
    )
    yield variant(
        "correction_root_missing",
        lambda: w - m * (rate * (1 - beta_2.power(t)) / share_1) / (v.sqrt() + epsilon),
    )
    yield variant(
        "corrections_swapped",
        lambda: (
            w
            - m
            * (rate * (1 - beta_1.power(t)).sqrt() / (1 - beta_2.power(t)))
            / (v.sqrt() + epsilon)
        ),
    )
    plain_1, plain_2 = number(rule.beta_1), number(rule.beta_2)
    yield variant(
        "betas_unrounded",
        lambda: (
            w
            - m
            * (rate * (1 - plain_2.power(t)).sqrt() / (1 - plain_1.power(t)))
            / (v.sqrt() + epsilon)
        ),
    )


def _adamw(at: _Update, rule: AdamW) -> Variants:
    w, rate, decay = at.w, at.rate, at.cast(rule.weight_decay)
    step = at.by(replace(rule, weight_decay=0.0)) - w
    yield variant("decay_missing", lambda: w + step)
    yield variant("decay_without_rate", lambda: w - w * decay + step)
    yield variant("decay_sign", lambda: w + w * decay * rate + step)
    yield variant("decay_after", lambda: (w + step) - (w + step) * decay * rate)
    yield variant("decay_coupled", lambda: at.by(replace(rule, weight_decay=0.0), at.g + w * decay))
    plain = at.number(rule.weight_decay)
    yield variant("decay_unrounded", lambda: w - w * plain * rate + step)


def slot(scene: Scene) -> Variants:
    """Yield mistakes in a slot after the update."""
    if scene.optimizer is None:
        return
    at = _Update(scene, scene.optimizer)
    name = scene.tensor.rpartition("_")[2]
    old = at.slots[name]
    yield variant("not_updated", lambda: old)
    if isinstance(at.rule, SGD):
        yield from _momentum_slot(at, at.rule, old)
    if isinstance(at.rule, RMSprop):
        yield from _mean_slot(at, old, at.g * at.g, at.rule.rho)
    if isinstance(at.rule, Adam):
        squares = name == "velocity"
        betas = (at.rule.beta_2, at.rule.beta_1) if squares else (at.rule.beta_1, at.rule.beta_2)
        value = at.g * at.g if squares else at.g
        yield variant("betas_swapped", lambda: old + (value - old) * at.number(1 - betas[1]))
        if isinstance(at.rule, AdamW):
            coupled = at.g + at.w * at.cast(at.rule.weight_decay)
            with_decay = coupled * coupled if squares else coupled
            yield variant("decay_coupled", lambda: _mean(old, with_decay, at.number(1 - betas[0])))
        yield from _mean_slot(at, old, value, betas[0])


def _momentum_slot(at: _Update, rule: SGD, old: Bounded) -> Variants:
    g, rate, mu = at.g, at.rate, at.cast(rule.momentum)
    yield variant("rate_outside", lambda: old * mu + g)
    yield variant("rate_outside", lambda: old * mu - g)
    yield variant("rate_outside", lambda: (old * mu - g) * rate)
    yield variant("dampened", lambda: old * mu - g * rate * at.number(1 - rule.momentum))
    yield variant("dampened", lambda: old * mu - g * rate * (1 - mu))
    yield variant("gradient_missing", lambda: old * mu)
    yield variant("momentum_missing", lambda: old - g * rate)
    yield variant("gradient_sign", lambda: old * mu + g * rate)
    yield variant("old_lost", lambda: -(g * rate))
    yield variant("momentum_value", lambda: old * at.number(rule.momentum) - g * rate)
    yield variant("sign", lambda: g * rate - old * mu)


def _mean_slot(at: _Update, old: Bounded, value: Bounded, beta: float) -> Variants:
    g, number = at.g, at.number
    share = number(1 - beta)
    yield variant("beta_inverted", lambda: old * number(1 - beta) + value * number(beta))
    yield variant("share_missing", lambda: old * number(beta) + value)
    yield variant("accumulated", lambda: old + value * share)
    yield variant("accumulated", lambda: old + value)
    yield variant("unsquared", lambda: old + (g - old) * share)
    yield variant("mean_of_size", lambda: old + (g.abs() - old) * share)
    yield variant("squared", lambda: old + (g * g - old) * share)
    yield variant("gradient_missing", lambda: old * number(beta))
    if np.any(old.value > value.value):
        yield variant("maximum", lambda: select(old.value > value.value, old, value))
    yield variant("old_lost", lambda: value * share)
    yield variant("old_lost", lambda: value)
    yield variant("gradient_sign", lambda: old * number(beta) - value * share)
    yield variant("share_through_float32", lambda: _through_float32(at, old, value, beta))
    for other in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999):
        if other != beta:
            make = partial(_mean, old, value, number(1 - other))
            yield variant("beta_value", make, other=other, beta=beta)


def _mean(old: Bounded, value: Bounded, share: Bounded) -> Bounded:
    found: Bounded = old + (value - old) * share
    return found


def _through_float32(at: _Update, old: Bounded, value: Bounded, beta: float) -> Bounded:
    return _mean(old, value, at.number(1 - float(np.float32(beta))))
