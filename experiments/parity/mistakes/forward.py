"""Mistakes that show in a pre-activation or an activation."""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.parity.exact.formulas import FORWARD
from experiments.parity.exact.rounding import Bounded, matmul
from experiments.parity.mistakes.scene import Scene, Variants, through_float32, variant
from scratchnet.types import Array

SLOPES = (0.01, 0.1, 0.2, 0.3)
"""Slopes of a leaky relu that are in use."""

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)
"""Values of an epsilon that are in use."""


def pre_activation(scene: Scene) -> Variants:
    """Yield mistakes in ``z = x @ kernel + bias``."""
    x, kernel, bias = scene.x, scene.kernel, scene.bias
    if bias is not None:
        yield variant("bias_missing", lambda: matmul(x, kernel))
        yield variant("bias_subtracted", lambda: matmul(x, kernel, -bias))
        yield variant("bias_twice", lambda: matmul(x, kernel, 2 * bias))
        yield variant("bias_first_only", lambda: matmul(x, kernel, bias.map(_first_for_all)))
        yield variant("bias_reversed", lambda: matmul(x, kernel, bias.map(np.flip)))
    yield variant("kernel_transposed", lambda: matmul(x, kernel.T, bias))
    yield variant(
        "activation_for_pre_activation", lambda: FORWARD[scene.layer.activation](scene.right)
    )
    yield variant("kernel_absolute", lambda: matmul(x, kernel.abs(), bias))
    yield variant("input_through_float32", lambda: matmul(through_float32(x), kernel, bias))
    yield variant("kernel_through_float32", lambda: matmul(x, through_float32(kernel), bias))
    for row in sorted({0, kernel.shape[0] - 1}):
        yield variant("input_missing", partial(_without_input, x, kernel, bias, row))
    if scene.index:
        before = scene.index - 1
        yield variant(
            "activation_skipped", lambda: matmul(scene.of("pre_activation", before), kernel, bias)
        )
        yield variant(
            "activation_twice",
            lambda: matmul(FORWARD[scene.layers[before].activation](x), kernel, bias),
        )
        yield variant("input_for_activation", lambda: matmul(scene.of("", -1), kernel, bias))
        yield variant(
            "kernel_of_first_layer", lambda: matmul(x, scene.parameter("kernel", before), bias)
        )


def _first_for_all(bias: Array) -> Array:
    return np.broadcast_to(bias[:1], bias.shape)


def _without_input(x: Bounded, kernel: Bounded, bias: Bounded | None, row: int) -> Bounded:
    keep = np.arange(kernel.shape[0]) != row
    return matmul(x.map(lambda v: v[:, keep]), kernel.map(lambda v: v[keep]), bias)


def activation(scene: Scene) -> Variants:
    """Yield mistakes in ``a = activation(z)``."""
    z, right, name = scene.z, scene.right, scene.layer.activation
    forward = FORWARD[name]
    yield variant("wrong_axis", lambda: _softmax(z, axis=0))
    for found, other in FORWARD.items():
        if found != name:
            yield variant("wrong_activation", partial(other, z), found=found)
    for slope in SLOPES:
        yield variant("leaky", partial(leaky, z, slope), slope=slope)
    for cap in (6, 1):
        yield variant("capped", partial(_capped, z, cap), cap=cap)
    yield variant("absolute_value", z.abs)
    yield variant("minimum_for_maximum", lambda: -(-z).relu())
    yield variant(
        "step_function", lambda: scene.precision.exact((z.value > 0).astype(z.value.dtype))
    )
    yield variant("applied_twice", lambda: forward(right))
    yield variant("argument_factor", lambda: (1 + z.tanh()) * 0.5, factor=2)
    yield variant("argument_factor", lambda: 2 * FORWARD["sigmoid"](z) - 1, factor=0.5)
    for e in (2.7, 2.71, 2.718, 2.7183, 2.71828):
        yield variant("euler_number", partial(_of_multiple, scene, float(np.log(e))), e=e)
    yield variant("argument_sign", lambda: forward(-z))
    yield variant("complement", lambda: 1 - right)
    for factor in (0.5, 2):
        yield variant("argument_factor", partial(_of_multiple, scene, factor), factor=factor)
    yield variant(
        "wrong_activation",
        lambda: (z * z.precision.rounded(0.2) + 0.5).clip(0, 1),
        found="hard_sigmoid of slope 0.2",
    )
    yield variant("wrong_activation", lambda: (z / 6 + 0.5).clip(0, 1), found="hard_sigmoid")
    yield variant("wrong_activation", lambda: z / (z.abs() + 1), found="softsign")
    yield variant("wrong_activation", lambda: z.relu() + (-z.abs()).exp().log1p(), found="softplus")
    if name == "softmax":
        yield variant(
            "normalisation_missing",
            lambda: (z - np.max(z.value, axis=1, keepdims=True)).exp(),
        )
        yield variant("normalisation_missing", z.exp)
        yield variant("shift_missing", lambda: _overflowing(z))
        for epsilon in EPSILONS:
            yield variant("epsilon_in_softmax", partial(_softmax, z, 1, epsilon), epsilon=epsilon)


def _capped(z: Bounded, cap: float) -> Bounded:
    return z.relu().clip(0.0, cap)


def _of_multiple(scene: Scene, factor: float) -> Bounded:
    return FORWARD[scene.layer.activation](scene.z * factor)


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
        e / e.sum(axis=1, keepdims=True),
        2 * exact.error,
        2 * exact.branch,
        exact.expected,
        z.precision,
    )
