"""Mistakes in the forward pass of scratchnet."""

import numpy as np

from experiments.mutants.mutant import DTYPES, Mutant
from experiments.mutants.mutation import Formula, Replaced
from scratchnet.types import Array

FLOAT64 = ("float64",)


def _pre_activation(
    name: str, formula: Formula, scene: str, code: str, dtypes: tuple[str, ...] = DTYPES
) -> Mutant:
    mutation = Replaced("pre_activation", formula)
    return Mutant(name, mutation, scene, "dense_1/pre_activation", code, dtypes)


def _activation(
    name: str,
    formula: Formula,
    scene: str,
    layer: str,
    code: str,
    dtypes: tuple[str, ...] = DTYPES,
) -> Mutant:
    """Make a mutant of the activation that the name begins with."""
    mutation = Replaced("activation", formula, activation=name.partition(" ")[0])
    return Mutant(name, mutation, scene, f"{layer}/activation", code, dtypes)


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z))."""
    a: Array = 1 / (1 + np.exp(-z))
    return a


def softmax(z: Array, axis: int = 1) -> Array:
    """Return exp(z) over its sum."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    a: Array = e / e.sum(axis=axis, keepdims=True)
    return a


def single(values: Array) -> Array:
    """Return values that went through float32."""
    return values.astype(np.float32).astype(values.dtype)


FORWARD = (
    _pre_activation("bias not added", lambda t: t.x @ t.kernel, "article", "bias_missing"),
    _pre_activation("bias subtracted", lambda t: t.z - 2 * t.bias, "sparse", "bias_subtracted"),
    _pre_activation("bias added twice", lambda t: t.z + t.bias, "regression", "bias_twice"),
    _pre_activation(
        "bias of the first unit for all",
        lambda t: t.x @ t.kernel + t.bias[0],
        "outputs",
        "bias_first_only",
    ),
    _pre_activation(
        "bias in reverse order", lambda t: t.x @ t.kernel + t.bias[::-1], "article", "bias_reversed"
    ),
    _pre_activation(
        "kernel transposed",
        lambda t: t.x @ t.kernel.T + t.bias,
        "square",
        "kernel_transposed",
    ),
    _pre_activation(
        "last input left out",
        lambda t: t.x[:, :-1] @ t.kernel[:-1] + t.bias,
        "article",
        "input_missing",
    ),
    _pre_activation(
        "first input left out",
        lambda t: t.x[:, 1:] @ t.kernel[1:] + t.bias,
        "momentum",
        "input_missing",
    ),
    _pre_activation(
        "kernel without its signs",
        lambda t: t.x @ np.abs(t.kernel) + t.bias,
        "probabilities",
        "kernel_absolute",
    ),
    _pre_activation(
        "inputs through float32",
        lambda t: single(t.x) @ t.kernel + t.bias,
        "article",
        "input_through_float32",
        FLOAT64,
    ),
    _pre_activation(
        "weights through float32",
        lambda t: t.x @ single(t.kernel) + t.bias,
        "no bias",
        "kernel_through_float32",
        FLOAT64,
    ),
    _activation("relu of |z|", lambda t: np.abs(t.z), "article", "dense_1", "absolute_value"),
    _activation(
        "relu that leaks", lambda t: np.maximum(t.z, 0.01 * t.z), "sparse", "dense_1", "leaky"
    ),
    _activation("relu up to 6", lambda t: np.clip(t.z, 0, 6), "saturated", "dense_1", "capped"),
    _activation(
        "relu with the minimum",
        lambda t: np.minimum(t.z, 0),
        "square",
        "dense_1",
        "minimum_for_maximum",
    ),
    _activation("relu as a step", lambda t: t.z > 0, "momentum", "dense_1", "step_function"),
    _activation(
        "relu smoothed",
        lambda t: np.log1p(np.exp(-np.abs(t.z))) + np.maximum(t.z, 0),
        "article",
        "dense_1",
        "wrong_activation",
    ),
    _activation(
        "sigmoid without the minus", lambda t: sigmoid(-t.z), "outputs", "dense_1", "argument_sign"
    ),
    _activation(
        "sigmoid is a tanh", lambda t: np.tanh(t.z), "outputs", "dense_1", "wrong_activation"
    ),
    _activation(
        "sigmoid by a tanh of z",
        lambda t: (1 + np.tanh(t.z)) / 2,
        "outputs",
        "dense_1",
        "argument_factor",
    ),
    _activation(
        "sigmoid made hard",
        lambda t: np.clip(t.z / 6 + 0.5, 0, 1),
        "regression",
        "dense_2",
        "wrong_activation",
    ),
    _activation(
        "sigmoid with e = 2.718",
        lambda t: 1 / (1 + np.power(t.z.dtype.type(2.718), -t.z)),
        "outputs",
        "dense_1",
        "euler_number",
    ),
    _activation(
        "sigmoid of half of z",
        lambda t: sigmoid(t.z / 2),
        "sparse distribution",
        "dense_1",
        "argument_factor",
    ),
    _activation(
        "tanh is a sigmoid", lambda t: sigmoid(t.z), "regression", "dense_1", "wrong_activation"
    ),
    _activation(
        "tanh by a sigmoid of z",
        lambda t: 2 * sigmoid(t.z) - 1,
        "square",
        "dense_2",
        "argument_factor",
    ),
    _activation(
        "tanh twice", lambda t: np.tanh(np.tanh(t.z)), "clipped", "dense_1", "applied_twice"
    ),
    _activation(
        "softmax over the samples",
        lambda t: softmax(t.z, axis=0),
        "square",
        "dense_3",
        "wrong_axis",
    ),
    _activation(
        "softmax without its sum",
        lambda t: np.exp(t.z - t.z.max(axis=1, keepdims=True)),
        "distribution",
        "dense_1",
        "normalisation_missing",
    ),
    _activation(
        "softmax without its shift",
        lambda t: np.exp(t.z) / np.exp(t.z).sum(axis=1, keepdims=True),
        "overflowing",
        "dense_2",
        "shift_missing",
    ),
    _activation(
        "softmax with an epsilon",
        lambda t: (
            (e := np.exp(t.z - t.z.max(axis=1, keepdims=True)))
            / (e.sum(axis=1, keepdims=True) + 1e-8)
        ),
        "sparse",
        "dense_2",
        "epsilon_in_softmax",
        FLOAT64,
    ),
    _activation(
        "softmax of -z", lambda t: softmax(-t.z), "distribution", "dense_1", "argument_sign"
    ),
    _activation(
        "linear is a relu",
        lambda t: np.maximum(t.z, 0),
        "regression",
        "dense_3",
        "wrong_activation",
    ),
)
