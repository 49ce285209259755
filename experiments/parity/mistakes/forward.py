"""Mistakes that show in a pre-activation or an activation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from experiments.parity.exact.formulas import FORWARD
from experiments.parity.exact.formulas.place import as_rows, with_shape
from experiments.parity.exact.rounding import Bounded, matmul, select
from experiments.parity.mistakes.scene import Mistakes, Scene, mistake, ones_where, through
from scratchnet.types import Array

SLOPES = (0.01, 0.1, 0.2, 0.3)
"""Slopes of a leaky relu that are in use."""

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)
"""Values of an epsilon that are in use."""


def pre_activation(scene: Scene) -> Mistakes:
    """Yield mistakes in ``z = x @ kernel + bias``."""
    if "bias" in scene.weights:
        yield from _biases(scene)
    yield mistake("kernel_transposed", lambda: product(scene, kernel=scene.kernel.T))
    yield mistake("activation_for_pre_activation", lambda: FORWARD[scene.activation](scene.right))
    yield mistake("kernel_absolute", lambda: product(scene, kernel=scene.kernel.abs()))
    yield mistake("input_through_float32", lambda: product(scene, through(scene.x, "float32")))
    yield mistake(
        "kernel_through_float32", lambda: product(scene, kernel=through(scene.kernel, "float32"))
    )
    for unit in (0, -1):
        yield mistake("input_missing", partial(_without_input, scene, unit))
    yield mistake("activation_skipped", lambda: product(scene, scene.z_before))
    yield mistake("activation_twice", lambda: product(scene, _activated_again(scene)))
    yield mistake("network_input", lambda: product(scene, scene.network_input))
    for distance, which in ((-1, "before"), (1, "after")):
        yield mistake("wrong_kernel", partial(_with_kernel_of, scene, distance), which=which)


def _biases(scene: Scene) -> Mistakes:
    bias = scene.bias
    yield mistake("bias_missing", lambda: _product(scene, scene.x, scene.kernel))
    yield mistake("bias_subtracted", lambda: product(scene, bias=-bias))
    yield mistake(
        "bias_after_activation", lambda: _product(scene, scene.x, scene.kernel), ("activation",)
    )
    yield mistake("bias_twice", lambda: product(scene, bias=2 * bias))
    yield mistake("bias_first_only", lambda: product(scene, bias=bias.map(_first_for_all)))
    yield mistake("bias_reversed", lambda: product(scene, bias=bias.map(np.flip)))
    for distance, which in ((-1, "before"), (1, "after")):
        other = scene.index + distance
        yield mistake("wrong_bias", partial(_with_bias_of, scene, other), which=which)


def product(
    scene: Scene,
    x: Bounded | None = None,
    kernel: Bounded | None = None,
    bias: Bounded | None = None,
) -> Bounded:
    """Return a layer's product with another input, kernel or bias."""
    if bias is None and "bias" in scene.weights:
        bias = scene.bias
    return _product(scene, x or scene.x, kernel or scene.kernel, bias)


def _product(scene: Scene, x: Bounded, kernel: Bounded, bias: Bounded | None = None) -> Bounded:
    return with_shape(matmul(as_rows(x), kernel, bias), scene.right.shape)


def _first_for_all(bias: Array) -> Array:
    return np.broadcast_to(bias[:1], bias.shape)


def _without_input(scene: Scene, unit: int) -> Bounded:
    keep = np.delete(np.arange(scene.kernel.shape[0]), unit)
    return product(scene, scene.x.map(lambda v: v[..., keep]), scene.kernel.map(lambda v: v[keep]))


def _activated_again(scene: Scene) -> Bounded:
    [before] = (layer for layer in scene.layers if layer.name == scene.source)
    return FORWARD[before.activation](scene.x)


def _with_kernel_of(scene: Scene, distance: int) -> Bounded:
    return product(scene, kernel=scene.parameter("kernel", scene.index + distance))


def _with_bias_of(scene: Scene, index: int) -> Bounded:
    bias = scene.parameter("bias", index)
    if bias.shape != scene.bias.shape:
        raise ValueError("the shapes differ")
    return product(scene, bias=bias)


