"""One training step in higher precision, every tensor with its bound.

This is the judge's own copy of what Keras computes: plain formulas on `Bounded` arrays, written
apart from `scratchnet` and slow, so that a mistake there cannot hide here. An entry per
activation, loss and optimizer; formulas are in their docstrings in `scratchnet`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.rounding import Bounded, Precision, matmul, select
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.losses import EPSILON
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

Array = NDArray[Any]
Tensors = dict[str, Bounded]


# Activations: forward of z; backward of (z, a, da).


def _sigmoid(z: Bounded) -> Bounded:
    e = (-z.abs()).exp()
    return select(z.value >= 0, 1 / (1 + e), e / (1 + e))


def _softmax(z: Bounded) -> Bounded:
    # Any shift gives the same softmax, so an error in the maximum does not matter.
    e = (z - np.max(z.value, axis=1, keepdims=True)).exp()
    softmax: Bounded = e / e.sum(axis=1, keepdims=True)
    return softmax


def _relu_backward(z: Bounded, a: Bounded, da: Bounded) -> Bounded:  # noqa: ARG001
    # A number that may be flushed to 0 may lose its branch too.
    uncertain = (z.size <= z.branch) & (z.branch > 0)
    return da.passes(z.value > 0, uncertain)


def _softmax_backward(z: Bounded, a: Bounded, da: Bounded) -> Bounded:  # noqa: ARG001
    return a * (da - (a * da).sum(axis=1, keepdims=True))


FORWARD: dict[str, Callable[[Bounded], Bounded]] = {
    "linear": lambda z: z,
    "relu": lambda z: z.relu(),
    "sigmoid": _sigmoid,
    "tanh": lambda z: z.tanh(),
    "softmax": _softmax,
}
BACKWARD: dict[str, Callable[[Bounded, Bounded, Bounded], Bounded]] = {
    "linear": lambda z, a, da: da,  # noqa: ARG005
    "relu": _relu_backward,
    "sigmoid": lambda z, a, da: da * a * (1 - a),  # noqa: ARG005
    "tanh": lambda z, a, da: da * (1 - a * a),  # noqa: ARG005
    "softmax": _softmax_backward,
}


# Losses: (output, targets) -> loss, gradient. The output is logits when fused.


def _fused_binary(z: Bounded, y: Bounded) -> tuple[Bounded, Bounded]:
    count = z.value.size
    exact = z.precision.exact(z.value)
    e = (-exact.abs()).exp()
    losses = (exact.relu() - exact * y) + e.log1p()
    p = _sigmoid(exact)
    # An error of z reaches the loss by its slope p - y, and by its curvature, 1/4 at most.
    slope = np.abs(p.value - y.value).astype(np.float64)
    losses = Bounded(
        losses.value,
        losses.error + slope * z.error + z.error**2 / 8,
        losses.branch + slope * z.branch + z.branch**2 / 8,
        np.hypot(losses.expected, slope * z.expected),
        z.precision,
    )
    e = (-z.abs()).exp()
    q = e / (1 + e)
    positive = z.value > 0
    # Targets other than 0 and 1 may be subtracted in another order.
    soft = np.where(np.isin(y.value, (0, 1)), 0.0, 2 * z.precision.roundoff)
    gradient = select(positive, (1 - y) - q, q - y).widen(soft * np.ones(z.shape))
    return losses.sum() / count, _share(gradient, count)


def _clipped_binary(p: Bounded, y: Bounded) -> tuple[Bounded, Bounded]:
    count = p.value.size
    c = _clip(p)
    losses = -(y * c.log() + (1 - y) * (1 - c).log())
    gradient = _share((1 - y) / (1 - c) - y / c, count)
    return losses.sum() / count, gradient.passes(*_inside(p))


def _fused_categorical(z: Bounded, y: Bounded) -> tuple[Bounded, Bounded]:
    samples = z.shape[0]
    shifted = z - np.max(z.value, axis=1, keepdims=True)
    e = shifted.exp()
    total = e.sum(axis=1, keepdims=True)
    losses = -((shifted - total.log()) * y).sum(axis=1)
    return losses.sum() / samples, _share(e / total - y, samples)


def _clipped_categorical(p: Bounded, y: Bounded) -> tuple[Bounded, Bounded]:
    samples = p.shape[0]
    total = p.sum(axis=1, keepdims=True)
    q = p / total
    c = _clip(q)
    losses = -(y * c.log()).sum(axis=1)
    g = (-(y / c)).passes(*_inside(q))
    gradient = _share((g - (g * q).sum(axis=1, keepdims=True)) / total, samples)
    # Differentiated term by term, p / s^2 rounds twice more than the form above.
    extra = 4 * p.precision.roundoff * np.abs(gradient.value).astype(np.float64)
    return losses.sum() / samples, gradient.widen(extra)


def _clipped_sparse(p: Bounded, y: Bounded) -> tuple[Bounded, Bounded]:
    c = _clip(p)
    loss, gradient = _fused_categorical(c.log(), y)
    return loss, (gradient / c).passes(*_inside(p))


def _squared(p: Bounded, y: Bounded) -> tuple[Bounded, Bounded]:
    error = p - y
    count = p.value.size
    return (error * error).sum() / count, _share(2 * error, count)


def _share(gradient: Bounded, count: int) -> Bounded:
    """Divide by the number of losses in the mean.

    A library that differentiates step by step multiplies by rounded reciprocals instead, of the
    units and of the samples: up to 3 roundings more.
    """
    shared = gradient / count
    return shared.widen(3 * gradient.precision.roundoff * shared.size)


LOSS: dict[tuple[str, bool], Callable[[Bounded, Bounded], tuple[Bounded, Bounded]]] = {
    ("binary_crossentropy", True): _fused_binary,
    ("binary_crossentropy", False): _clipped_binary,
    ("categorical_crossentropy", True): _fused_categorical,
    ("categorical_crossentropy", False): _clipped_categorical,
    ("sparse_categorical_crossentropy", True): _fused_categorical,
    ("sparse_categorical_crossentropy", False): _clipped_sparse,
    ("mean_squared_error", False): _squared,
}


def _clip_bounds(precision: Precision) -> tuple[float, float]:
    lowest, highest = np.asarray([EPSILON, 1.0 - EPSILON], precision.dtype).astype(np.float64)
    return float(lowest), float(highest)


def _clip(p: Bounded) -> Bounded:
    return p.clip(*_clip_bounds(p.precision))


def _inside(p: Bounded) -> tuple[Array, Array]:
    """Return where clipping leaves p alone, and where that cannot be decided."""
    lowest, highest = _clip_bounds(p.precision)
    distance = np.minimum(np.abs(p.value - lowest), np.abs(p.value - highest))
    uncertain = (distance <= p.branch) & (p.branch > 0)
    return (p.value >= lowest) & (p.value <= highest), uncertain


# Optimizers: (settings, w, g, slots, number of the update) -> w, slots.


def _through_float32(value: float) -> float:
    return float(np.float32(value))


def _sgd(
    rule: SGD,
    w: Bounded,
    g: Bounded,
    slots: Tensors,
    t: int,  # noqa: ARG001
) -> tuple[Bounded, Tensors]:
    step = g * w.precision.rounded(rule.learning_rate)
    if not rule.momentum:
        return w - step, {}
    mu = w.precision.rounded(_through_float32(rule.momentum))
    m = slots["momentum"] * mu - step
    return w + (m * mu - step if rule.nesterov else m), {"momentum": m}


def _rmsprop(
    rule: RMSprop,
    w: Bounded,
    g: Bounded,
    slots: Tensors,
    t: int,  # noqa: ARG001
) -> tuple[Bounded, Tensors]:
    number = w.precision.rounded
    v = number(rule.rho) * slots["velocity"] + number(1 - rule.rho) * (g * g)
    step = number(rule.learning_rate) * g / (v + number(rule.epsilon)).sqrt()
    return w - step, {"velocity": v}


def _adam(rule: Adam, w: Bounded, g: Bounded, slots: Tensors, t: int) -> tuple[Bounded, Tensors]:
    number = w.precision.rounded
    rate = number(rule.learning_rate)
    if isinstance(rule, AdamW):
        w = w - w * number(_through_float32(rule.weight_decay)) * rate
    beta_1, beta_2 = (number(_through_float32(b)) for b in (rule.beta_1, rule.beta_2))
    alpha = rate * (1 - beta_2.power(t)).sqrt() / (1 - beta_1.power(t))
    m = _moving(slots["momentum"], g, rule.beta_1)
    v = _moving(slots["velocity"], g * g, rule.beta_2)
    step = m * alpha / (v.sqrt() + number(rule.epsilon))
    return w - step, {"momentum": m, "velocity": v}


def _moving(average: Bounded, value: Bounded, beta: float) -> Bounded:
    """Return ``average + (value - average) (1 - beta)``.

    Keras on torch computes ``average beta + value (1 - beta)``, which rounds elsewhere.
    """
    share = average.precision.rounded(1 - beta)
    other_form = 2 * average.precision.roundoff * (average.size + (1 - beta) * value.size)
    return (average + (value - average) * share).widen(other_form)


UPDATE: dict[type[Optimizer], Callable[..., tuple[Bounded, Tensors]]] = {
    SGD: _sgd,
    RMSprop: _rmsprop,
    Adam: _adam,
    AdamW: _adam,
}


def reference_step(
    architecture: Architecture,
    dtype: str,
    snapshot: Snapshot,
    optimizer: Optimizer | None = None,
    twin: Mapping[str, Array] | None = None,
) -> Tensors:
    """Compute every tensor of one training step, with bounds.

    Parameters
    ----------
    architecture, dtype, optimizer
        What is judged.
    snapshot
        Where the step starts.
    twin
        Tensors of the Keras twin by full name. With them every operation is fed the twin's own
        inputs (lockstep, layer by layer), and bounds hold for one operation each. Without, they
        are propagated through the whole step.

    Returns
    -------
    dict
        By full name as in `scratchnet.StepTrace`, and ``loss``.
    """
    precision = Precision.of(dtype)
    found: Tensors = {}

    def keep(name: str, bounded: Bounded) -> Bounded:
        """Record a tensor, and return what the next operation starts from."""
        found[name] = bounded
        return bounded if twin is None else precision.exact(twin[name])

    layers = [layer for layer in architecture.layers if isinstance(layer, Dense)]
    weights = {name: precision.exact(value) for name, value in snapshot.weights.items()}

    x = precision.exact(snapshot.x.astype(precision.dtype))
    inputs, pre_activations, activations = [], [], []
    for layer in layers:
        name = layer.name
        inputs.append(x)
        z = keep(
            f"{name}/pre_activation",
            matmul(x, weights[f"{name}/kernel"], weights.get(f"{name}/bias")),
        )
        x = keep(f"{name}/activation", FORWARD[layer.activation](z))
        pre_activations.append(z)
        activations.append(x)

    fused = architecture.fused
    output = pre_activations[-1] if fused else activations[-1]
    targets = precision.exact(dense_targets(architecture, snapshot.y).astype(precision.dtype))
    found["loss"], gradient = LOSS[architecture.loss, fused](output, targets)

    weight_gradients: Tensors = {}
    for index in reversed(range(len(layers))):
        layer, name = layers[index], layers[index].name
        if not (fused and index == len(layers) - 1):
            gradient = keep(f"{name}/activation_gradient", gradient)
            gradient = BACKWARD[layer.activation](
                pre_activations[index], activations[index], gradient
            )
        dz = keep(f"{name}/pre_activation_gradient", gradient)
        kernel = f"{name}/kernel"
        weight_gradients[kernel] = keep(f"{kernel}_gradient", matmul(inputs[index].T, dz))
        if layer.use_bias:
            bias = f"{name}/bias"
            weight_gradients[bias] = keep(f"{bias}_gradient", dz.sum(axis=0))
        gradient = matmul(dz, weights[kernel].T)

    if optimizer is not None:
        for name, w in weights.items():
            slots = {
                slot: precision.exact(snapshot.slots.get(f"{name}_{slot}", np.zeros(w.shape)))
                for slot in optimizer.slots
            }
            updated, new_slots = UPDATE[type(optimizer)](
                optimizer, w, weight_gradients[name], slots, snapshot.step + 1
            )
            found[f"{name}_updated"] = updated
            found |= {f"{name}_{slot}": value for slot, value in new_slots.items()}
    return found


def dense_targets(architecture: Architecture, y: Array) -> Array:
    """Return targets as numbers ``(samples, units)``, one-hot where they are classes."""
    if architecture.loss == "sparse_categorical_crossentropy":
        y = y.reshape(-1, 1) == np.arange(architecture.units)
    return y.astype(np.float64)
