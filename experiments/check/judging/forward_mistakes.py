"""Mistakes on the way from the input to the loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments.check.judging.mistakes import BINARY, FACTORS, ROWS, SQUARED, Mistake, entry
from experiments.check.judging.replay import (
    At,
    ImpossibleError,
    Value,
    activate,
    loss_value,
)
from scratchnet.types import Array

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")

SLOPES = (0.01, 0.1, 0.2, 0.3)
"""Slopes of leaky relus that are in use."""

SMOOTHING = (0.05, 0.1, 0.2)
"""Shares of label smoothing that are in use."""


def forward_mistakes() -> Iterator[Mistake]:
    """Yield the mistakes in pre-activations, activations and the loss."""
    yield from _pre_activations()
    yield from _activations()
    yield from _losses()


def _pre_activations() -> Iterator[Mistake]:
    place = "pre_activation"
    yield entry(place, "bias_missing", "the bias is not added", lambda at: at.right - at.bias)
    yield entry(
        place,
        "bias_subtracted",
        "the bias is subtracted, not added",
        lambda at: at.right - 2 * at.bias,
    )
    yield Mistake(
        "bias_after_activation",
        "the bias is added after the activation, not before it",
        ("pre_activation", "activation"),
        lambda at: at.right - at.bias if at.place == "pre_activation" else at.right + at.bias,
    )
    yield entry(place, "bias_twice", "the bias is added twice", lambda at: at.right + at.bias)
    yield entry(
        place,
        "kernel_transposed",
        "the kernel is transposed",
        lambda at: at.input @ at.transposed_kernel() + at.bias,
    )
    yield entry(
        place,
        "activation_skipped",
        "the layer is fed the pre-activation before it, not the activation",
        lambda at: at.z_before @ at.kernel + at.bias,
    )
    yield entry(
        place,
        "input_repeated",
        "the layer is fed the input of the network, not the activation before it",
        lambda at: at.network_input() @ at.kernel + at.bias,
    )
    for distance, which in ((-1, "before"), (1, "after")):
        yield entry(
            place,
            "wrong_layer",
            f"the kernel of the layer {which} it is used",
            _with_neighbours_kernel(distance),
        )
        yield entry(
            place,
            "wrong_layer",
            f"the bias of the layer {which} it is added",
            _with_neighbours_bias(distance),
        )
    yield entry(
        place,
        "bias_first_only",
        "the bias of the first unit is added to all units",
        lambda at: at.right - at.bias + at.bias[0],
    )
    yield entry(
        place,
        "batch_size_twice",
        "it is divided by the batch size ({m})",
        lambda at: at.right / at.m,
    )


def _with_neighbours_kernel(distance: int) -> Value:
    return lambda at: at.input @ at.neighbour("kernel", distance) + at.bias


def _with_neighbours_bias(distance: int) -> Value:
    return lambda at: at.right - at.bias + at.neighbour("bias", distance)


def _activations() -> Iterator[Mistake]:
    place = "activation"
    for right in ACTIVATIONS:
        for other in ACTIVATIONS:
            if other == "linear" != right:
                sentence = f"it is not activated; expected {right}"
                yield entry(place, "activation_missing", sentence, lambda at: at.z, right)
            elif other != right:
                sentence = f"it is {other}; expected {right}"
                yield entry(place, "wrong_activation", sentence, _activated(other), right)
    for slope in SLOPES:
        sentence = f"it is a leaky relu of slope {slope}"
        yield entry(place, "leaky", sentence, _leaky(slope), "relu")
    for code, sentence, value in (
        ("relu_minimum", "it is min(z, 0), not max(z, 0)", lambda at: np.minimum(at.z, 0)),
        ("absolute", "it is |z|", lambda at: np.abs(at.z)),
        ("capped", "it is a relu capped at 6", lambda at: np.clip(at.z, 0, 6)),
        ("capped", "it is a relu capped at 1", lambda at: np.clip(at.z, 0, 1)),
        ("step", "it is the step z > 0", lambda at: np.where(at.z > 0, 1, 0)),
        ("floor_1", "it is max(z, 1), not max(z, 0)", lambda at: np.maximum(at.z, 1)),
        ("wrong_activation", "it is softplus", lambda at: np.log1p(np.exp(at.z))),
        (
            "wrong_activation",
            "it is elu",
            lambda at: np.where(at.z > 0, at.z, np.expm1(np.minimum(at.z, 0))),
        ),
    ):
        yield entry(place, code, sentence, value, "relu")
    for code, sentence, value in (
        (
            "wrong_axis",
            "the softmax runs over the samples, not over the classes",
            lambda at: activate("softmax", at.z.T).T,
        ),
        (
            "wrong_axis",
            "the softmax is divided by the sum of the whole batch",
            lambda at: np.exp(at.z) / np.sum(np.exp(at.z)),
        ),
        (
            "normalisation_missing",
            "the softmax is not divided by its sum",
            lambda at: np.exp(at.z - at.z.max(axis=1, keepdims=True)),
        ),
        ("normalisation_missing", "the softmax is not divided by its sum", lambda at: np.exp(at.z)),
    ):
        yield entry(place, code, sentence, value, "softmax")
    yield entry(
        place,
        "denominator",
        "it is 1 / (1 - exp(-z)), not 1 / (1 + exp(-z))",
        lambda at: 1 / (1 - np.exp(-at.z)),
        "sigmoid",
    )
    yield entry(
        place,
        "relu_first",
        "relu is applied before it: the pre-activation goes through two activations",
        lambda at: activate(at.activation, np.maximum(at.z, 0)),
        "sigmoid tanh softmax",
    )
    yield entry(
        place,
        "float16",
        "it has no more digits than float16",
        lambda at: at.right.astype(np.float16).astype(np.longdouble),
    )
    for code, sentence, factor in (
        ("argument_sign", "the sign of its argument is wrong", -1.0),
        ("half_argument", "its argument is halved", 0.5),
        ("double_argument", "its argument is doubled", 2.0),
    ):
        # One of them may have it, and the others not.
        for names in ("sigmoid tanh softmax", "sigmoid", "tanh", "softmax"):
            yield entry(place, code, sentence, _stretched(factor), names)


def _activated(name: str) -> Value:
    return lambda at: activate(name, at.z)


def _stretched(factor: float) -> Value:
    return lambda at: activate(at.activation, factor * at.z)


def _leaky(slope: float) -> Value:
    return lambda at: np.where(at.z > 0, at.z, at.z * slope)


def _losses() -> Iterator[Mistake]:
    place = "loss"
    for code, sentence, weights in (
        ("negative_term_missing", "the term (1 - y) log(1 - p) is missing", (1, 0)),
        ("positive_term_missing", "the term y log p is missing", (0, 1)),
        ("sign_of_term", "the sign of the term (1 - y) log(1 - p) is wrong", (1, -1)),
        ("sign_of_term", "the sign of the term y log p is wrong", (-1, 1)),
    ):
        yield entry(place, code, sentence, _weighted_terms(*weights), losses=BINARY)
    yield entry(
        place,
        "targets_swapped",
        "the classes are swapped: y goes with log(1 - p)",
        lambda at: -np.mean((1 - at.y) * np.log(at.p) + at.y * np.log(1 - at.p)),
        losses=BINARY,
    )
    for base in (2, 10):
        yield entry(
            place,
            f"log_base_{base}",
            f"the logarithm has base {base}; expected the natural one",
            _in_base(base),
            losses=f"{BINARY} {ROWS}",
        )
    yield entry(
        place,
        "squared_error",
        "the loss is the mean squared error",
        lambda at: np.mean((at.p - at.y) ** 2),
        losses=f"{BINARY} {ROWS}",
    )
    yield entry(
        place,
        "squared_error",
        "the loss is half of the mean squared error",
        lambda at: np.mean((at.p - at.y) ** 2) / 2,
        losses=f"{BINARY} {ROWS}",
    )
    yield entry(
        place,
        "broadcast",
        "in the loss y has shape (n,) and the prediction (n, 1), so every target meets every "
        "prediction, n x n pairs; give both one shape",
        _of_all_pairs,
        losses=f"{BINARY} {SQUARED}",
    )
    for share in SMOOTHING:
        sentence = f"the labels are smoothed by {share}"
        yield entry(place, "label_smoothing", sentence, _smoothed(share), losses=f"{BINARY} {ROWS}")
    yield entry(
        place,
        "absolute_error",
        "it is the mean of |p - y|, not of its square",
        lambda at: np.mean(np.abs(at.p - at.y)),
        losses=SQUARED,
    )
    yield entry(
        place,
        "root",
        "it is the root of the mean square",
        lambda at: np.sqrt(at.right),
        losses=SQUARED,
    )
    yield entry(
        place,
        "wrong_loss",
        "it is the binary cross-entropy of every class",
        _weighted_terms(1, 1),
        losses=ROWS,
    )
    yield entry(
        place,
        "classes_mean",
        "it is a mean over the classes, not a sum",
        lambda at: at.right / at.units,
        losses=ROWS,
    )
    for which, sample in (("first", 0), ("last", -1)):
        sentence = f"only the {which} sample of the batch counts"
        yield entry(place, f"{which}_sample_only", sentence, _of_sample(sample), losses=BINARY)
    for factor in FACTORS:
        yield entry(place, factor.code, f"the loss {factor.sentence}", factor.at)


def _weighted_terms(positive: float, negative: float) -> Value:
    def value(at: At) -> Array:
        terms = positive * at.y * np.log(at.p) + negative * (1 - at.y) * np.log(1 - at.p)
        return np.asarray(-np.mean(terms))

    return value


def _of_all_pairs(at: At) -> Array:
    if at.units != 1:
        raise ImpossibleError
    p, y = np.broadcast_arrays(at.p, at.y.T)
    return loss_value(at.replay.loss_name, p, y)


def smoothed(at: At, share: float) -> Array:
    """Return the targets with labels smoothed as Keras smooths them."""
    classes = 2 if at.replay.loss_name == BINARY else at.units
    return at.y * (1 - np.longdouble(share)) + np.longdouble(share) / classes


def _smoothed(share: float) -> Value:
    return lambda at: loss_value(at.replay.loss_name, at.p, smoothed(at, share))


def _in_base(base: int) -> Value:
    return lambda at: at.right / np.log(np.longdouble(base))


def _of_sample(sample: int) -> Value:
    def value(at: At) -> Array:
        p, y = at.p[sample], at.y[sample]
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    return value
