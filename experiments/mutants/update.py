"""Mistakes in scratchnet's optimizers: the rule once more, with one thing wrong."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from experiments.mutants.forward import FLOAT64, single
from experiments.mutants.mutant import DTYPES, Mutant
from experiments.mutants.mutation import Rule, Update, Weights


def _rule(
    name: str, rule: Rule, scene: str, tensor: str, code: str, dtypes: tuple[str, ...] = DTYPES
) -> Mutant:
    return Mutant(name, Update(rule), scene, f"dense_1/{tensor}", code, dtypes)


def _settings(
    name: str,
    constants: Callable[..., Mapping[str, Any]],
    scene: str,
    tensor: str,
    code: str,
    dtypes: tuple[str, ...] = DTYPES,
) -> Mutant:
    mutation = Update(constants=constants)
    return Mutant(name, mutation, scene, f"dense_1/{tensor}", code, dtypes)


Step = Mapping[str, Any]


def _momentum(p: Weights, *, m: Any = None, step: Any = None) -> Step:
    """``m = momentum m - rate g; w = w + m``, or another m or step."""
    right = p.momentum * p.m - p.learning_rate * p.g
    m = right if m is None else m
    return {"w": p.w + (m if step is None else step), "m": m}


def rmsprop(p: Weights, *, v: Any = None, root: Any = None) -> Step:
    """``v = rho v + (1 - rho) g^2; w = w - rate g / sqrt(v + epsilon)``, or another v or root."""
    right = p.rho * p.v + p.one_minus_rho * p.g**2
    v = right if v is None else v
    divisor = np.sqrt(v + p.epsilon) if root is None else root(v)
    return {"w": p.w - p.learning_rate * p.g / divisor, "v": v}


def adam(p: Weights, *, v: Any = None, root: Any = None, mean: Any = None) -> Step:
    """Adam's step, or one by another v, root or first moment."""
    m = p.m + (p.g - p.m) * p.one_minus_beta_1
    right = p.v + (p.g**2 - p.v) * p.one_minus_beta_2
    v = right if v is None else v
    divisor = np.sqrt(v) + p.epsilon if root is None else root(v)
    return {"w": p.w - (m if mean is None else mean) * p.alpha / divisor, "m": m, "v": v}


def _decayed(p: Weights, w: Any = None, g: Any = None) -> Step:
    """Return Adam's step from other weights and gradients."""
    p.w, p.g = p.w if w is None else w, p.g if g is None else g
    return adam(p)


def _decayed_after(p: Weights) -> Step:
    found = adam(p)
    w = found["w"]
    return {**found, "w": w - w * p.weight_decay * p.learning_rate}


def _without_last(p: Weights) -> Step:
    w = p.w.copy()
    w[:-1] -= p.learning_rate * p.g[:-1]
    return {"w": w}


def _alpha(change: Callable[[Any, Any, Any], Any]) -> Callable[..., Mapping[str, Any]]:
    """Return constants in which alpha is ``change(rate, 1 - beta_1^t, 1 - beta_2^t)``."""

    def constants(rule: Any, t: int, dtype: Any, cast: Any) -> Mapping[str, Any]:
        number = dtype.type
        one, count = number(1), number(t)
        corrections = [one - number(cast(beta)) ** count for beta in (rule.beta_1, rule.beta_2)]
        return {"alpha": change(number(rule.learning_rate), *corrections)}

    return constants


def _at_step(number: Callable[[int], int]) -> Callable[..., Mapping[str, Any]]:
    """Return Adam's constants of another step."""

    def constants(rule: Any, t: int, dtype: Any, cast: Any) -> Mapping[str, Any]:
        return _right(rule, number(t), dtype, cast)

    return constants


def _uncast(rule: Any, t: int, dtype: Any, _cast: Any) -> Mapping[str, Any]:
    return _right(rule, t, dtype, float)


def _right(rule: Any, t: int, dtype: Any, cast: Any) -> Mapping[str, Any]:
    """Return the constants of the class that the mutant stands in for."""
    found: Mapping[str, Any] = super(type(rule), rule).constants(t, dtype, cast)
    return found


