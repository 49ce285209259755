"""Mistakes that show in an updated weight or in a slot of the optimizer: those of any layer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.formulas.optimizers import cast, update
from experiments.parity.exact.rounding import Bounded, matmul, select
from experiments.parity.mistakes.forward import EPSILONS
from experiments.parity.mistakes.scene import Mistakes, Scene, mistake, signs
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop


class _Update:
    """One update of one weight: its inputs, and numbers in the judged dtype."""

    def __init__(self, scene: Scene, rule: Optimizer, full: str = "") -> None:
        full = full or f"{scene.layer.name}/{scene.weight}"
        self.rule = rule
        self.w = scene.precision.exact(scene.snapshot.weights[full])
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


def updated_kernel(scene: Scene) -> Bounded:
    """Return a layer's kernel after the update by its gradient so far."""
    if scene.optimizer is None:
        raise ValueError("nothing is updated")
    at = _Update(scene, scene.optimizer, f"{scene.layer.name}/kernel")
    return at.by(at.rule)


def updated(scene: Scene) -> Mistakes:
    """Yield mistakes in a weight after the update."""
    w = scene.parameter(scene.weight)
    step = scene.right - w
    yield mistake("not_updated", lambda: w)
    yield mistake("ascent", lambda: w - step)
    yield mistake("twice", lambda: w + 2 * step)
    yield mistake("step_halved", lambda: w + 0.5 * step)
    yield mistake("overwritten", lambda: step)
    yield mistake("overwritten", lambda: -step)
    yield mistake("multiplied", lambda: -(w * step))
    if scene.optimizer is None:
        return
    yield mistake("stale_weights", lambda: _updated_on_the_way(scene))
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
    yield mistake("overwritten", lambda: g)
    yield mistake("weights_for_gradient", lambda: at.by(at.rule, w))
    for distance, which in ((1, "after"), (-1, "before")):
        yield mistake("wrong_gradient", partial(_by_gradient_of, scene, at, distance), which=which)
    yield mistake("plain_descent", lambda: w - g * rate)
    yield mistake("sign_descent", lambda: w - signs(g) * rate)
    yield mistake("rate_missing", lambda: w - g)
    yield mistake("rate_squared", lambda: w - g * rate * rate)
    yield mistake("batch_size_twice", lambda: at.by(at.rule, g / m))
    yield mistake("batch_size_missing", lambda: at.by(at.rule, g * m))
    yield mistake(
        "rate_through_float32",
        lambda: at.by(replace(at.rule, learning_rate=float(np.float32(_rate(at.rule))))),  # type: ignore[call-arg]
    )


def _updated_on_the_way(scene: Scene) -> Bounded:
    """Return a weight where every kernel is updated before the gradient passes through it."""

    def replaced(name: str, right: Bounded, tensors: Tensors) -> Bounded:
        at = scene.at(name, right, tensors)
        if at.tensor != "activation_gradient" or at.is_last:
            return right
        return matmul(at.reader.dz, updated_kernel(at.reader).T)

    return scene.replay(replaced)[scene.name]


def _by_gradient_of(scene: Scene, at: _Update, distance: int) -> Bounded:
    return at.by(at.rule, scene.neighbour(distance, f"{scene.weight}_gradient"))


def _rate(rule: Optimizer) -> float:
    return float(getattr(rule, "learning_rate", 0.0))


def _momentum(at: _Update, rule: SGD) -> Mistakes:
    w, g, m, rate, mu = at.w, at.g, at.slots["momentum"], at.rate, at.cast(rule.momentum)
    velocity = m * mu - g * rate
    yield mistake("nesterov_form", lambda: at.by(replace(rule, nesterov=not rule.nesterov)))
    yield mistake("nesterov_form", lambda: w + (velocity * mu - velocity))
    yield mistake("nesterov_form", lambda: w + (m * mu * mu - g * rate))
    yield mistake("nesterov_form", lambda: w + velocity * mu)
    yield mistake("rate_outside", lambda: w - rate * (m * mu + g))
    yield mistake("rate_outside", lambda: w + rate * (m * mu - g * rate))
    yield mistake("dampened", lambda: w + (m * mu - g * rate * at.number(1 - rule.momentum)))
    yield mistake("old_velocity", lambda: w + m)
    yield mistake("momentum_missing", lambda: w + (m - g * rate))
    yield mistake("twice", lambda: w + velocity + velocity)
    yield mistake("momentum_value", lambda: w + (m * at.number(rule.momentum) - g * rate))


