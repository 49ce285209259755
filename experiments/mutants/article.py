"""Mistakes in the article's network, as people type it in, and harmless variants of it."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import experiments
from experiments.mutants.mutant import DTYPES, Mutant
from experiments.mutants.patch import Patch
from experiments.parity.step import TwinStep
from scratchnet.architecture import Architecture
from scratchnet.optimizers import SGD
from scratchnet.types import Array

FILE = "article_network.py"
_PATH = Path(experiments.__file__).parents[1] / "examples" / FILE


@lru_cache(maxsize=1)
def load_article(mutant: Mutant) -> types.ModuleType:
    """Run the article's network with a mutation, as a module."""
    assert isinstance(mutant.mutation, Patch)
    module = types.ModuleType("mutated_article")
    exec(
        compile(mutant.mutation.applied(_PATH.read_text()), f"mutant {mutant.name}", "exec"),
        vars(module),
    )
    return module


def article_layers(architecture: Architecture) -> list[dict[str, Any]]:
    """Return the article's list of layers."""
    table, shapes = architecture.to_dict(), architecture.shapes()
    return [
        {
            "input_dim": inputs[0],
            "output_dim": layer["units"],
            "activation": layer.get("activation", "linear"),
        }
        for layer, inputs in zip(table["layers"], shapes, strict=False)
    ]


def article_weights(module: Any, architecture: Architecture, seed: int) -> Mapping[str, Array]:
    """Draw initial weights as the article does, and return them as Keras lays them out."""
    with np.errstate(all="ignore"):
        params = module.init_layers(article_layers(architecture), seed)
    return {
        name: params[f"{'W' if short == 'kernel' else 'b'}{number}"].T.reshape(shape)
        for name, shape in architecture.weight_shapes().items()
        for number, short in [_number(name)]
    }


def article_values(module: Any, step: TwinStep) -> dict[str, Array]:
    """Take a step with the article's functions, and return what they tell, as Keras names it."""
    layers, snapshot = article_layers(step.architecture), step.snapshot
    assert isinstance(step.optimizer, SGD)
    params = {}
    for name, value in snapshot.weights.items():
        number, short = _number(name)
        params[f"{'W' if short == 'kernel' else 'b'}{number}"] = (
            value.T.copy() if short == "kernel" else value.reshape(-1, 1).copy()
        )
    x, y = snapshot.x.T, snapshot.y.T
    prediction, memory = module.full_forward_propagation(x, params, layers)
    found = {"loss": np.asarray(module.get_cost_value(prediction, y))}
    for number in range(1, len(layers) + 1):
        a = memory[f"A{number}"] if number < len(layers) else prediction
        found[f"dense_{number}/pre_activation"] = memory[f"Z{number}"].T.copy()
        found[f"dense_{number}/activation"] = a.T.copy()
    gradients = module.full_backward_propagation(prediction, y, memory, params, layers)
    for name in snapshot.weights:
        number, short = _number(name)
        gradient = gradients[f"d{'W' if short == 'kernel' else 'b'}{number}"]
        found[f"{name}_gradient"] = _in_keras_shape(gradient, short).copy()
    params = module.update(params, gradients, layers, step.optimizer.learning_rate)
    for name in snapshot.weights:
        number, short = _number(name)
        updated = params[f"{'W' if short == 'kernel' else 'b'}{number}"]
        found[f"{name}_updated"] = _in_keras_shape(updated, short)
    return found


def _number(name: str) -> tuple[int, str]:
    layer, _, short = name.partition("/")
    return int(layer.removeprefix("dense_")), short


def _in_keras_shape(value: Array, short: str) -> Array:
    return value.T if short == "kernel" else value.reshape(-1)


def _wrong(
    name: str,
    function: str,
    old: str,
    new: str,
    tensor: str,
    code: str,
    scene: str = "article",
    dtypes: tuple[str, ...] = DTYPES,
) -> Mutant:
    return Mutant(f"article: {name}", Patch(function, old, new), scene, tensor, code, dtypes)


def _right(name: str, function: str, old: str, new: str, scene: str = "article") -> Mutant:
    return Mutant(f"article: {name}", Patch(function, old, new), scene)


_FORWARD, _BACKWARD = "single_layer_forward_propagation", "single_layer_backward_propagation"
_ALL_BACKWARD, _COST = "full_backward_propagation", "get_cost_value"
_TERMS = "np.dot(Y, np.log(Y_hat).T) + np.dot(1 - Y, np.log(1 - Y_hat).T)"
_LOSS_GRADIENT = "-(np.divide(Y, Y_hat) - np.divide(1 - Y, 1 - Y_hat))"
_LAST, _MIDDLE = "dense_3/kernel_gradient", "dense_2/kernel_gradient"

