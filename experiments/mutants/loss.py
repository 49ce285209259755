"""Mistakes in scratchnet's losses and in their gradients."""

import numpy as np

from experiments.mutants.forward import FLOAT64, sigmoid, single, softmax
from experiments.mutants.mutant import DTYPES, Mutant
from experiments.mutants.mutation import Formula, Here, Replaced
from scratchnet.types import Array


def _loss(
    name: str, formula: Formula, scene: str, code: str, dtypes: tuple[str, ...] = DTYPES
) -> Mutant:
    return Mutant(name, Replaced("loss", formula), scene, "loss", code, dtypes)


def _gradient(name: str, formula: Formula, scene: str, tensor: str, code: str) -> Mutant:
    return Mutant(name, Replaced("loss_gradient", formula), scene, tensor, code)


def _units(t: Here) -> int:
    return t.network.architecture.units


def _binary(p: Array, y: Array, epsilon: float = 0.0, terms: tuple[int, int] = (1, 1)) -> Array:
    positive, negative = y * np.log(p + epsilon), (1 - y) * np.log(1 - p + epsilon)
    found: Array = -np.sum(terms[0] * positive + terms[1] * negative) / p.size
    return found


def _stable(z: Array, y: Array) -> Array:
    """Return the losses of logits, one by one."""
    losses: Array = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return losses


def _clipped(p: Array, bound: float = 1e-7) -> Array:
    return np.clip(p, p.dtype.type(bound), p.dtype.type(1 - bound))


def _shifted(t: Here) -> Array:
    """Return one-hot targets of classes counted from 1."""
    return np.hstack([t.y[:, 1:], np.zeros_like(t.y[:, :1])])


LOSSES = (
    _loss(
        "binary loss: sum for mean",
        lambda t: t.loss * t.output.size,
        "article",
        "batch_size_missing",
    ),
    _loss(
        "binary loss: divided by the samples only",
        lambda t: _stable(t.output, t.y).sum() / t.m,
        "outputs",
        "units_missing",
    ),
    _loss("binary loss: sign", lambda t: -t.loss, "decay", "sign"),
    _loss("binary loss: logarithm of base 2", lambda t: t.loss / np.log(2), "article", "log_base"),
    _loss(
        "binary loss: divided by m - 1",
        lambda t: t.loss * t.m / (t.m - 1),
        "article",
        "batch_size_minus_one",
    ),
    _loss(
        "binary loss: targets inverted",
        lambda t: _stable(t.output, 1 - t.y).mean(),
        "article",
        "targets_inverted",
    ),
    _loss(
        "binary loss: only the term of class 1",
        lambda t: (_stable(t.output, t.y) * t.y).mean(),
        "decay",
        "negative_term_missing",
    ),
    _loss(
        "binary loss: only the term of class 0",
        lambda t: (_stable(t.output, t.y) * (1 - t.y)).mean(),
        "outputs",
        "positive_term_missing",
    ),
    _loss(
        "binary loss: the mean squared error",
        lambda t: np.mean((sigmoid(t.output) - t.y) ** 2),
        "article",
        "squared_error",
    ),
    _loss(
        "binary loss: clipped for fused",
        lambda t: _binary(_clipped(sigmoid(t.output)), t.y),
        "saturated",
        "clipped_or_fused",
    ),
    _loss(
        "binary loss: through float32",
        lambda t: single(t.loss),
        "outputs",
        "through_float32",
        FLOAT64,
    ),
    _loss(
        "binary loss: an epsilon in the logarithms",
        lambda t: _binary(t.output, t.y, 1e-8),
        "probabilities",
        "epsilon_in_log",
        FLOAT64,
    ),
    _loss(
        "binary loss: a larger epsilon in the logarithms",
        lambda t: _binary(t.output, t.y, 1e-5),
        "probabilities",
        "epsilon_in_log",
    ),
    _loss(
        "binary loss: clipped at 1e-5",
        lambda t: _binary(_clipped(t.output, 1e-5), t.y),
        "clipped",
        "clip_bound",
    ),
    _loss(
        "categorical loss: mean over the classes",
        lambda t: t.loss / _units(t),
        "square",
        "classes_mean",
    ),
    _loss(
        "categorical loss: sum for mean", lambda t: t.loss * t.m, "no bias", "batch_size_missing"
    ),
    _loss("categorical loss: the minus is missing", lambda t: -t.loss, "sparse", "sign"),
    _loss(
        "categorical loss: an epsilon in the logarithm",
        lambda t: -np.sum(t.y * np.log(softmax(t.output) + 1e-12)) / t.m,
        "square",
        "epsilon_in_log",
        FLOAT64,
    ),
    _loss(
        "categorical loss: not divided by the row sum",
        lambda t: -np.sum(t.y * np.log(_clipped(t.output))) / t.m,
        "distribution",
        "row_sum_missing",
    ),
    _loss(
        "sparse loss: classes counted from 1",
        lambda t: -np.sum(_shifted(t) * np.log(softmax(t.output))) / t.m,
        "sparse",
        "targets_shifted",
    ),
    _loss("squared loss: half of it", lambda t: t.loss / 2, "regression", "factor_half"),
    _loss(
        "squared loss: summed over the units",
        lambda t: t.loss * _units(t),
        "momentum",
        "units_missing",
    ),
    _loss(
        "squared loss: the absolute error",
        lambda t: np.mean(np.abs(t.output - t.y)),
        "regression",
        "absolute_error",
    ),
    _loss("squared loss: its root", lambda t: np.sqrt(t.loss), "nesterov", "root"),
    _loss(
        "squared loss: not squared",
        lambda t: np.mean(t.output - t.y),
        "momentum",
        "error_unsquared",
    ),
)

