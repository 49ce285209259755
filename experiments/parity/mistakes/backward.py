"""Mistakes that show in a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from experiments.parity.exact.formulas import BACKWARD, FORWARD
from experiments.parity.exact.rounding import Bounded, matmul
from experiments.parity.mistakes import loss
from experiments.parity.mistakes.forward import SLOPES
from experiments.parity.mistakes.scene import (
    Scene,
    Variant,
    Variants,
    signs,
    variant,
)
from scratchnet.types import Array


def activation_gradient(scene: Scene) -> Variants:
    """Yield mistakes in ``da``, the next layer's ``dz @ kernel.T``."""
    if scene.is_last:
        yield from loss.gradient(scene)
        return
    after = scene.index + 1
    dz, kernel = scene.of("pre_activation_gradient", after), scene.parameter("kernel", after)
    yield variant("kernel_transposed", lambda: matmul(dz, kernel))
    yield variant("kernel_absolute", lambda: matmul(dz, kernel.abs().T))
    yield variant("stale_weights", lambda: matmul(dz, _updated_kernel(scene, after).T))
    yield variant(
        "derivative_missing_after",
        lambda: matmul(_activation_gradient(scene, after), kernel.T),
    )
    yield variant(
        "kernel_of_first_layer", lambda: matmul(dz, scene.parameter("kernel", scene.index).T)
    )


def _activation_gradient(scene: Scene, index: int) -> Bounded:
    if scene.architecture.fused and index == len(scene.layers) - 1:
        return scene.loss_by(fused=False)[1]
    return scene.of("activation_gradient", index)


def _updated_kernel(scene: Scene, index: int) -> Bounded:
    return scene.tensors[f"{scene.layers[index].name}/kernel_updated"]


def pre_activation_gradient(scene: Scene) -> Variants:
    """Yield mistakes in ``dz``, ``da`` times the activation's derivative."""
    if scene.architecture.fused and scene.is_last:
        yield from loss.fused_gradient(scene)
        yield from _unfused_gradient(scene)
        return
    yield from _derivative(scene)


def _unfused_gradient(scene: Scene) -> Variants:
    """Yield mistakes of those who differentiate loss and activation one after the other."""
    a = FORWARD[scene.layer.activation](scene.z)
    name = f"{scene.layer.name}/activation_gradient"
    unfused = replace(scene, tensors={**scene.tensors, name: scene.loss_by(fused=False)[1]})
    yield from _derivative(unfused)
    for found in loss.gradient(replace(unfused, right=unfused.da)):
        yield replace(found, make=partial(_through_activation, scene, a, found))


def _through_activation(scene: Scene, a: Bounded, found: Variant) -> Bounded:
    return BACKWARD[scene.layer.activation](scene.z, a, found.make())


def _derivative(scene: Scene) -> Variants:
    name, z, a, da, right = scene.layer.activation, scene.z, scene.a, scene.da, scene.right
    yield variant("derivative_missing", lambda: da)
    yield variant("derivative_of_activation", lambda: BACKWARD[name](a, FORWARD[name](a), da))
    yield variant("derivative_squared", lambda: BACKWARD[name](z, a, right))
    if name in _DERIVATIVES:
        yield from _DERIVATIVES[name](scene)
    for found, backward in BACKWARD.items():
        if found not in (name, "linear"):
            yield variant("wrong_derivative", partial(backward, z, a, da), found=found)


def _relu(scene: Scene) -> Variants:
    z, a, da = scene.z, scene.a, scene.da
    never = np.zeros(z.shape, np.bool_)
    yield variant("mask_at_zero", lambda: da.passes(z.value >= 0, never))
    yield variant("mask_inverted", lambda: da.passes(z.value <= 0, never))
    yield variant("mask_inverted", lambda: da.passes(z.value < 0, never))
    yield variant("mask_of_gradient", lambda: da.passes(da.value > 0, never))
    yield variant("mask_at_one", lambda: da.passes(z.value > 1, never))
    for slope in SLOPES:
        yield variant("leaky", partial(_leaky_backward, z, da, slope), slope=slope)
    yield variant("derivative_is_activation", lambda: da * a)
    yield variant(
        "mask_without_gradient",
        lambda: z.precision.exact((z.value > 0).astype(z.value.dtype)),
    )


def _leaky_backward(z: Bounded, da: Bounded, slope: float) -> Bounded:
    never = np.zeros(z.shape, np.bool_)
    below = (da * z.precision.rounded(slope)).passes(z.value <= 0, never)
    return da.passes(z.value > 0, never) + below


