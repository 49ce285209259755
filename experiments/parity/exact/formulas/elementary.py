"""Layers that compute value by value, move values, or make one of several inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.piecewise import near
from experiments.parity.exact.formulas.place import (
    Computed,
    Gradients,
    LayerFormula,
    Place,
    with_shape,
)
from experiments.parity.exact.rounding import Bounded, select, stack
from scratchnet.layers.activation import (
    ELU,
    Activation,
    ActivationLayer,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from scratchnet.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from scratchnet.layers.random import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from scratchnet.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from scratchnet.layers.scaling import Identity, Normalization, Rescaling
from scratchnet.losses import EPSILON


def activation(layer: ActivationLayer, at: Place) -> Computed:
    """``a = activation(z)``."""
    [z] = at.inputs
    name, arguments = layer.activation_name(), layer.activation_arguments()
    return Computed(
        FORWARD[name](z, **arguments),
        lambda a, da: Gradients((BACKWARD[name](z, a, da, **arguments),)),
        z,
        lambda dz: Gradients((dz,)),
    )


def prelu(layer: PReLU, at: Place) -> Computed:
    """``a = max(z, 0) - alpha max(-z, 0)``."""
    [z] = at.inputs
    alpha = at.weights["alpha"]
    below = -(-z).relu()

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        uncertain = near(z, 0)
        dz = da.passes(z.value > 0, uncertain) + (da * alpha).passes(z.value < 0, uncertain)
        axes = (0, *layer.shared_axes)
        moved = (da * below).map(lambda v: _axes_first(v, axes))
        return Gradients((dz,), {"alpha": with_shape(moved.sum(axis=0), alpha.shape)})

    return Computed(z.relu() + alpha * below, backward)


def _axes_first(values: Any, axes: tuple[int, ...]) -> Any:
    """Return values with some axes joined as the first."""
    moved = np.moveaxis(values, axes, range(len(axes)))
    return moved.reshape(-1, *moved.shape[len(axes) :])


def add(_layer: Add, at: Place) -> Computed:
    """``a = x_1 + x_2 + ...``, in any order."""
    total = stack(at.inputs).sum(axis=0)
    return Computed(total, lambda _a, da: Gradients((da,) * len(at.inputs)))


def average(_layer: Average, at: Place) -> Computed:
    """``a = (x_1 + x_2 + ...) / n``."""
    count = len(at.inputs)
    # Some multiply by a rounded 1 / n.
    u = at.inputs[0].precision.roundoff

    def shared(value: Bounded) -> Bounded:
        share = value / count
        return share.widen(2 * u * share.size)

    return Computed(
        shared(stack(at.inputs).sum(axis=0)),
        lambda _a, da: Gradients((shared(da),) * count),
    )


def subtract(_layer: Subtract, at: Place) -> Computed:
    """``a = x_1 - x_2``."""
    first, second = at.inputs
    return Computed(first - second, lambda _a, da: Gradients((da, -da)))


def multiply(_layer: Multiply, at: Place) -> Computed:
    """``a = x_1 x_2 ...``."""

    def product(values: list[Bounded]) -> Bounded:
        total = values[0]
        for value in values[1:]:
            total = total * value
        # Another order may underflow elsewhere.
        return total.widen(np.where(total.size > 0, total.precision.smallest, 0.0))

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        inputs = list(at.inputs)
        return Gradients(
            tuple(product([da, *inputs[:i], *inputs[i + 1 :]]) for i in range(len(inputs)))
        )

    return Computed(product(list(at.inputs)), backward)


def extreme(layer: Maximum, at: Place) -> Computed:
    """The largest or smallest; the gradient goes to the first of equals."""
    sign = -1 if isinstance(layer, Minimum) else 1
    values = [sign * x.value for x in at.inputs]
    best = np.argmax(np.stack(values), axis=0)
    found = at.inputs[0]
    for number, x in enumerate(at.inputs[1:], 1):
        found = select(best == number, x, found)
    # An input that lies within its bound of the extreme may be it on one of the sides.
    largest = stack(at.inputs)
    found = found.widen(np.max(largest.error, axis=0))

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        rivals = [
            (np.abs(x.value - found.value) <= x.branch + found.branch)
            & (x.branch + found.branch > 0)
            for x in at.inputs
        ]
        unsure = np.sum(rivals, axis=0) > 1
        return Gradients(
            tuple(da.passes(best == number, unsure) for number in range(len(at.inputs)))
        )

    return Computed(found, backward)


def concatenate(layer: Concatenate, at: Place) -> Computed:
    """Inputs one behind the other."""
    ends = np.cumsum([x.shape[layer.axis] for x in at.inputs])[:-1]
    parts = at.inputs

    def joined(kind: str) -> Any:
        return np.concatenate([getattr(x, kind) for x in parts], axis=layer.axis)

    precision = parts[0].precision
    outputs = precision.unbounded(joined("value"))
    if precision.bounds:
        error, branch, expected = (joined(kind) for kind in ("error", "branch", "expected"))
        outputs = Bounded(outputs.value, error, branch, expected, precision)

    def part(number: int) -> Callable[[Any], Any]:
        return lambda values: np.split(values, ends, axis=layer.axis)[number]

    return Computed(
        outputs, lambda _a, da: Gradients(tuple(da.map(part(i)) for i in range(len(parts))))
    )


def dot(_layer: Dot, at: Place) -> Computed:
    """``a = sum(x_1 x_2)``."""
    first, second = at.inputs
    return Computed(
        (first * second).sum(axis=1, keepdims=True),
        lambda _a, da: Gradients((da * second, da * first)),
    )


def dropout(layer: Dropout, at: Place) -> Computed:
    """``a = x / (1 - rate)`` where the mask is 1, else 0; in inference ``a = x``."""
    [x] = at.inputs
    if not at.training:
        return _same(layer, at)
    assert at.noise is not None
    stays = np.broadcast_to(at.noise > 0.5, x.shape)
    nowhere = np.zeros(x.shape, np.bool_)
    scale = x.precision.rounded(1 / (1 - layer.rate))

    def masked(value: Bounded) -> Bounded:
        return (value * scale).passes(stays, nowhere)

    return Computed(masked(x), lambda _a, da: Gradients((masked(da),)))


def gaussian_noise(layer: GaussianNoise, at: Place) -> Computed:
    """``a = x + noise``; in inference ``a = x``."""
    [x] = at.inputs
    if not at.training:
        return _same(layer, at)
    assert at.noise is not None
    noise = x.precision.exact(at.noise.astype(x.precision.dtype))
    return Computed(x + noise, lambda _a, da: Gradients((da,)))


def gaussian_dropout(layer: GaussianDropout, at: Place) -> Computed:
    """``a = x * noise``; in inference ``a = x``."""
    [x] = at.inputs
    if not at.training:
        return _same(layer, at)
    assert at.noise is not None
    noise = x.precision.exact(at.noise.astype(x.precision.dtype))
    return Computed(x * noise, lambda _a, da: Gradients((da * noise,)))


def alpha_dropout(layer: AlphaDropout, at: Place) -> Computed:
    """``a = scale (x where the mask is 1, else lowest) + shift``; in inference ``a = x``."""
    [x] = at.inputs
    if not at.training:
        return _same(layer, at)
    assert at.noise is not None
    mask, nowhere = at.noise > 0.5, np.zeros(x.shape, np.bool_)
    lowest, scale, shift = (x.precision.rounded(value) for value in layer.constants())
    kept = x.passes(mask, nowhere) + lowest * (1 - mask.astype(x.value.dtype))
    return Computed(
        scale * kept + shift, lambda _a, da: Gradients(((da * scale).passes(mask, nowhere),))
    )


def _same(_layer: Any, at: Place) -> Computed:
    return Computed(at.inputs[0], lambda _a, da: Gradients((da,)))


def reshaped(_layer: Flatten | Reshape, at: Place) -> Computed:
    """The values of a sample in another shape."""
    [x] = at.inputs
    shape = _layer.output_shape(x.shape[1:])
    return Computed(
        with_shape(x, (x.shape[0], *shape)), lambda _a, da: Gradients((with_shape(da, x.shape),))
    )


def permute(layer: Permute, at: Place) -> Computed:
    """The axes of a sample in another order."""
    axes = (0, *layer.dims)
    back = tuple(np.argsort(axes))
    return Computed(
        at.inputs[0].map(lambda v: v.transpose(axes)),
        lambda _a, da: Gradients((da.map(lambda v: v.transpose(back)),)),
    )


def repeat_vector(layer: RepeatVector, at: Place) -> Computed:
    """A vector n times over; back, the sum."""
    return Computed(
        at.inputs[0].map(lambda v: np.repeat(v[:, None], layer.n, axis=1)),
        lambda _a, da: Gradients((da.sum(axis=1),)),
    )


def rescaling(layer: Rescaling, at: Place) -> Computed:
    """``a = x * scale + offset``."""
    [x] = at.inputs
    scale, offset = (x.precision.cast(value) for value in (layer.scale, layer.offset))
    return Computed(x * scale + offset, lambda _a, da: Gradients((da * scale,)))


def normalization(layer: Normalization, at: Place) -> Computed:
    """``a = (x - mean) / max(sqrt(variance), 1e-7)``, or its inverse."""
    [x] = at.inputs
    precision = x.precision

    def cast(value: float | tuple[float, ...]) -> Bounded:
        values = np.atleast_1d(value)
        through = values.astype(np.float32) if precision.rounds_settings else values
        return precision.exact(through.astype(precision.dtype))

    mean, divisor = cast(layer.mean), cast(layer.variance).sqrt()
    epsilon = float(precision.rounded(EPSILON).value)
    divisor = select(divisor.value > epsilon, divisor, precision.exact(epsilon))
    if layer.invert:
        return Computed(mean + x * divisor, lambda _a, da: Gradients((da * divisor,)))
    return Computed((x - mean) / divisor, lambda _a, da: Gradients((da / divisor,)))


ELEMENTARY: dict[str, LayerFormula] = {
    **{kind.kind: activation for kind in (Activation, ELU, LeakyReLU, ReLU, Softmax)},
    **{
        kind.kind: dropout
        for kind in (Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D)
    },
    **{kind.kind: extreme for kind in (Maximum, Minimum)},
    **{kind.kind: reshaped for kind in (Flatten, Reshape)},
    Add.kind: add,
    AlphaDropout.kind: alpha_dropout,
    Average.kind: average,
    Concatenate.kind: concatenate,
    Dot.kind: dot,
    GaussianDropout.kind: gaussian_dropout,
    GaussianNoise.kind: gaussian_noise,
    Identity.kind: _same,
    Multiply.kind: multiply,
    Normalization.kind: normalization,
    Permute.kind: permute,
    PReLU.kind: prelu,
    RepeatVector.kind: repeat_vector,
    Rescaling.kind: rescaling,
    Subtract.kind: subtract,
}
"""By the layer's kind."""