def _rmsprop(at: _Update, rule: RMSprop) -> Mistakes:
    w, g, old, rate, number = at.w, at.g, at.slots["velocity"], at.rate, at.number
    v = number(rule.rho) * old + number(1 - rule.rho) * (g * g)
    epsilon = number(rule.epsilon)
    yield mistake("epsilon_outside_root", lambda: w - rate * g / (v.sqrt() + epsilon))
    yield mistake("root_missing", lambda: w - rate * g / (v + epsilon))
    yield mistake("epsilon_missing", lambda: w - rate * g / v.sqrt())
    yield mistake("old_velocity", lambda: w - rate * g / (old + epsilon).sqrt())
    for other in EPSILONS:
        if other != rule.epsilon:
            yield mistake(
                "epsilon_value", partial(at.by, replace(rule, epsilon=other)), other=other
            )


def _adam(at: _Update, rule: Adam) -> Mistakes:
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
    yield mistake("bias_correction_missing", lambda: w - m * rate / (v.sqrt() + epsilon))
    for off in (-1, 1):
        if t + off > 0:
            yield mistake("bias_correction_step", partial(at.by, rule, None, t + off), off=off)
    if t > 1:
        yield mistake("first_step_correction", lambda: at.by(rule, None, 1))
    yield mistake("epsilon_inside_root", lambda: w - m * alpha / (v + epsilon).sqrt())
    yield mistake(
        "epsilon_form",
        lambda: w - rate * (m / share_1) / ((v / (1 - beta_2.power(t))).sqrt() + epsilon),
    )
    yield mistake("root_missing", lambda: w - m * alpha / (v + epsilon))
    yield mistake("epsilon_missing", lambda: w - m * alpha / v.sqrt())
    for other in EPSILONS:
        if other != rule.epsilon:
            yield mistake(
                "epsilon_value", partial(at.by, replace(rule, epsilon=other)), other=other
            )
    yield mistake("first_moment_only", lambda: w - g * alpha / (v.sqrt() + epsilon))
    yield mistake("old_momentum", lambda: w - old_m * alpha / (v.sqrt() + epsilon))
    yield mistake("old_velocity", lambda: w - m * alpha / (old_v.sqrt() + epsilon))
    yield mistake(
        "momentum_correction_missing", lambda: w - m * (rate * root_2) / (v.sqrt() + epsilon)
    )
    yield mistake(
        "velocity_correction_missing", lambda: w - m * (rate / share_1) / (v.sqrt() + epsilon)
    )
    yield mistake(
        "correction_root_missing",
        lambda: w - m * (rate * (1 - beta_2.power(t)) / share_1) / (v.sqrt() + epsilon),
    )
    yield mistake(
        "corrections_swapped",
        lambda: (
            w
            - m
            * (rate * (1 - beta_1.power(t)).sqrt() / (1 - beta_2.power(t)))
            / (v.sqrt() + epsilon)
        ),
    )
    plain_1, plain_2 = number(rule.beta_1), number(rule.beta_2)
    yield mistake(
        "betas_unrounded",
        lambda: (
            w
            - m
            * (rate * (1 - plain_2.power(t)).sqrt() / (1 - plain_1.power(t)))
            / (v.sqrt() + epsilon)
        ),
    )


def _adamw(at: _Update, rule: AdamW) -> Mistakes:
    w, rate, decay = at.w, at.rate, at.cast(rule.weight_decay)
    step = at.by(replace(rule, weight_decay=0.0)) - w
    yield mistake("decay_missing", lambda: w + step)
    yield mistake("decay_without_rate", lambda: w - w * decay + step)
    yield mistake("decay_sign", lambda: w + w * decay * rate + step)
    yield mistake("decay_after", lambda: (w + step) - (w + step) * decay * rate)
    yield mistake("decay_coupled", lambda: at.by(replace(rule, weight_decay=0.0), at.g + w * decay))
    plain = at.number(rule.weight_decay)
    yield mistake("decay_unrounded", lambda: w - w * plain * rate + step)