def activation(scene: Scene) -> Mistakes:
    """Yield mistakes in ``a = activation(z)``."""
    z, right, name = scene.z, scene.right, scene.activation
    forward = FORWARD.get(name)
    yield mistake("wrong_axis", lambda: _softmax(z, axis=0))
    for slope in SLOPES:
        yield mistake("leaky", partial(leaky, z, slope), slope=slope)
    for cap in (6, 1):
        # Where no value reaches the cap, it is a plain relu.
        if np.any(z.value > cap):
            yield mistake("capped", partial(_capped, z, cap), cap=cap)
    yield from _other_activations(z, name)
    yield mistake("absolute_value", z.abs)
    yield mistake("minimum_for_maximum", lambda: -(-z).relu())
    yield mistake("step_function", lambda: ones_where(z.value > 0, z))
    yield mistake("floor_1", lambda: (z - 1).relu() + 1)
    yield mistake("bias_after_activation", lambda: right + scene.bias)
    if forward is not None:
        yield from _arguments(z, right, forward)
    yield mistake("complement", lambda: 1 - right)
    if name == "sigmoid":
        yield mistake("argument_factor", lambda: (1 + z.tanh()) * 0.5, factor=2)
        yield mistake("denominator", lambda: 1 / (1 - (-z).exp()))
    if name == "tanh":
        yield mistake("argument_factor", lambda: 2 * FORWARD["sigmoid"](z) - 1, factor=0.5)
    if name == "softmax":
        yield from _softmaxes(z)


def _other_activations(z: Bounded, name: str) -> Mistakes:
    if name != "linear":
        yield mistake("activation_missing", lambda: z)
    for found, other in FORWARD.items():
        if found not in (name, "linear"):
            yield mistake("wrong_activation", partial(other, z), found=found)
    slope = z.precision.rounded
    for found, make in (
        ("hard_sigmoid of slope 0.2", lambda: (z * slope(0.2) + 0.5).clip(0, 1)),
        ("hard_sigmoid", lambda: (z / 6 + 0.5).clip(0, 1)),
        ("softsign", lambda: z / (z.abs() + 1)),
        ("softplus", lambda: z.relu() + (-z.abs()).exp().log1p()),
        ("elu", lambda: select(z.value > 0, z, (-(-z).relu()).exp() - 1)),
    ):
        # One that is known is written in other ways too, which round elsewhere.
        if found != name:
            yield mistake("wrong_activation", make, found=found)


def _arguments(z: Bounded, right: Bounded, forward: Callable[[Bounded], Bounded]) -> Mistakes:
    yield mistake("applied_twice", lambda: forward(right))
    yield mistake("argument_sign", lambda: forward(-z))
    yield mistake("relu_first", lambda: forward(z.relu()))
    for factor in (0.5, 2):
        yield mistake("argument_factor", partial(_of_multiple, forward, z, factor), factor=factor)
    for e in (2.7, 2.71, 2.718, 2.7183, 2.71828):
        yield mistake("euler_number", partial(_of_multiple, forward, z, float(np.log(e))), e=e)


def _softmaxes(z: Bounded) -> Mistakes:
    yield mistake("wrong_axis", lambda: z.exp() / z.exp().sum())
    shifted = z - np.max(z.value, axis=-1, keepdims=True)
    yield mistake("normalisation_missing", shifted.exp)
    yield mistake("normalisation_missing", z.exp)
    yield mistake("shift_missing", lambda: _overflowing(z))
    for epsilon in EPSILONS:
        yield mistake("epsilon_in_softmax", partial(_softmax, z, -1, epsilon), epsilon=epsilon)


def _capped(z: Bounded, cap: float) -> Bounded:
    return z.relu().clip(0.0, cap)


def _of_multiple(forward: Callable[[Bounded], Bounded], z: Bounded, factor: float) -> Bounded:
    return forward(z * factor)


def leaky(z: Bounded, slope: float) -> Bounded:
    """Return a leaky relu."""
    never = np.zeros(z.shape, np.bool_)
    below: Bounded = z * z.precision.rounded(slope)
    return z.passes(z.value > 0, never) + below.passes(z.value <= 0, never)


def _softmax(z: Bounded, axis: int, epsilon: float = 0.0) -> Bounded:
    e = (z - np.max(z.value, axis=axis, keepdims=True)).exp()
    total = e.sum(axis=axis, keepdims=True)
    share: Bounded = e / (total + z.precision.rounded(epsilon) if epsilon else total)
    return share


def _overflowing(z: Bounded) -> Bounded:
    """Return a softmax whose exponentials overflow and underflow as the dtype's do."""
    e = np.exp(z.value.astype(z.precision.dtype)).astype(z.precision.reference)
    exact = FORWARD["softmax"](z)
    return Bounded(
        e / e.sum(axis=-1, keepdims=True),
        2 * exact.error,
        2 * exact.branch,
        exact.expected,
        z.precision,
    )
