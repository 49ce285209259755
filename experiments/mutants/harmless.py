"""Variants that change nothing but rounding, and right networks that are hard to compare."""

from collections.abc import Callable, Iterable

import numpy as np

from experiments.mutants.mutant import Mutant, Mutation
from experiments.mutants.mutation import Formula, Here, Replaced, Update, Weights
from experiments.mutants.update import Step
from scratchnet.types import Array


def _variant(name: str, mutation: Mutation, scene: str) -> Mutant:
    return Mutant(name, mutation, scene)


def _in_order(name: str, order: Callable[..., Iterable[int]], scene: str) -> Mutant:
    """Make a variant that sums the products of the forward pass one by one."""

    def one_by_one(t: Here) -> Array:
        z = np.zeros_like(t.z)
        for i in order(range(t.x.shape[1])):
            z += np.outer(t.x[:, i], t.kernel[i])
        summed: Array = z + t.bias
        return summed

    return Mutant(name, Replaced("pre_activation", one_by_one), scene)


def _product(name: str, formula: Formula, scene: str) -> Mutant:
    return Mutant(name, Replaced("pre_activation", formula), scene)


def _activation(name: str, formula: Formula, scene: str) -> Mutant:
    """Make a variant of the activation that the name begins with, or of its derivative."""
    activation = name.partition(" ")[0]
    derivative = activation.endswith("'s")
    tensor = "pre_activation_gradient" if derivative else "activation"
    return Mutant(name, Replaced(tensor, formula, activation.removesuffix("'s")), scene)


def _stable_sigmoid(t: Here) -> Array:
    e = np.exp(-np.abs(t.z))
    return np.where(t.z >= 0, 1 / (1 + e), e / (1 + e))


def _softmax_by_its_mean(t: Here) -> Array:
    e = np.exp(t.z - t.z.mean(axis=1, keepdims=True))
    a: Array = e / e.sum(axis=1, keepdims=True)
    return a


def _softmax_from_the_last(t: Here) -> Array:
    e = np.exp(t.z - t.z.max(axis=1, keepdims=True))
    total = sum(e[:, k] for k in reversed(range(e.shape[1])))
    a: Array = e / np.asarray(total)[:, None]
    return a


def _losses(t: Here) -> Array:
    """Return the binary cross-entropy of logits, one by one."""
    z = t.output
    losses: Array = np.maximum(z, 0) - z * t.y + np.log1p(np.exp(-np.abs(z)))
    return losses


def _difference(t: Here) -> Array:
    """Return p - y of logits without losing digits."""
    e = np.exp(-np.abs(t.output))
    q = e / (1 + e)
    difference: Array = np.where(t.output > 0, (1 - t.y) - q, q - t.y)
    return difference


def _moments(p: Weights) -> Step:
    m = p.m * p.beta_1 + p.g * p.one_minus_beta_1
    v = p.v + (p.g * p.g - p.v) * p.one_minus_beta_2
    return {"w": p.w - m * p.alpha / (np.sqrt(v) + p.epsilon), "m": m, "v": v}


def _divided_first(p: Weights) -> Step:
    w = p.w - p.w * p.weight_decay * p.learning_rate
    m = p.m + (p.g - p.m) * p.one_minus_beta_1
    v = p.v + (p.g * p.g - p.v) * p.one_minus_beta_2
    return {"w": w - m / (np.sqrt(v) + p.epsilon) * p.alpha, "m": m, "v": v}


def _second_moment(p: Weights) -> Step:
    m = p.m + (p.g - p.m) * p.one_minus_beta_1
    v = p.v + (p.g**2 - p.v) * p.one_minus_beta_2
    return {"w": p.w - m * p.alpha / (np.sqrt(v) + p.epsilon), "m": m, "v": v}


def _by_a_power(p: Weights) -> Step:
    v = p.rho * p.v + p.one_minus_rho * (p.g * p.g)
    return {"w": p.w - p.learning_rate * p.g * (1 / np.sqrt(v + p.epsilon)), "v": v}


def _in_two_parts(p: Weights) -> Step:
    step = p.learning_rate * p.g
    m = p.momentum * p.m - step
    return {"w": (p.w - step) + p.momentum * m, "m": m}


