"""Mistakes in the backward pass of scratchnet."""

import numpy as np

from experiments.mutants.forward import sigmoid
from experiments.mutants.mutant import Mutant
from experiments.mutants.mutation import Formula, Here, Replaced
from scratchnet.types import Array


def _derivative(name: str, formula: Formula, scene: str, layer: str, code: str) -> Mutant:
    """Make a mutant of the derivative of the activation that the name begins with."""
    mutation = Replaced("pre_activation_gradient", formula, activation=name.partition(" ")[0])
    return Mutant(f"d {name}", mutation, scene, f"{layer}/pre_activation_gradient", code)


def _gradient(
    name: str, formula: Formula, scene: str, tensor: str, code: str, *, layer: str = ""
) -> Mutant:
    """Make a mutant of a gradient, by the full name of the first that it spoils."""
    return Mutant(
        name, Replaced(tensor.partition("/")[2], formula, layer=layer), scene, tensor, code
    )


def _row_sum(values: Array) -> Array:
    total: Array = values.sum(axis=1, keepdims=True)
    return total


def _piled_up(t: Here) -> Array:
    """Add the gradient of the call before."""
    before = vars(t).get("before", 0)
    vars(t)["before"] = t.dkernel + before
    total: Array = t.dkernel + before
    return total


BACKWARD = (
    _derivative(
        "relu passes at 0", lambda t: (t.z >= 0) * t.da, "zeros", "dense_1", "mask_at_zero"
    ),
    _derivative("relu missing", lambda t: t.da, "article", "dense_2", "derivative_missing"),
    _derivative(
        "relu times a", lambda t: t.da * t.a, "article", "dense_2", "derivative_is_activation"
    ),
    _derivative("relu inverted", lambda t: (t.a <= 0) * t.da, "sparse", "dense_1", "mask_inverted"),
    _derivative(
        "relu by the gradient's sign",
        lambda t: np.maximum(t.da, 0),
        "square",
        "dense_1",
        "mask_of_gradient",
    ),
    _derivative(
        "relu that leaks",
        lambda t: np.where(t.a > 0, 1, t.a.dtype.type(0.01)) * t.da,
        "article",
        "dense_2",
        "leaky",
    ),
    _derivative(
        "relu is the mask alone", lambda t: t.a > 0, "momentum", "dense_1", "mask_without_gradient"
    ),
    _derivative("relu from 1 on", lambda t: (t.z > 1) * t.da, "article", "dense_2", "mask_at_one"),
    _derivative(
        "sigmoid without a", lambda t: t.da * (1 - t.a), "outputs", "dense_1", "factor_a_missing"
    ),
    _derivative(
        "sigmoid without 1 - a", lambda t: t.da * t.a, "outputs", "dense_1", "factor_1_a_missing"
    ),
    _derivative(
        "sigmoid as tanh", lambda t: t.da * (1 - t.a**2), "outputs", "dense_1", "wrong_derivative"
    ),
    _derivative(
        "sigmoid with a plus",
        lambda t: t.da * t.a * (1 + t.a),
        "regression",
        "dense_2",
        "sign_in_derivative",
    ),
    _derivative(
        "sigmoid at a",
        lambda t: t.da * sigmoid(t.a) * (1 - sigmoid(t.a)),
        "outputs",
        "dense_1",
        "derivative_of_activation",
    ),
    _derivative(
        "sigmoid of z",
        lambda t: t.da * t.z * (1 - t.z),
        "sparse distribution",
        "dense_1",
        "derivative_at_z",
    ),
    _derivative("sigmoid missing", lambda t: t.da, "regression", "dense_2", "derivative_missing"),
    _derivative(
        "tanh unsquared", lambda t: t.da * (1 - t.a), "square", "dense_2", "square_missing"
    ),
    _derivative(
        "tanh as sigmoid",
        lambda t: t.da * t.a * (1 - t.a),
        "probabilities",
        "dense_1",
        "wrong_derivative",
    ),
    _derivative(
        "tanh with a plus",
        lambda t: t.da * (1 + t.a**2),
        "regression",
        "dense_1",
        "sign_in_derivative",
    ),
    _derivative(
        "tanh of z", lambda t: t.da * (1 - t.z**2), "clipped", "dense_1", "derivative_at_z"
    ),
    _derivative(
        "tanh at a",
        lambda t: t.da * (1 - np.tanh(t.a) ** 2),
        "square",
        "dense_2",
        "derivative_of_activation",
    ),
    _derivative("tanh missing", lambda t: t.da, "regression", "dense_1", "derivative_missing"),
    _derivative(
        "softmax by its diagonal",
        lambda t: t.da * t.a * (1 - t.a),
        "distribution",
        "dense_1",
        "softmax_diagonal",
    ),
    _derivative(
        "softmax without the sum",
        lambda t: t.da * t.a,
        "distribution",
        "dense_1",
        "softmax_sum_missing",
    ),
    _derivative(
        "softmax over the samples",
        lambda t: t.a * (t.da - (t.a * t.da).sum(axis=0)),
        "distribution",
        "dense_1",
        "wrong_axis",
    ),
    _derivative(
        "softmax without its factor",
        lambda t: t.da - _row_sum(t.a * t.da),
        "distribution",
        "dense_1",
        "softmax_factor_missing",
    ),
    _derivative(
        "softmax with the sum of da",
        lambda t: t.a * (t.da - _row_sum(t.da)),
        "distribution",
        "dense_1",
        "sum_without_a",
    ),
    _derivative(
        "softmax with the mean",
        lambda t: t.a * (t.da - _row_sum(t.a * t.da) / t.a.shape[1]),
        "distribution",
        "dense_1",
        "softmax_sum_mean",
    ),
    _derivative("linear times a", lambda t: t.da * t.a, "regression", "dense_3", "extra_factor"),
    _gradient(
        "kernel gradient divided by m again",
        lambda t: t.dkernel / t.m,
        "article",
        "dense_3/kernel_gradient",
        "batch_size_twice",
    ),
    _gradient(
        "kernel gradient transposed",
        lambda t: t.dkernel.T.copy(),
        "square",
        "dense_3/kernel_gradient",
        "transposed",
    ),
    _gradient(
        "kernel gradient of the layer's own activation",
        lambda t: t.a.T @ t.dz,
        "square",
        "dense_3/kernel_gradient",
        "own_activation",
    ),
    _gradient(
        "kernel gradient of da",
        lambda t: t.x.T @ t.da,
        "regression",
        "dense_2/kernel_gradient",
        "derivative_missing",
        layer="dense_2",
    ),
    _gradient(
        "kernel gradient without the last sample",
        lambda t: t.x[:-1].T @ t.dz[:-1],
        "article",
        "dense_3/kernel_gradient",
        "last_sample_missing",
    ),
    _gradient(
        "kernel gradient of the first sample",
        lambda t: t.x[:1].T @ t.dz[:1],
        "sparse",
        "dense_2/kernel_gradient",
        "first_sample_only",
    ),
    _gradient(
        "kernel gradient of the last sample",
        lambda t: t.x[-1:].T @ t.dz[-1:],
        "momentum",
        "dense_2/kernel_gradient",
        "last_sample_only",
    ),
    _gradient(
        "kernel gradient of input signs",
        lambda t: np.sign(t.x).T @ t.dz,
        "regression",
        "dense_3/kernel_gradient",
        "input_sign",
    ),
    _gradient(
        "kernel gradient: sign",
        lambda t: -t.dkernel,
        "outputs",
        "dense_2/kernel_gradient",
        "sign",
    ),
    _gradient(
        "kernel gradient with the kernel added",
        lambda t: t.dkernel + t.kernel,
        "article",
        "dense_3/kernel_gradient",
        "weight_decay",
    ),
    _gradient(
        "bias gradient is a mean",
        lambda t: t.dbias / t.m,
        "article",
        "dense_3/bias_gradient",
        "batch_size_twice",
    ),
    _gradient("bias gradient forgotten", lambda _: 0, "sparse", "dense_2/bias_gradient", "zero"),
    _gradient(
        "bias gradient summed over the units",
        lambda t: t.dz.sum(),
        "regression",
        "dense_3/bias_gradient",
        "units_summed",
    ),
    _gradient("bias gradient: sign", lambda t: -t.dbias, "square", "dense_3/bias_gradient", "sign"),
    _gradient(
        "bias gradient of the first sample",
        lambda t: t.dz[0],
        "outputs",
        "dense_2/bias_gradient",
        "first_sample_only",
    ),
    _gradient(
        "bias gradient of da",
        lambda t: t.da.sum(axis=0),
        "regression",
        "dense_2/bias_gradient",
        "derivative_missing",
        layer="dense_2",
    ),
    _gradient("gradients pile up", _piled_up, "article", "dense_3/kernel_gradient", "factor_2"),
    _gradient(
        "input gradient with the kernel transposed",
        lambda t: t.reader.dz @ t.reader.kernel,
        "square",
        "dense_2/activation_gradient",
        "kernel_transposed",
    ),
    _gradient(
        "input gradient of da",
        lambda t: t.reader.da @ t.reader.kernel.T,
        "regression",
        "dense_1/activation_gradient",
        "derivative_missing_after",
        layer="dense_1",
    ),
    _gradient(
        "input gradient without the kernel's signs",
        lambda t: t.reader.dz @ np.abs(t.reader.kernel.T),
        "article",
        "dense_2/activation_gradient",
        "kernel_absolute",
    ),
    _gradient(
        "input gradient divided by m",
        lambda t: t.da / t.m,
        "sparse",
        "dense_1/activation_gradient",
        "batch_size_twice",
    ),
    _gradient(
        "input gradient: sign",
        lambda t: -t.da,
        "no bias",
        "dense_1/activation_gradient",
        "sign",
    ),
    _gradient(
        "second layer taken for the first",
        lambda _: 0,
        "article",
        "dense_1/activation_gradient",
        "zero",
        layer="dense_1",
    ),
    _gradient(
        "backward stops before the first layer",
        lambda _: 0,
        "article",
        "dense_1/pre_activation_gradient",
        "zero",
        layer="dense_1",
    ),
)