def slot(scene: Scene) -> Mistakes:
    """Yield mistakes in a slot after the update."""
    if scene.optimizer is None:
        return
    at = _Update(scene, scene.optimizer)
    name = scene.tensor.removeprefix(f"{scene.weight}_")
    old = at.slots[name]
    yield mistake("not_updated", lambda: old)
    if isinstance(at.rule, SGD):
        yield from _momentum_slot(at, at.rule, old)
    if isinstance(at.rule, RMSprop):
        yield from _mean_slot(at, old, at.g * at.g, at.rule.rho)
    if isinstance(at.rule, Adam):
        squares = name == "velocity"
        betas = (at.rule.beta_2, at.rule.beta_1) if squares else (at.rule.beta_1, at.rule.beta_2)
        value = at.g * at.g if squares else at.g
        yield mistake("betas_swapped", lambda: old + (value - old) * at.number(1 - betas[1]))
        if isinstance(at.rule, AdamW):
            coupled = at.g + at.w * at.cast(at.rule.weight_decay)
            with_decay = coupled * coupled if squares else coupled
            yield mistake("decay_coupled", lambda: _mean(old, with_decay, at.number(1 - betas[0])))
        yield from _mean_slot(at, old, value, betas[0])


def _momentum_slot(at: _Update, rule: SGD, old: Bounded) -> Mistakes:
    g, rate, mu = at.g, at.rate, at.cast(rule.momentum)
    yield mistake("rate_outside", lambda: old * mu + g)
    yield mistake("rate_outside", lambda: old * mu - g)
    yield mistake("rate_outside", lambda: (old * mu - g) * rate)
    yield mistake("dampened", lambda: old * mu - g * rate * at.number(1 - rule.momentum))
    yield mistake("dampened", lambda: old * mu - g * rate * (1 - mu))
    yield mistake("gradient_missing", lambda: old * mu)
    yield mistake("momentum_missing", lambda: old - g * rate)
    yield mistake("gradient_sign", lambda: old * mu + g * rate)
    yield mistake("old_lost", lambda: -(g * rate))
    yield mistake("momentum_value", lambda: old * at.number(rule.momentum) - g * rate)
    yield mistake("sign", lambda: g * rate - old * mu)


def _mean_slot(at: _Update, old: Bounded, value: Bounded, beta: float) -> Mistakes:
    g, number = at.g, at.number
    share = number(1 - beta)
    yield mistake("beta_inverted", lambda: old * number(1 - beta) + value * number(beta))
    yield mistake("share_missing", lambda: old * number(beta) + value)
    yield mistake("forgetting_missing", lambda: old + value * share)
    yield mistake("forgetting_missing", lambda: old + value)
    yield mistake("gradient_unsquared", lambda: old + (g - old) * share)
    yield mistake("mean_of_size", lambda: old + (g.abs() - old) * share)
    yield mistake("gradient_squared", lambda: old + (g * g - old) * share)
    yield mistake("gradient_missing", lambda: old * number(beta))
    if np.any(old.value > value.value):
        yield mistake("maximum", lambda: select(old.value > value.value, old, value))
    yield mistake("old_lost", lambda: value * share)
    yield mistake("old_lost", lambda: value)
    yield mistake("gradient_sign", lambda: old * number(beta) - value * share)
    yield mistake("share_through_float32", lambda: _through_float32(at, old, value, beta))
    for other in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999):
        if other != beta:
            make = partial(_mean, old, value, number(1 - other))
            yield mistake("beta_value", make, other=other, beta=beta)


def _mean(old: Bounded, value: Bounded, share: Bounded) -> Bounded:
    found: Bounded = old + (value - old) * share
    return found


def _through_float32(at: _Update, old: Bounded, value: Bounded, beta: float) -> Bounded:
    return _mean(old, value, at.number(1 - float(np.float32(beta))))
