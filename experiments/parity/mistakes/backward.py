"""Mistakes that show in a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from experiments.parity.exact.formulas import BACKWARD, FORWARD
from experiments.parity.exact.formulas.place import as_rows, with_shape
from experiments.parity.exact.rounding import Bounded, matmul
from experiments.parity.mistakes import loss
from experiments.parity.mistakes.forward import SLOPES
from experiments.parity.mistakes.scene import Mistake, Mistakes, Scene, mistake, ones_where, signs
from experiments.parity.mistakes.update import updated_kernel
from scratchnet.types import Array

_IN_WORDS = {"relu": "1 where z > 0, else 0", "sigmoid": "a (1 - a)", "tanh": "1 - a^2"}
"""Derivatives, as a sentence names them."""


def activation_gradient(scene: Scene) -> Mistakes:
    """Yield mistakes in ``da``: of the loss, or of the next layer's ``dz @ kernel.T``."""
    if scene.is_last:
        yield from loss.gradient(scene)
        return
    after = scene.reader
    dz, kernel = as_rows(after.dz), after.kernel
    passed_back = partial(_passed_back, scene, dz)
    yield mistake("kernel_transposed", lambda: passed_back(kernel.T))
    yield mistake("kernel_absolute", lambda: passed_back(kernel.abs()))
    yield mistake("stale_weights", lambda: passed_back(updated_kernel(after)))
    yield mistake(
        "derivative_missing_after", lambda: _passed_back(scene, as_rows(after.da), kernel)
    )
    yield mistake("kernel_missing", lambda: after.dz)
    for distance, which in ((-1, "before"), (1, "after")):
        other = after.index + distance
        yield mistake(
            "wrong_kernel",
            lambda other=other: passed_back(scene.parameter("kernel", other)),  # type: ignore[misc]
            which=which,
        )


def _passed_back(scene: Scene, dz: Bounded, kernel: Bounded) -> Bounded:
    return with_shape(matmul(dz, kernel.T), scene.right.shape)


def pre_activation_gradient(scene: Scene) -> Mistakes:
    """Yield mistakes in ``dz``, ``da`` times the activation's derivative."""
    if scene.is_last:
        yield from loss.logits_gradient(scene)
    if scene.is_last and scene.fused:
        yield from _unfused_gradient(scene)
    else:
        yield from _derivative(scene)


def _unfused_gradient(scene: Scene) -> Mistakes:
    """Yield mistakes of those who differentiate loss and activation one after the other."""
    yield from _derivative(scene)
    of_loss = scene.at(f"{scene.layer.name}/activation_gradient", scene.da, scene.tensors)
    for found in loss.gradient(of_loss):
        yield replace(found, make=partial(_through_activation, scene, found))


def _through_activation(scene: Scene, found: Mistake) -> Bounded:
    # Computed here, with a bound: a mistaken network may have its own way of computing it.
    a = FORWARD[scene.activation](scene.z)
    return BACKWARD[scene.activation](scene.z, a, found.make())


def _derivative(scene: Scene) -> Mistakes:
    name, right, z = scene.activation, scene.right, scene.z
    backward = BACKWARD.get(name)
    yield mistake("derivative_missing", lambda: scene.da)
    if backward is not None:
        yield mistake(
            "derivative_of_activation", lambda: backward(scene.a, FORWARD[name](scene.a), scene.da)
        )
        yield mistake("derivative_twice", lambda: backward(z, scene.a, right))
        yield mistake(
            "mask_without_gradient",
            lambda: backward(z, scene.a, ones_where(np.ones(z.shape), z)),
        )
    if name in _DERIVATIVES:
        yield from _DERIVATIVES[name](scene)
    for found, other in BACKWARD.items():
        if found not in (name, "linear"):
            formula = _IN_WORDS.get(found, "its own")
            yield mistake(
                "wrong_derivative", partial(_of_another, scene, other), found=found, formula=formula
            )
    yield mistake("wrong_derivative", lambda: _sigmoid_at_z(scene), found="sigmoid", formula="at z")


def _of_another(scene: Scene, other: Callable[[Bounded, Bounded, Bounded], Bounded]) -> Bounded:
    return other(scene.z, scene.a, scene.da)


def _sigmoid_at_z(scene: Scene) -> Bounded:
    a = FORWARD["sigmoid"](scene.z)
    return BACKWARD["sigmoid"](scene.z, a, scene.da)


def _relu(scene: Scene) -> Mistakes:
    z, a, da = scene.z, scene.a, scene.da
    never = np.zeros(z.shape, np.bool_)

    def masked(mask: Array) -> Bounded:
        return da.passes(mask, never)

    yield mistake("mask_at_zero", lambda: masked(z.value >= 0))
    yield mistake("half_at_zero", lambda: (masked(z.value > 0) + masked(z.value >= 0)) * 0.5)
    yield mistake("mask_inverted", lambda: masked(z.value <= 0))
    yield mistake("mask_inverted", lambda: masked(z.value < 0))
    yield mistake("mask_of_gradient", lambda: masked(da.value > 0))
    yield mistake("mask_at_one", lambda: masked(z.value > 1))
    for slope in SLOPES:
        yield mistake("leaky", partial(_leaky_backward, z, da, slope), slope=slope)
    yield mistake("derivative_is_activation", lambda: da * a)
    yield mistake("derivative_is_activation", lambda: da * z)
    for distance, which in ((-1, "before"), (1, "after")):
        yield mistake(
            "wrong_mask",
            partial(_mask_of, scene, da, distance),
            which=which,
        )