_FUSED_3, _FUSED_2 = "dense_3/pre_activation_gradient", "dense_2/pre_activation_gradient"
_OUTPUT_2, _OUTPUT_3 = "dense_2/activation_gradient", "dense_3/activation_gradient"


def _passing_at_clip(t: Here) -> Array:
    p = _clipped(t.output)
    slope: Array = ((1 - t.y) / (1 - p) - t.y / p) / p.size
    return slope


def _row_gradient(t: Here, *, constant_sum: bool = False, sum_missing: bool = False) -> Array:
    """Return the gradient of a categorical loss that divides by the sum of each row."""
    total = t.output.sum(axis=1, keepdims=True)
    q = t.output / total
    g = -t.y / _clipped(q) / t.m
    if not constant_sum:
        g = g - (g * q).sum(axis=1, keepdims=True)
    return g if sum_missing else g / total


LOSS_GRADIENTS = (
    _gradient(
        "binary gradient: not divided by the batch size",
        lambda t: t.dloss * t.m,
        "article",
        _FUSED_3,
        "batch_size_missing",
    ),
    _gradient("binary gradient: y - p", lambda t: -t.dloss, "article", _FUSED_3, "sign"),
    _gradient(
        "binary gradient: divided by the samples only",
        lambda t: t.dloss * _units(t),
        "outputs",
        _FUSED_2,
        "units_missing",
    ),
    _gradient(
        "binary gradient: times p (1 - p)",
        lambda t: t.dloss * sigmoid(t.output) * (1 - sigmoid(t.output)),
        "article",
        _FUSED_3,
        "derivative_twice",
    ),
    _gradient(
        "binary gradient: z - y",
        lambda t: (t.output - t.y) / t.output.size,
        "decay",
        _FUSED_2,
        "logits_for_probability",
    ),
    _gradient(
        "binary gradient: targets missing",
        lambda t: sigmoid(t.output) / t.output.size,
        "outputs",
        _FUSED_2,
        "targets_missing",
    ),
    _gradient(
        "binary gradient: targets inverted",
        lambda t: (sigmoid(t.output) - (1 - t.y)) / t.output.size,
        "article",
        _FUSED_3,
        "targets_inverted",
    ),
    _gradient(
        "binary gradient: of classes",
        lambda t: ((t.output > 0) - t.y) / t.output.size,
        "article",
        _FUSED_3,
        "predicted_classes",
    ),
    _gradient(
        "binary gradient: clipped for fused",
        lambda t: np.where(_clipped(sigmoid(t.output)) == sigmoid(t.output), t.dloss, 0),
        "saturated",
        _FUSED_2,
        "clipped_or_fused",
    ),
    _gradient(
        "binary gradient: digits lost where saturated",
        lambda t: (sigmoid(t.output) - t.y) / t.output.size,
        "saturated",
        _FUSED_2,
        "digits_lost",
    ),
    _gradient(
        "categorical gradient: divided by the classes too",
        lambda t: t.dloss / _units(t),
        "no bias",
        _FUSED_2,
        "units_twice",
    ),
    _gradient(
        "categorical gradient: targets missing",
        lambda t: softmax(t.output) / t.m,
        "sparse",
        _FUSED_2,
        "targets_missing",
    ),
    _gradient(
        "categorical gradient: sigmoids",
        lambda t: (sigmoid(t.output) - t.y) / t.m,
        "square",
        _FUSED_3,
        "sigmoid_for_softmax",
    ),
    _gradient(
        "categorical gradient: not divided by the batch size",
        lambda t: t.dloss * t.m,
        "no bias",
        _FUSED_2,
        "batch_size_missing",
    ),
    _gradient(
        "squared gradient: the 2 is missing",
        lambda t: t.dloss / 2,
        "regression",
        _OUTPUT_3,
        "factor_half",
    ),
    _gradient("squared gradient: y - p", lambda t: -t.dloss, "momentum", _OUTPUT_2, "sign"),
    _gradient(
        "squared gradient: sum for mean",
        lambda t: t.dloss * t.output.size,
        "regression",
        _OUTPUT_3,
        "size_missing",
    ),
    _gradient(
        "clipped gradient: a sign between the terms",
        lambda t: ((1 - t.y) / (1 - t.output) + t.y / t.output) / t.output.size,
        "probabilities",
        _OUTPUT_2,
        "sign_of_term",
    ),
    _gradient(
        "clipped gradient: passes where clipped",
        _passing_at_clip,
        "clipped",
        _OUTPUT_2,
        "clip_ignored",
    ),
    _gradient(
        "clipped gradient: p - y",
        lambda t: (t.output - t.y) / t.output.size,
        "probabilities",
        _OUTPUT_2,
        "difference_only",
    ),
    _gradient(
        "clipped gradient: only the term of class 1",
        lambda t: -t.y / t.output / t.output.size,
        "probabilities",
        _OUTPUT_2,
        "negative_term_missing",
    ),
    _gradient(
        "row gradient: the sum taken for a constant",
        lambda t: _row_gradient(t, constant_sum=True),
        "distribution",
        _OUTPUT_2,
        "row_sum_constant",
    ),
    _gradient(
        "row gradient: not divided by the sum",
        lambda t: _row_gradient(t, sum_missing=True),
        "distribution",
        _OUTPUT_2,
        "row_sum_missing",
    ),
    _gradient(
        "sparse gradient: without 1 / p",
        lambda t: t.dloss * _clipped(t.output),
        "sparse distribution",
        _OUTPUT_2,
        "log_derivative_missing",
    ),
)