ARTICLE = (
    _wrong(
        "weights without 0.1",
        "init_layers",
        "np.random.randn(units, inputs) * 0.1",
        "np.random.randn(units, inputs)",
        "article/kernel",
        "initial_scale",
    ),
    _wrong(
        "weights of one number",
        "init_layers",
        "np.random.randn(units, inputs) * 0.1",
        "np.full((units, inputs), 0.1)",
        "article/kernel",
        "initial_constant",
    ),
    _wrong(
        "sigmoid without the minus",
        "sigmoid",
        "np.exp(-Z)",
        "np.exp(Z)",
        "dense_3/activation",
        "argument_sign",
    ),
    _wrong(
        "relu that leaks",
        "relu",
        "np.maximum(0, Z)",
        "np.maximum(0.01 * Z, Z)",
        "dense_1/activation",
        "leaky",
    ),
    _wrong(
        "relu of |Z|",
        "relu",
        "np.maximum(0, Z)",
        "np.abs(Z)",
        "dense_1/activation",
        "absolute_value",
    ),
    _wrong(
        "no activation",
        _FORWARD,
        "return relu(Z_curr), Z_curr",
        "return Z_curr, Z_curr",
        "dense_1/activation",
        "activation_missing",
    ),
    _wrong("no bias", _FORWARD, " + b_curr", "", "dense_1/pre_activation", "bias_missing"),
    _wrong(
        "bias subtracted",
        _FORWARD,
        "+ b_curr",
        "- b_curr",
        "dense_1/pre_activation",
        "bias_subtracted",
    ),
    _wrong(
        "the first unit's bias for all",
        _FORWARD,
        "+ b_curr",
        "+ b_curr[0]",
        "dense_1/pre_activation",
        "bias_first_only",
    ),
    _wrong(
        "kernel transposed",
        _FORWARD,
        "np.dot(W_curr, A_prev)",
        "np.dot(W_curr.T if W_curr.shape[0] > 1 else W_curr, A_prev)",
        "dense_1/pre_activation",
        "kernel_transposed",
        "article square",
    ),
    _wrong(
        "the memory keeps A for Z",
        "full_forward_propagation",
        "= Z_curr",
        "= A_curr",
        "dense_1/pre_activation",
        "activation_for_pre_activation",
    ),
    _wrong("cost: sum for mean", _COST, "-1 / m *", "-1 *", "loss", "batch_size_missing"),
    _wrong(
        "cost: the features for the samples",
        _COST,
        "Y_hat.shape[1]",
        "Y_hat.shape[0]",
        "loss",
        "batch_size_missing",
    ),
    _wrong("cost: the minus is missing", _COST, "-1 / m", "1 / m", "loss", "sign"),
    _wrong(
        "cost: only the term of class 1",
        _COST,
        _TERMS,
        "np.dot(Y, np.log(Y_hat).T)",
        "loss",
        "negative_term_missing",
    ),
    _wrong(
        "cost: only the term of class 0",
        _COST,
        _TERMS,
        "np.dot(1 - Y, np.log(1 - Y_hat).T)",
        "loss",
        "positive_term_missing",
    ),
    _wrong(
        "cost: logarithm of base 2",
        _COST,
        _TERMS,
        _TERMS.replace("np.log", "np.log2"),
        "loss",
        "log_base",
    ),
    _wrong(
        "cost: logarithm of base 10",
        _COST,
        _TERMS,
        _TERMS.replace("np.log", "np.log10"),
        "loss",
        "log_base",
    ),
    _wrong(
        "cost: an epsilon in the logarithms",
        _COST,
        _TERMS,
        "np.dot(Y, np.log(Y_hat + 1e-8).T) + np.dot(1 - Y, np.log(1 - Y_hat + 1e-8).T)",
        "loss",
        "epsilon_in_log",
        dtypes=("float64",),
    ),
    _wrong(
        "cost: targets inverted",
        _COST,
        _TERMS,
        "np.dot(1 - Y, np.log(Y_hat).T) + np.dot(Y, np.log(1 - Y_hat).T)",
        "loss",
        "targets_inverted",
    ),
    _wrong(
        "cost: the mean squared error",
        _COST,
        f"-1 / m * ({_TERMS})",
        "np.mean((Y - Y_hat) ** 2)",
        "loss",
        "squared_error",
    ),
    _wrong(
        "sigmoid': 1 - S missing",
        "sigmoid_backward",
        "dA * S * (1 - S)",
        "dA * S",
        _LAST,
        "factor_1_a_missing",
    ),
    _wrong(
        "sigmoid': S missing",
        "sigmoid_backward",
        "dA * S * (1 - S)",
        "dA * (1 - S)",
        _LAST,
        "factor_a_missing",
    ),
    _wrong(
        "sigmoid': a plus",
        "sigmoid_backward",
        "dA * S * (1 - S)",
        "dA * S * (1 + S)",
        _LAST,
        "sign_in_derivative",
    ),
    _wrong(
        "sigmoid': of Z itself",
        "sigmoid_backward",
        "S = sigmoid(Z)",
        "S = Z",
        _LAST,
        "derivative_at_z",
    ),
    _wrong(
        "sigmoid': missing",
        "sigmoid_backward",
        "dA * S * (1 - S)",
        "dA",
        _LAST,
        "derivative_missing",
    ),
    _wrong(
        "sigmoid': sigmoid of sigmoid",
        "sigmoid_backward",
        "S = sigmoid(Z)",
        "S = sigmoid(sigmoid(Z))",
        _LAST,
        "derivative_of_activation",
    ),
    _wrong(
        "relu': passes at 0",
        "relu_backward",
        "Z <= 0",
        "Z < 0",
        "dense_1/bias_gradient",
        "mask_at_zero",
        "zeros",
    ),
    _wrong("relu': inverted", "relu_backward", "Z <= 0", "Z > 0", _MIDDLE, "mask_inverted"),
    _wrong(
        "relu': missing", "relu_backward", "dZ[Z <= 0] = 0", "pass", _MIDDLE, "derivative_missing"
    ),
    _wrong(
        "relu': times relu",
        "relu_backward",
        "dZ[Z <= 0] = 0",
        "dZ *= relu(Z)",
        _MIDDLE,
        "derivative_is_activation",
    ),
    _wrong(
        "relu': the gradient's sign",
        "relu_backward",
        "Z <= 0",
        "dA <= 0",
        _MIDDLE,
        "mask_of_gradient",
    ),
    _wrong(
        "dW: sum for mean",
        _BACKWARD,
        "np.dot(dZ_curr, A_prev.T) / m",
        "np.dot(dZ_curr, A_prev.T)",
        _LAST,
        "batch_size_missing",
    ),
    _wrong(
        "dW: twice divided",
        _BACKWARD,
        "np.dot(dZ_curr, A_prev.T) / m",
        "np.dot(dZ_curr, A_prev.T) / m / m",
        _LAST,
        "batch_size_twice",
    ),
    _wrong(
        "db: sum for mean",
        _BACKWARD,
        "np.sum(dZ_curr, axis=1, keepdims=True) / m",
        "np.sum(dZ_curr, axis=1, keepdims=True)",
        "dense_3/bias_gradient",
        "batch_size_missing",
    ),
    _wrong(
        "db: a mean, divided again",
        _BACKWARD,
        "np.sum(dZ_curr, axis=1, keepdims=True) / m",
        "np.mean(dZ_curr, axis=1, keepdims=True) / m",
        "dense_3/bias_gradient",
        "batch_size_twice",
    ),
    _wrong(
        "db: over the units too",
        _BACKWARD,
        "np.sum(dZ_curr, axis=1, keepdims=True) / m",
        "np.sum(dZ_curr) / m + 0 * b_curr",
        "dense_2/bias_gradient",
        "units_summed",
    ),
    _wrong(
        "m is the number of inputs",
        _BACKWARD,
        "A_prev.shape[1]",
        "A_prev.shape[0]",
        _LAST,
        "inputs_for_batch_size",
    ),
    _wrong(
        "m is one less",
        _BACKWARD,
        "A_prev.shape[1]",
        "A_prev.shape[1] - 1",
        _LAST,
        "batch_size_minus_one",
    ),
    _wrong(
        "dA of dA",
        _BACKWARD,
        "np.dot(W_curr.T, dZ_curr)",
        "np.dot(W_curr.T, dA_curr)",
        _MIDDLE,
        "derivative_missing_after",
    ),
    _wrong(
        "dA with W transposed",
        _BACKWARD,
        "np.dot(W_curr.T, dZ_curr)",
        "np.dot(W_curr if len(W_curr) > 1 else W_curr.T, dZ_curr)",
        "dense_1/kernel_gradient",
        "kernel_transposed",
        "article square",
    ),
    _wrong(
        "dA with the updated kernel",
        _BACKWARD,
        "np.dot(W_curr.T, dZ_curr)",
        "np.dot((W_curr - 0.1 * dW_curr).T, dZ_curr)",
        _MIDDLE,
        "stale_weights",
    ),
    _wrong(
        "the loss's gradient: sign",
        _ALL_BACKWARD,
        _LOSS_GRADIENT,
        _LOSS_GRADIENT.removeprefix("-"),
        _LAST,
        "sign",
    ),
    _wrong(
        "the loss's gradient: a plus",
        _ALL_BACKWARD,
        _LOSS_GRADIENT,
        "-(np.divide(Y, Y_hat) + np.divide(1 - Y, 1 - Y_hat))",
        _LAST,
        "sign_of_term",
    ),
    _wrong(
        "the loss's gradient: only class 1",
        _ALL_BACKWARD,
        _LOSS_GRADIENT,
        "-np.divide(Y, Y_hat)",
        _LAST,
        "negative_term_missing",
    ),
    _wrong(
        "the loss's gradient: A - Y",
        _ALL_BACKWARD,
        _LOSS_GRADIENT,
        "Y_hat - Y",
        _LAST,
        "derivative_twice",
    ),
    _wrong(
        "update: ascent",
        "update",
        'f"W{number}"] -= learning_rate',
        'f"W{number}"] += learning_rate',
        "dense_1/kernel_updated",
        "ascent",
    ),
    _wrong(
        "update: no learning rate",
        "update",
        'learning_rate * grads_values[f"dW{number}"]',
        'grads_values[f"dW{number}"]',
        "dense_1/kernel_updated",
        "rate_missing",
    ),
    _wrong(
        "update: biases forgotten",
        "update",
        'learning_rate * grads_values[f"db{number}"]',
        "0",
        "dense_1/bias_updated",
        "not_updated",
    ),
    _wrong(
        "update: the last layer forgotten",
        "update",
        "len(nn_architecture) + 1",
        "len(nn_architecture)",
        "dense_3/kernel_updated",
        "not_updated",
    ),
    _wrong(
        "update: the rate twice",
        "update",
        'learning_rate * grads_values[f"dW{number}"]',
        'learning_rate**2 * grads_values[f"dW{number}"]',
        "dense_1/kernel_updated",
        "rate_squared",
    ),
)