def _mask_of(scene: Scene, da: Bounded, distance: int) -> Bounded:
    z = scene.neighbour(distance, "pre_activation")
    return da.passes(z.value > 0, np.zeros(z.shape, np.bool_))


def _leaky_backward(z: Bounded, da: Bounded, slope: float) -> Bounded:
    never = np.zeros(z.shape, np.bool_)
    below = (da * z.precision.rounded(slope)).passes(z.value <= 0, never)
    return da.passes(z.value > 0, never) + below


def _sigmoid(scene: Scene) -> Mistakes:
    z, a, da = scene.z, scene.a, scene.da
    yield mistake("factor_a_missing", lambda: da * (1 - a))
    yield mistake("factor_1_a_missing", lambda: da * a)
    yield mistake("sign_in_derivative", lambda: da * a * (1 + a))
    yield mistake("derivative_at_z", lambda: da * z * (1 - z))


def _tanh(scene: Scene) -> Mistakes:
    z, a, da = scene.z, scene.a, scene.da
    yield mistake("square_missing", lambda: da * (1 - a))
    yield mistake("sign_in_derivative", lambda: da * (1 + a * a))
    yield mistake("derivative_at_z", lambda: da * (1 - z * z))


def _softmax(scene: Scene) -> Mistakes:
    a, da = scene.a, scene.da

    def total(axis: int = -1) -> Any:
        return (a * da).sum(axis=axis, keepdims=True)

    yield mistake("softmax_diagonal", lambda: da * a * (1 - a))
    yield mistake("softmax_sum_missing", lambda: da * a)
    yield mistake("wrong_axis", lambda: a * (da - total(axis=0)))
    yield mistake("softmax_factor_missing", lambda: da - total())
    yield mistake("sum_without_a", lambda: a * (da - da.sum(axis=-1, keepdims=True)))
    yield mistake("softmax_sum_mean", lambda: a * (da - total() / a.shape[-1]))
    yield mistake("sign_in_derivative", lambda: a * (da + total()))


def _linear(scene: Scene) -> Mistakes:
    yield mistake("extra_factor", lambda: scene.da * scene.a)


_DERIVATIVES: dict[str, Callable[[Scene], Mistakes]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softmax": _softmax,
    "linear": _linear,
}
"""By activation; one that is not here has the mistakes of any."""


def kernel_gradient(scene: Scene) -> Mistakes:
    """Yield mistakes in ``x.T @ dz``."""
    x, dz = scene.x, scene.dz
    yield mistake("input_not_activated", lambda: _product(scene.z_before, dz))
    yield mistake("network_input", lambda: _product(scene.network_input, dz))
    yield mistake("own_activation", lambda: _product(scene.a, dz))
    yield mistake("derivative_missing", lambda: _product(x, scene.da))
    yield mistake("input_sign", lambda: _product(signs(x), dz))
    yield from _partial_batches(scene, lambda part: _product(x.map(part), dz.map(part)))


def _product(x: Bounded, dz: Bounded) -> Bounded:
    return matmul(as_rows(x).T, as_rows(dz))


def _partial_batches(scene: Scene, make: Callable[[Callable[[Array], Array]], Bounded]) -> Mistakes:
    m = scene.samples
    for code, part in (
        ("last_sample_missing", slice(None, -1)),
        ("first_sample_missing", slice(1, None)),
        ("last_sample_only", slice(-1, None)),
        ("first_sample_only", slice(None, 1)),
    ):
        chosen = partial(_chosen, part=part)
        yield mistake(code, partial(make, chosen))
        if code.endswith("only"):
            yield mistake(code, lambda chosen=chosen: make(chosen) * m)  # type: ignore[misc]


def _chosen(values: Array, part: slice) -> Array:
    return values[part]


def bias_gradient(scene: Scene) -> Mistakes:
    """Yield mistakes in the sum of ``dz`` over the samples."""
    dz, right = scene.dz, scene.right
    rows = as_rows(dz)
    yield mistake("derivative_missing", lambda: as_rows(scene.da).sum(axis=0))
    yield from _partial_batches(scene, lambda part: as_rows(dz.map(part)).sum(axis=0))
    yield mistake("units_summed", lambda: _for_all_units(right.sum(keepdims=True), right))
    yield mistake(
        "units_averaged",
        lambda: _for_all_units(right.sum(keepdims=True) / right.value.size, right),
    )
    yield mistake("maximum_for_sum", lambda: rows.map(lambda v: np.max(v, axis=0)))
    yield mistake("absolute_terms", lambda: rows.abs().sum(axis=0))


def _for_all_units(total: Bounded, like: Bounded) -> Bounded:
    return total.map(lambda v: np.broadcast_to(v.reshape(1), like.shape))
