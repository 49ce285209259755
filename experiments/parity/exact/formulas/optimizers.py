"""Optimizers: ``(rule, w, g, slots, number of the update, conventions) -> w, slots``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.parity.exact.rounding import Bounded, Precision
from scratchnet.conventions import Conventions
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

Tensors = dict[str, Bounded]


def cast(precision: Precision, value: float, on: Conventions) -> Bounded:
    """Take a setting as ``keras.ops.cast`` hands it on."""
    return precision.rounded(on.cast(value))


def _sgd(
    rule: SGD, w: Bounded, g: Bounded, slots: Tensors, _t: int, on: Conventions
) -> tuple[Bounded, Tensors]:
    step = g * w.precision.rounded(rule.learning_rate)
    if not rule.momentum:
        return w - step, {}
    mu = cast(w.precision, rule.momentum, on)
    m = slots["momentum"] * mu - step
    if not rule.nesterov:
        return w + m, {"momentum": m}
    # Keras on torch adds the two parts of the step one after the other.
    other_form = w.precision.roundoff * (w.size + step.size + m.size)
    return (w + (m * mu - step)).widen(other_form), {"momentum": m}


def _rmsprop(
    rule: RMSprop, w: Bounded, g: Bounded, slots: Tensors, _t: int, _on: Conventions
) -> tuple[Bounded, Tensors]:
    number = w.precision.rounded
    v = number(rule.rho) * slots["velocity"] + number(1 - rule.rho) * (g * g)
    step = number(rule.learning_rate) * g / (v + number(rule.epsilon)).sqrt()
    return w - step, {"velocity": v}


def _adam(
    rule: Adam, w: Bounded, g: Bounded, slots: Tensors, t: int, on: Conventions
) -> tuple[Bounded, Tensors]:
    number = w.precision.rounded
    rate = number(rule.learning_rate)
    if isinstance(rule, AdamW):
        # Keras on torch multiplies by 1 - weight_decay * learning_rate, which rounds once more.
        other_form = w.precision.roundoff * w.size
        w = (w - w * cast(w.precision, rule.weight_decay, on) * rate).widen(other_form)
    beta_1, beta_2 = (cast(w.precision, beta, on) for beta in (rule.beta_1, rule.beta_2))
    alpha = rate * (1 - beta_2.power(t)).sqrt() / (1 - beta_1.power(t))
    m = _moving(slots["momentum"], g, rule.beta_1)
    v = _moving(slots["velocity"], g * g, rule.beta_2)
    step = m * alpha / (v.sqrt() + number(rule.epsilon))
    return w - step, {"momentum": m, "velocity": v}


def _moving(average: Bounded, value: Bounded, beta: float) -> Bounded:
    """Return ``average + (value - average) (1 - beta)``.

    Keras on torch computes ``average beta + value (1 - beta)``, which rounds elsewhere.
    """
    share = average.precision.rounded(1 - beta)
    other_form = 2 * average.precision.roundoff * (average.size + (1 - beta) * value.size)
    return (average + (value - average) * share).widen(other_form)


UPDATE: dict[type[Optimizer], Callable[..., tuple[Bounded, Tensors]]] = {
    SGD: _sgd,
    RMSprop: _rmsprop,
    Adam: _adam,
    AdamW: _adam,
}


def update(
    rule: Optimizer,
    w: Bounded,
    g: Bounded,
    slots: Tensors,
    t: int,
    on: Conventions,
) -> tuple[Bounded, Tensors]:
    """Return a weight and its slots after update number `t`, from 1."""
    formula: Any = UPDATE[type(rule)]
    updated: tuple[Bounded, Tensors] = formula(rule, w, g, slots, t, on)
    return updated