ARTICLE_HARMLESS = (
    _right("nothing changed", "relu", "np.maximum", "np.maximum"),
    _right("relu by a mask", "relu", "np.maximum(0, Z)", "Z * (Z > 0)"),
    _right("sigmoid by a tanh", "sigmoid", "1 / (1 + np.exp(-Z))", "0.5 * (1 + np.tanh(0.5 * Z))"),
    _right("sigmoid by e^Z", "sigmoid", "1 / (1 + np.exp(-Z))", "np.exp(Z) / (1 + np.exp(Z))"),
    _right("sigmoid' as S - S^2", "sigmoid_backward", "S * (1 - S)", "(S - S**2)"),
    _right("relu' in place", "relu_backward", "np.array(dA, copy=True)", "dA"),
    _right("relu' by a mask", "relu_backward", "dZ[Z <= 0] = 0", "dZ = dA * (Z > 0)", "zeros"),
    _right(
        "cost by a mean",
        _COST,
        f"-1 / m * ({_TERMS})",
        "-np.mean(Y * np.log(Y_hat) + (1 - Y) * np.log(1 - Y_hat))",
    ),
    _right(
        "dZ = A - Y",
        _ALL_BACKWARD,
        _LOSS_GRADIENT,
        "(Y_hat - Y) / (Y_hat * (1 - Y_hat))",
    ),
    _right(
        "1/m times",
        _BACKWARD,
        "np.dot(dZ_curr, A_prev.T) / m",
        "1 / m * np.dot(dZ_curr, A_prev.T)",
    ),
    _right(
        "1/m before the sum",
        _BACKWARD,
        "np.sum(dZ_curr, axis=1, keepdims=True) / m",
        "np.sum(dZ_curr / m, axis=1, keepdims=True)",
    ),
    _right(
        "einsum for dot",
        _BACKWARD,
        "np.dot(dZ_curr, A_prev.T)",
        "np.einsum('um,fm->uf', dZ_curr, A_prev)",
    ),
    _right(
        "products summed from the last",
        _FORWARD,
        "np.dot(W_curr, A_prev)",
        "np.dot(W_curr[:, ::-1], A_prev[::-1])",
    ),
    _right(
        "db by a mean",
        _BACKWARD,
        "np.sum(dZ_curr, axis=1, keepdims=True) / m",
        "np.mean(dZ_curr, axis=1, keepdims=True)",
    ),
    _right(
        "update by a new array",
        "update",
        'params_values[f"W{number}"] -= learning_rate * grads_values[f"dW{number}"]',
        'params_values[f"W{number}"] = (\n'
        '            params_values[f"W{number}"] - learning_rate * grads_values[f"dW{number}"]\n'
        "        )",
    ),
)