def _sigmoid(scene: Scene) -> Variants:
    z, a, da = scene.z, scene.a, scene.da
    yield variant("factor_a_missing", lambda: da * (1 - a))
    yield variant("factor_1_a_missing", lambda: da * a)
    yield variant("square", lambda: da * (1 - a * a))
    yield variant("sign_in_derivative", lambda: da * a * (1 + a))
    yield variant("derivative_at_z", lambda: da * z * (1 - z))


def _tanh(scene: Scene) -> Variants:
    z, a, da = scene.z, scene.a, scene.da
    yield variant("square_missing", lambda: da * (1 - a))
    yield variant("sigmoid_derivative", lambda: da * a * (1 - a))
    yield variant("sign_in_derivative", lambda: da * (1 + a * a))
    yield variant("derivative_at_z", lambda: da * (1 - z * z))


def _softmax(scene: Scene) -> Variants:
    a, da = scene.a, scene.da
    yield variant("softmax_diagonal", lambda: da * a * (1 - a))
    yield variant("softmax_sum_missing", lambda: da * a)
    yield variant("wrong_axis", lambda: a * (da - (a * da).sum(axis=0, keepdims=True)))
    yield variant("softmax_factor_missing", lambda: da - (a * da).sum(axis=1, keepdims=True))
    yield variant("sum_without_a", lambda: a * (da - da.sum(axis=1, keepdims=True)))
    yield variant(
        "softmax_sum_mean",
        lambda: a * (da - (a * da).sum(axis=1, keepdims=True) / a.shape[1]),
    )
    yield variant("sign_in_derivative", lambda: a * (da + (a * da).sum(axis=1, keepdims=True)))


def _linear(scene: Scene) -> Variants:
    a, da = scene.a, scene.da
    yield variant("extra_factor", lambda: da * a)


# What only this activation's derivative is mistaken for; an activation may have no entry.
_DERIVATIVES: dict[str, Callable[[Scene], Variants]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softmax": _softmax,
    "linear": _linear,
}


def kernel_gradient(scene: Scene) -> Variants:
    """Yield mistakes in ``x.T @ dz``."""
    x, dz = scene.x, scene.dz
    if scene.index:
        before = scene.index - 1
        yield variant(
            "input_not_activated", lambda: matmul(scene.of("pre_activation", before).T, dz)
        )
        yield variant("network_input", lambda: matmul(scene.of("", -1).T, dz))
    yield variant("own_activation", lambda: matmul(scene.a.T, dz))
    yield variant("derivative_missing", lambda: matmul(x.T, scene.da))
    yield variant("input_sign", lambda: matmul(signs(x).T, dz))
    yield from _partial_batches(lambda part: matmul(x.map(part).T, dz.map(part)))
    yield variant("weights_added", lambda: scene.right + scene.kernel)
    yield from _batch_size_of_inputs(scene)


def _batch_size_of_inputs(scene: Scene) -> Variants:
    inputs = scene.kernel.shape[0]
    factor = scene.samples / inputs
    yield variant("batch_size_of_inputs", lambda: scene.right * factor, inputs=inputs)


def _partial_batches(make: Callable[[Callable[[Array], Array]], Bounded]) -> Variants:
    yield variant("last_sample_missing", lambda: make(lambda values: values[:-1]))
    yield variant("first_sample_missing", lambda: make(lambda values: values[1:]))
    yield variant("last_sample_only", lambda: make(lambda values: values[-1:]))
    yield variant("first_sample_only", lambda: make(lambda values: values[:1]))


def bias_gradient(scene: Scene) -> Variants:
    """Yield mistakes in the sum of ``dz`` over the samples."""
    dz = scene.dz
    yield variant("derivative_missing", lambda: scene.da.sum(axis=0))
    yield from _partial_batches(lambda part: dz.map(part).sum(axis=0))
    yield variant("units_summed", lambda: _for_all_units(dz.sum(axis=0).sum(keepdims=True), dz))
    yield variant("maximum_for_sum", lambda: dz.map(lambda v: np.max(v, axis=0)))
    yield variant("absolute", lambda: dz.abs().sum(axis=0))
    yield from _batch_size_of_inputs(scene)


def _for_all_units(total: Bounded, dz: Bounded) -> Bounded:
    return total.map(lambda v: np.broadcast_to(v.reshape(1), dz.shape[1:]))