UPDATES = (
    _rule(
        "sgd: ascent",
        lambda p: {"w": p.w + p.learning_rate * p.g},
        "article",
        "kernel_updated",
        "ascent",
    ),
    _rule(
        "sgd: no learning rate",
        lambda p: {"w": p.w - p.g},
        "zeros",
        "kernel_updated",
        "rate_missing",
    ),
    _rule(
        "sgd: the rate twice",
        lambda p: {"w": p.w - p.learning_rate**2 * p.g},
        "article",
        "kernel_updated",
        "rate_squared",
    ),
    _rule(
        "sgd: the rate through float32",
        lambda p: {"w": p.w - single(p.learning_rate) * p.g},
        "article",
        "kernel_updated",
        "rate_through_float32",
        FLOAT64,
    ),
    _rule(
        "sgd: the gradient's sign",
        lambda p: {"w": p.w - p.learning_rate * np.sign(p.g)},
        "article",
        "kernel_updated",
        "sign_descent",
    ),
    _rule(
        "sgd: twice",
        lambda p: {"w": p.w - p.learning_rate * p.g - p.learning_rate * p.g},
        "article",
        "kernel_updated",
        "twice",
    ),
    _rule(
        "sgd: nothing is updated", lambda p: {"w": p.w}, "article", "kernel_updated", "not_updated"
    ),
    Mutant(
        "sgd: the last weight is forgotten",
        Update(_without_last),
        "article",
        "dense_3/bias_updated",
        "not_updated",
    ),
    _rule(
        "momentum: the rate outside",
        lambda p: _momentum(p, m=p.momentum * p.m - p.g),
        "momentum",
        "kernel_momentum",
        "rate_outside",
    ),
    _rule(
        "momentum: as torch keeps it",
        lambda p: _momentum(
            p,
            m=p.momentum * p.m + p.g,
            step=-p.learning_rate * (p.momentum * p.m + p.g),
        ),
        "momentum",
        "kernel_momentum",
        "rate_outside",
    ),
    _rule(
        "momentum: dampened",
        lambda p: _momentum(p, m=p.momentum * p.m - p.learning_rate * p.g * (1 - p.momentum)),
        "momentum",
        "kernel_momentum",
        "dampened",
    ),
    _rule(
        "momentum: the gradient's sign",
        lambda p: _momentum(p, m=p.momentum * p.m + p.learning_rate * p.g),
        "momentum",
        "kernel_momentum",
        "gradient_sign",
    ),
    _rule(
        "momentum: undamped",
        lambda p: _momentum(p, m=p.m - p.learning_rate * p.g),
        "square",
        "kernel_momentum",
        "momentum_missing",
    ),
    _settings(
        "momentum: not through float32",
        lambda rule, *_: {"momentum": rule.momentum},
        "momentum",
        "kernel_momentum",
        "momentum_value",
        FLOAT64,
    ),
    _rule(
        "momentum: the old velocity",
        lambda p: _momentum(p, step=p.m),
        "momentum",
        "kernel_updated",
        "old_velocity",
    ),
    _rule(
        "momentum: the gradient lost",
        lambda p: {"w": p.w + p.momentum * p.m - p.learning_rate * p.g, "m": p.momentum * p.m},
        "momentum",
        "kernel_momentum",
        "gradient_missing",
    ),
    _rule(
        "momentum: never kept",
        lambda p: {"w": p.w + p.momentum * p.m - p.learning_rate * p.g},
        "momentum",
        "kernel_momentum",
        "not_updated",
    ),
    _rule("nesterov: the plain step", _momentum, "nesterov", "kernel_updated", "nesterov_form"),
    _rule(
        "nesterov: without the gradient",
        lambda p: _momentum(p, step=p.momentum * (p.momentum * p.m - p.learning_rate * p.g)),
        "nesterov",
        "kernel_updated",
        "nesterov_form",
    ),
    _rule(
        "rmsprop: epsilon outside the root",
        lambda p: rmsprop(p, root=lambda v: np.sqrt(v) + p.epsilon),
        "regression",
        "kernel_updated",
        "epsilon_outside_root",
    ),
    _rule(
        "rmsprop: epsilon 1e-8",
        lambda p: rmsprop(p, root=lambda v: np.sqrt(v + p.number(1e-8))),
        "regression",
        "kernel_updated",
        "epsilon_value",
    ),
    _rule(
        "rmsprop: no epsilon",
        lambda p: rmsprop(p, root=np.sqrt),
        "regression",
        "kernel_updated",
        "epsilon_missing",
    ),
    _rule(
        "rmsprop: no root",
        lambda p: rmsprop(p, root=lambda v: v + p.epsilon),
        "regression",
        "kernel_updated",
        "root_missing",
    ),
    _rule(
        "rmsprop: the old mean square",
        lambda p: rmsprop(p, root=lambda _: np.sqrt(p.v + p.epsilon)),
        "regression",
        "kernel_updated",
        "old_velocity",
    ),
    _rule(
        "rmsprop: rho and 1 - rho",
        lambda p: rmsprop(p, v=p.one_minus_rho * p.v + p.rho * p.g**2),
        "regression",
        "kernel_velocity",
        "beta_inverted",
    ),
    _rule(
        "rmsprop: not squared",
        lambda p: rmsprop(p, v=p.rho * p.v + p.one_minus_rho * p.g),
        "regression",
        "kernel_velocity",
        "gradient_unsquared",
    ),
    _rule(
        "rmsprop: piled up",
        lambda p: rmsprop(p, v=p.v + p.one_minus_rho * p.g**2),
        "regression",
        "kernel_velocity",
        "forgetting_missing",
    ),
    _rule(
        "rmsprop: a share of 1",
        lambda p: rmsprop(p, v=p.rho * p.v + p.g**2),
        "regression",
        "kernel_velocity",
        "share_missing",
    ),
    _settings(
        "adam: no bias correction",
        _alpha(lambda rate, _1, _2: rate),
        "sparse",
        "kernel_updated",
        "bias_correction_missing",
    ),
    _settings(
        "adam: steps counted from 0",
        _at_step(lambda t: t - 1),
        "sparse",
        "kernel_updated",
        "bias_correction_step",
    ),
    _settings(
        "adam: steps counted twice",
        _at_step(lambda t: t + 1),
        "decay",
        "kernel_updated",
        "bias_correction_step",
    ),
    _settings(
        "adam: the first step's correction",
        _at_step(lambda _: 1),
        "sparse",
        "kernel_updated",
        "first_step_correction",
    ),
    _rule(
        "adam: epsilon inside the root",
        lambda p: adam(p, root=lambda v: np.sqrt(v + p.epsilon)),
        "sparse",
        "kernel_updated",
        "epsilon_inside_root",
    ),
    _settings(
        "adam: epsilon 1e-8",
        lambda *_: {"epsilon": 1e-8},
        "small",
        "kernel_updated",
        "epsilon_value",
    ),
    _settings(
        "adam: epsilon 1e-8, ordinary gradients",
        lambda *_: {"epsilon": 1e-8},
        "sparse",
        "kernel_updated",
        "epsilon_value",
        FLOAT64,
    ),
    _rule(
        "adam: no epsilon",
        lambda p: adam(p, root=np.sqrt),
        "small",
        "kernel_updated",
        "epsilon_missing",
    ),
    _settings(
        "adam: epsilon as torch adds it",
        lambda rule, t, dtype, cast: {
            "epsilon": rule.epsilon * np.sqrt(1 - dtype.type(cast(rule.beta_2)) ** dtype.type(t))
        },
        "small",
        "kernel_updated",
        "epsilon_form",
    ),
    _settings(
        "adam: beta_2 = 0.99",
        lambda *_: {"one_minus_beta_2": 1 - 0.99},
        "sparse",
        "kernel_velocity",
        "beta_value",
    ),
    _settings(
        "adam: beta_2 = 0.998",
        lambda *_: {"one_minus_beta_2": 1 - 0.998},
        "outputs",
        "kernel_velocity",
        "beta_value",
    ),
    _settings(
        "adam: beta_1 = 0.95",
        lambda *_: {"one_minus_beta_1": 1 - 0.95},
        "one sample",
        "kernel_momentum",
        "beta_value",
    ),
    _settings(
        "adam: betas exchanged",
        lambda rule, *_: {
            "one_minus_beta_1": 1 - rule.beta_2,
            "one_minus_beta_2": 1 - rule.beta_1,
        },
        "sparse",
        "kernel_momentum",
        "betas_swapped",
    ),
    _settings(
        "adam: share through float32",
        lambda rule, _t, _dtype, cast: {"one_minus_beta_2": 1 - cast(rule.beta_2)},
        "outputs",
        "kernel_velocity",
        "share_through_float32",
    ),
    _settings(
        "adam: betas not through float32",
        _uncast,
        "sparse",
        "kernel_updated",
        "betas_unrounded",
        FLOAT64,
    ),
    _rule(
        "adam: the mean of |g|",
        lambda p: adam(p, v=p.v + (np.abs(p.g) - p.v) * p.one_minus_beta_2),
        "outputs",
        "kernel_velocity",
        "mean_of_size",
    ),
    _rule(
        "adam: not squared",
        lambda p: adam(p, v=p.v + (p.g - p.v) * p.one_minus_beta_2),
        "sparse",
        "kernel_velocity",
        "gradient_unsquared",
    ),
    _rule(
        "adam: the maximum",
        lambda p: adam(p, v=np.maximum(p.v, p.g**2)),
        "sparse",
        "kernel_velocity",
        "maximum",
    ),
    _rule(
        "adam: the gradient for its mean",
        lambda p: adam(p, mean=p.g),
        "sparse",
        "kernel_updated",
        "first_moment_only",
    ),
    _settings(
        "adam: no root in the correction",
        _alpha(lambda rate, c_1, c_2: rate * c_2 / c_1),
        "sparse",
        "kernel_updated",
        "correction_root_missing",
    ),
    _settings(
        "adam: only the first moment corrected",
        _alpha(lambda rate, c_1, _: rate / c_1),
        "sparse",
        "kernel_updated",
        "velocity_correction_missing",
    ),
    _settings(
        "adam: only the second moment corrected",
        _alpha(lambda rate, _, c_2: rate * np.sqrt(c_2)),
        "sparse",
        "kernel_updated",
        "momentum_correction_missing",
    ),
    _settings(
        "adam: corrections exchanged",
        _alpha(lambda rate, c_1, c_2: rate * np.sqrt(c_1) / c_2),
        "sparse",
        "kernel_updated",
        "corrections_swapped",
    ),
    _rule(
        "adam: no root",
        lambda p: adam(p, root=lambda v: v + p.epsilon),
        "sparse",
        "kernel_updated",
        "root_missing",
    ),
    _rule(
        "adamw: the decay without the rate",
        lambda p: _decayed(p, w=p.w - p.w * p.weight_decay),
        "decay",
        "kernel_updated",
        "decay_without_rate",
    ),
    _rule("adamw: no decay", _decayed, "decay", "kernel_updated", "decay_missing"),
    _rule(
        "adamw: growth",
        lambda p: _decayed(p, w=p.w + p.w * p.weight_decay * p.learning_rate),
        "decay",
        "kernel_updated",
        "decay_sign",
    ),
    _rule(
        "adamw: the decay in the gradient",
        lambda p: _decayed(p, g=p.g + p.w * p.weight_decay),
        "decay",
        "kernel_momentum",
        "decay_coupled",
    ),
    _rule(
        "adamw: the decay after the step",
        _decayed_after,
        "decay",
        "kernel_updated",
        "decay_after",
        FLOAT64,
    ),
    _settings(
        "adamw: the decay not through float32",
        lambda rule, *_: {"weight_decay": rule.weight_decay},
        "decay",
        "kernel_updated",
        "decay_unrounded",
        FLOAT64,
    ),
)