HARMLESS = (
    _product("nothing changed", lambda t: t.z, "article"),
    _in_order("products summed from the first", list, "article"),
    _in_order("products summed from the last", reversed, "sparse"),
    _in_order("products of a wide layer summed from the first", list, "wide"),
    _in_order("products of a wide layer summed from the last", reversed, "wide"),
    _in_order("products of uncentred inputs summed from the first", list, "uncentred"),
    _in_order("products of uncentred inputs summed from the last", reversed, "uncentred"),
    _in_order("products of large inputs summed from the last", reversed, "large"),
    _in_order("products of small inputs summed from the last", reversed, "small"),
    _in_order("products before saturation summed from the last", reversed, "saturated"),
    _in_order("products before overflow summed from the last", reversed, "overflowing"),
    _product("bias added apart", lambda t: t.x @ t.kernel + t.bias, "square"),
    _product(
        "einsum for matmul",
        lambda t: np.einsum("nj,ji->ni", t.x, t.kernel) + t.bias,
        "regression",
    ),
    _product(
        "product in another memory order",
        lambda t: np.ascontiguousarray(t.x) @ np.asfortranarray(t.kernel) + t.bias,
        "wide",
    ),
    _product(
        "product in higher precision",
        lambda t: t.x.astype(np.longdouble) @ t.kernel + t.bias,
        "uncentred",
    ),
    _variant(
        "bias gradient summed apart",
        Replaced("bias_gradient", lambda t: t.dz.sum(axis=0)),
        "article",
    ),
    _variant(
        "kernel gradient summed sample by sample",
        Replaced(
            "kernel_gradient",
            lambda t: sum(np.outer(x, d) for x, d in zip(t.x, t.dz, strict=True)),
        ),
        "wide",
    ),
    _variant(
        "kernel gradient summed from the last sample",
        Replaced("kernel_gradient", lambda t: t.x[::-1].T @ t.dz[::-1]),
        "sparse",
    ),
    _variant(
        "input gradient by einsum",
        Replaced(
            "activation_gradient",
            lambda t: np.einsum("nj,ij->ni", t.reader.dz, t.reader.kernel),
        ),
        "square",
    ),
    _activation("sigmoid by a tanh", lambda t: (1 + np.tanh(t.z / 2)) / 2, "outputs"),
    _activation("sigmoid by e^z", _stable_sigmoid, "regression"),
    _activation("sigmoid's derivative as a - a^2", lambda t: t.da * (t.a * (1 - t.a)), "outputs"),
    _activation("relu by a mask", lambda t: t.z * (t.z > 0), "article"),
    _activation("relu by |z|", lambda t: (t.z + np.abs(t.z)) / 2, "momentum"),
    _activation("relu's derivative by where", lambda t: np.where(t.z > 0, t.da, 0), "zeros"),
    _activation(
        "tanh's derivative as (1 - a) (1 + a)",
        lambda t: t.da * ((1 - t.a) * (1 + t.a)),
        "square",
    ),
    _activation("tanh's derivative with a power", lambda t: (1 - t.a**2) * t.da, "regression"),
    _activation(
        "softmax times a reciprocal",
        lambda t: (
            (e := np.exp(t.z - t.z.max(axis=1, keepdims=True))) * (1 / e.sum(axis=1, keepdims=True))
        ),
        "distribution",
    ),
    _activation("softmax shifted by the mean", _softmax_by_its_mean, "distribution"),
    _activation("softmax summed from the last class", _softmax_from_the_last, "no bias"),
    _activation(
        "softmax's derivative by its matrix",
        lambda t: np.array([a * (g - a @ g) for a, g in zip(t.a, t.da, strict=True)]),
        "distribution",
    ),
    _variant("binary loss as a mean", Replaced("loss", lambda t: np.mean(_losses(t))), "article"),
    _variant(
        "binary loss summed from the last",
        Replaced("loss", lambda t: sum(_losses(t).ravel()[::-1]) / t.output.size),
        "outputs",
    ),
    _variant(
        "binary gradient as p - y",
        Replaced("loss_gradient", lambda t: _difference(t) / t.output.size),
        "outputs",
    ),
    _variant(
        "binary gradient times 1 / m",
        Replaced("loss_gradient", lambda t: _difference(t) * (1 / t.y.dtype.type(t.m))),
        "article",
    ),
    _variant(
        "categorical loss of the class alone",
        Replaced(
            "loss",
            lambda t: np.mean(
                np.log(np.sum(np.exp(s := t.output - t.output.max(axis=1, keepdims=True)), axis=1))
                - (s * t.y).sum(axis=1)
            ),
        ),
        "sparse",
    ),
    _variant(
        "squared loss by a power",
        Replaced("loss", lambda t: np.sum((t.output - t.y) ** 2) / t.output.size),
        "regression",
    ),
    _variant(
        "squared loss by a dot product",
        Replaced("loss", lambda t: (e := (t.output - t.y).ravel()) @ e / e.size),
        "large",
    ),
    _variant(
        "squared gradient times 2 / n",
        Replaced("loss_gradient", lambda t: (t.output - t.y) * t.y.dtype.type(2 / t.output.size)),
        "momentum",
    ),
    _variant("moving mean as m beta + g (1 - beta)", Update(_moments), "sparse"),
    _variant("second moment with g**2", Update(_second_moment), "small"),
    _variant("adam's step divided first", Update(_divided_first), "decay"),
    _variant("rmsprop by a power of -1/2", Update(_by_a_power), "regression"),
    _variant("nesterov's step in two parts", Update(_in_two_parts), "nesterov"),
    _variant(
        "descent by adding", Update(lambda p: {"w": p.w + -(p.learning_rate * p.g)}), "clipped"
    ),
)
