"""Mistakes on the way back from the loss to the gradients of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from experiments.check.judging.forward_mistakes import SLOPES, SMOOTHING, smoothed
from experiments.check.judging.mistakes import (
    BINARY,
    FACTORS,
    LAYER_FACTORS,
    ROWS,
    SQUARED,
    Mistake,
    entry,
)
from experiments.check.judging.replay import (
    At,
    ImpossibleError,
    Value,
    activate,
    backward,
    loss_gradient,
)
from scratchnet.types import Array

Derivative = Callable[[At], Array]


def backward_mistakes() -> Iterator[Mistake]:
    """Yield the mistakes in every gradient, in the order of the backward pass."""
    yield from _of_the_loss()
    yield from _of_logits()
    yield from _of_pre_activations()
    yield from _of_softmax()
    yield from _of_kernels()
    yield from _of_biases()
    yield from _of_inputs()
    for factor in (*FACTORS, *LAYER_FACTORS):
        for subject, places in (
            ("the gradient", ("kernel_gradient", "bias_gradient")),
            ("the gradient of the kernel", ("kernel_gradient",)),
            ("the gradient of the bias", ("bias_gradient",)),
            ("the gradient of the pre-activation", ("pre_activation_gradient",)),
        ):
            yield Mistake(factor.code, f"{subject} {factor.sentence}", places, factor.at)


def _of_the_loss() -> Iterator[Mistake]:
    place = "loss_gradient"
    for factor in FACTORS:
        yield entry(place, factor.code, f"the gradient of the loss {factor.sentence}", factor.at)
    for code, sentence, weights in (
        ("negative_term_missing", "the term (1 - y) / (1 - p) is missing", (1, 0)),
        ("positive_term_missing", "the term y / p is missing", (0, 1)),
        ("sign_of_term", "the sign of the term (1 - y) / (1 - p) is wrong", (1, -1)),
        ("sign_of_term", "the sign of the term y / p is wrong", (-1, 1)),
    ):
        sentence = f"{sentence} in the gradient of the loss"
        yield entry(place, code, sentence, _weighted_terms(*weights), losses=BINARY)
    yield entry(
        place,
        "squared_error",
        "the gradient of the loss is that of the mean squared error",
        lambda at: 2 * (at.p - at.y) / at.p.size,
        losses=f"{BINARY} {ROWS}",
    )
    yield entry(
        place,
        "wrong_loss",
        "the gradient of the loss is that of the binary cross-entropy of every class",
        lambda at: loss_gradient(BINARY, at.p, at.y),
        losses=ROWS,
    )
    for share in SMOOTHING:
        sentence = f"the gradient of the loss has labels smoothed by {share}"
        yield entry(place, "label_smoothing", sentence, _smoothed(share), losses=f"{BINARY} {ROWS}")
    yield entry(
        place,
        "absolute_error",
        "the gradient of the loss is that of the absolute error",
        lambda at: np.sign(at.p - at.y) / at.p.size,
        losses=SQUARED,
    )


def _smoothed(share: float) -> Value:
    return lambda at: loss_gradient(at.replay.loss_name, at.p, smoothed(at, share))


def _weighted_terms(positive: float, negative: float) -> Value:
    def value(at: At) -> Array:
        terms = -positive * at.y / at.p + negative * (1 - at.y) / (1 - at.p)
        gradient: Array = terms / at.p.size
        return gradient

    return value


def _of_logits() -> Iterator[Mistake]:
    """Yield mistakes of a gradient p - y that skips the last activation."""
    for code, sentence, value, activations in (
        (
            "derivative_twice",
            "the derivative of the last activation is applied once too often (p - y is the "
            "gradient of the logits already)",
            lambda at: backward(at.activation, at.z, at.a, at.right),
            "sigmoid softmax tanh",
        ),
        (
            "logits_for_probability",
            "the gradient is z - y: the pre-activation in place of the prediction",
            lambda at: (at.z - at.y) / at.right.size,
            "sigmoid softmax",
        ),
        (
            "targets_missing",
            "the targets are not subtracted",
            lambda at: at.p / (at.m if at.activation == "softmax" else at.p.size),
            "sigmoid softmax",
        ),
        (
            "targets_swapped",
            "the classes are swapped: 1 - y in place of y",
            lambda at: (at.p - (1 - at.y)) / at.p.size,
            "sigmoid",
        ),
        (
            "predicted_classes",
            "the gradient is that of the predicted classes, 0 or 1, not of the probabilities",
            lambda at: ((at.p > 0.5) - at.y) / at.p.size,
            "sigmoid",
        ),
        ("absolute", "the sign of p - y is lost", lambda at: np.abs(at.right), ""),
        (
            "squared_difference",
            "p - y is squared",
            lambda at: (at.p - at.y) ** 2 / at.p.size,
            "sigmoid softmax linear",
        ),
    ):
        yield entry("pre_activation_gradient", code, sentence, _at_the_last(value), activations)


def _at_the_last(value: Value) -> Value:
    def checked(at: At) -> Array:
        if not at.is_last:
            raise ImpossibleError
        return value(at)

    return checked


def _of_pre_activations() -> Iterator[Mistake]:
    place = "pre_activation_gradient"
    for names in ("relu sigmoid tanh softmax", "relu", "sigmoid", "tanh", "softmax"):
        which = "the activation" if " " in names else names
        sentence = f"the derivative of {which} is missing"
        yield entry(place, "derivative_missing", sentence, lambda at: at.da, names)
    derivatives: dict[str, list[tuple[str, str, Derivative]]] = {
        "sigmoid": [
            (
                "derivative_of_activation",
                "is taken at a instead of z",
                _sigmoid_at(lambda at: at.a),
            ),
            ("factor_a_missing", "is 1 - a, not a (1 - a)", lambda at: 1 - at.a),
            ("factor_1_a_missing", "is a, not a (1 - a)", lambda at: at.a),
            ("square", "is 1 - a^2, that of tanh", lambda at: 1 - at.a**2),
            ("sign_in_derivative", "is a (1 + a), not a (1 - a)", lambda at: at.a * (1 + at.a)),
            ("sign_in_derivative", "is a (a - 1), not a (1 - a)", lambda at: at.a * (at.a - 1)),
            ("derivative_at_z", "is z (1 - z): z in place of a", lambda at: at.z * (1 - at.z)),
            ("derivative_of_relu", "is that of relu", lambda at: np.where(at.z > 0, 1, 0)),
            ("derivative_twice", "is applied twice", lambda at: (at.a * (1 - at.a)) ** 2),
        ],
        "tanh": [
            ("derivative_of_activation", "is taken at a, not z", lambda at: 1 - np.tanh(at.a) ** 2),
            ("square_missing", "is 1 - a, not 1 - a^2", lambda at: 1 - at.a),
            ("sigmoid_derivative", "is a (1 - a), that of sigmoid", lambda at: at.a * (1 - at.a)),
            ("sign_in_derivative", "is 1 + a^2, not 1 - a^2", lambda at: 1 + at.a**2),
            ("derivative_at_z", "is 1 - z^2: z in place of a", lambda at: 1 - at.z**2),
            ("derivative_of_relu", "is that of relu", lambda at: np.where(at.z > 0, 1, 0)),
            ("derivative_twice", "is applied twice", lambda at: (1 - at.a**2) ** 2),
        ],
        "relu": [
            ("mask_at_zero", "at exactly 0 is 1; in Keras it is 0", lambda at: _mask(at.z >= 0)),
            (
                "half_at_zero",
                "at exactly 0 is 1/2; in Keras it is 0",
                lambda at: (_mask(at.z > 0) + _mask(at.z >= 0)) / 2,
            ),
            ("mask_inverted", "is inverted: 1 below 0, and 0 above", lambda at: _mask(at.z <= 0)),
            (
                "mask_of_gradient",
                "is the sign of the gradient's, not of z's",
                lambda at: _mask(at.da > 0),
            ),
            ("derivative_is_activation", "is a, not 1 or 0", lambda at: at.a),
            ("derivative_is_activation", "is z, not 1 or 0", lambda at: at.z),
            ("derivative_of_sigmoid", "is that of sigmoid at z", _sigmoid_at(lambda at: at.z)),
            (
                "derivative_of_sigmoid",
                "is a (1 - a), that of sigmoid",
                lambda at: at.a * (1 - at.a),
            ),
            ("derivative_of_tanh", "is 1 - a^2, that of tanh", lambda at: 1 - at.a**2),
            ("mask_threshold", "is 1 from z > 1, not z > 0", lambda at: _mask(at.z > 1)),
            *(("leaky", f"is that of a leaky relu of slope {s}", _leaky(s)) for s in SLOPES),
        ],
    }
    for distance, which in ((-1, "before"), (1, "after")):
        derivatives["relu"].append(
            ("wrong_layer", f"is taken at z of the layer {which} it", _mask_of(distance))
        )
    for activation, known in derivatives.items():
        for code, sentence, derivative in known:
            text = f"the derivative of {activation} {sentence}"
            yield entry(place, code, text, _through(derivative), activation)
    yield entry(
        place,
        "mask_without_gradient",
        "the derivative stands alone: it is not multiplied by the gradient from above",
        lambda at: backward(at.activation, at.z, at.a, np.ones_like(at.right)),
        "relu sigmoid tanh",
    )


def _through(derivative: Derivative) -> Value:
    return lambda at: at.da * derivative(at)


def _mask(condition: Array) -> Array:
    return np.where(condition, np.longdouble(1), np.longdouble(0))


def _mask_of(distance: int) -> Derivative:
    return lambda at: _mask(at.neighbour("z", distance) > 0)


def _leaky(slope: float) -> Derivative:
    return lambda at: np.where(at.z > 0, np.longdouble(1), np.longdouble(slope))


def _sigmoid_at(argument: Derivative) -> Derivative:
    def derivative(at: At) -> Array:
        value = activate("sigmoid", argument(at))
        slope: Array = value * (1 - value)
        return slope

    return derivative


def _of_softmax() -> Iterator[Mistake]:
    for code, sentence, value in (
        (
            "softmax_diagonal",
            "only the diagonal of the softmax's derivative is used, a (1 - a)",
            lambda at: at.da * at.a * (1 - at.a),
        ),
        (
            "softmax_sum_missing",
            "the sum over the classes is missing in the softmax's derivative",
            lambda at: at.da * at.a,
        ),
        (
            "wrong_axis",
            "the sum in the softmax's derivative runs over the samples, not over the classes",
            lambda at: at.a * (at.da - (at.a * at.da).sum(axis=0)),
        ),
        (
            "factor_a_missing",
            "the factor a is missing in the softmax's derivative",
            lambda at: at.da - (at.a * at.da).sum(axis=1, keepdims=True),
        ),
        (
            "sum_without_a",
            "the sum in the softmax's derivative is of da, not of a da",
            lambda at: at.a * (at.da - at.da.sum(axis=1, keepdims=True)),
        ),
    ):
        yield entry("pre_activation_gradient", code, sentence, value, "softmax")


_CHOSEN_SAMPLES = (
    ("last_sample_only", "only the last sample of the batch counts", slice(-1, None)),
    ("first_sample_only", "only the first sample of the batch counts", slice(0, 1)),
    ("last_sample_missing", "the last sample of the batch is left out", slice(0, -1)),
    ("first_sample_missing", "the first sample of the batch is left out", slice(1, None)),
)


def _of_kernels() -> Iterator[Mistake]:
    place = "kernel_gradient"
    yield entry(
        place, "transposed", "the gradient of the kernel is transposed", lambda at: at.right.T
    )
    reshaped: tuple[Value, ...] = (
        lambda at: at.right.T.reshape(at.right.shape),
        # The same of a kernel that is (units, inputs).
        lambda at: at.right.reshape(at.right.T.shape).T,
    )
    for value in reshaped:
        sentence = (
            "the gradient of the kernel is reshaped where it is to be transposed: its numbers "
            "stand in the wrong places"
        )
        yield entry(place, "reshaped", sentence, value)
    yield entry(
        place,
        "input_not_activated",
        "the pre-activation before the layer is taken for its input",
        lambda at: at.z_before.T @ at.dz,
    )
    yield entry(
        place,
        "own_activation",
        "the layer's own activation is taken for its input",
        lambda at: at.a.T @ at.dz,
    )
    yield entry(
        place,
        "input_repeated",
        "the input of the network is taken for the layer's",
        lambda at: at.network_input().T @ at.dz,
    )
    yield entry(
        place,
        "wrong_layer",
        "it is the gradient of the kernel of the layer after it",
        lambda at: at.neighbour("kernel_gradient", 1),
    )
    yield entry(
        place,
        "derivative_missing",
        "the derivative of the activation is missing in the gradient of the kernel",
        lambda at: at.input.T @ at.da,
    )
    yield entry(
        place,
        "absolute",
        "the sign of the gradient of the kernel is lost",
        lambda at: np.abs(at.right),
    )
    for code, sentence, chosen in _CHOSEN_SAMPLES:
        text = f"{sentence} in the gradient of the kernel"
        yield entry(place, code, text, _kernel_of_samples(chosen))


def _kernel_of_samples(chosen: slice) -> Value:
    return lambda at: at.input[chosen].T @ at.dz[chosen]


def _of_biases() -> Iterator[Mistake]:
    place = "bias_gradient"
    yield entry(
        place,
        "wrong_layer",
        "it is the gradient of the bias of the layer after it",
        lambda at: at.neighbour("bias_gradient", 1),
    )
    yield entry(
        place,
        "derivative_missing",
        "the derivative of the activation is missing in the gradient of the bias",
        lambda at: at.da.sum(axis=0),
    )
    yield entry(
        place,
        "units_summed",
        "the gradient of the bias is summed over the units too",
        lambda at: np.full_like(at.right, at.right.sum()),
    )
    yield entry(
        place,
        "units_averaged",
        "the gradient of the bias is averaged over the units too",
        lambda at: np.full_like(at.right, at.right.mean()),
    )
    for code, sentence, chosen in _CHOSEN_SAMPLES:
        text = f"{sentence} in the gradient of the bias"
        yield entry(place, code, text, _bias_of_samples(chosen))
        if code.endswith("only"):
            yield entry(place, code, f"{text}, undivided", _bias_of_samples(chosen, undivided=True))


def _bias_of_samples(chosen: slice, *, undivided: bool = False) -> Value:
    return lambda at: at.dz[chosen].sum(axis=0) * (at.m if undivided else 1)


def _of_inputs() -> Iterator[Mistake]:
    place = "input_gradient"
    yield entry(
        place,
        "kernel_transposed",
        "the gradient is passed back through the kernel the wrong way round",
        lambda at: at.dz @ at.transposed_kernel().T,
    )
    yield entry(
        place,
        "stale_weights",
        "the gradient is passed back through a kernel that has been updated already",
        through_updated_kernel,
    )
    yield entry(
        place,
        "derivative_missing",
        "the gradient is passed back without the derivative of the activation",
        lambda at: at.da @ at.kernel.T,
    )
    yield entry(
        place,
        "kernel_missing",
        "the gradient is passed back without the kernel",
        lambda at: at.dz if at.dz.shape == at.right.shape else _impossible(),
    )
    for distance, which in ((-1, "before"), (1, "after")):
        yield entry(
            place,
            "wrong_layer",
            f"the gradient is passed back through the kernel of the layer {which} it",
            _through_neighbour(distance),
        )
    for factor in (*FACTORS, *LAYER_FACTORS):
        text = f"the gradient passed back to the layer before {factor.sentence}"
        yield entry(place, factor.code, text, factor.at)


def through_updated_kernel(at: At) -> Array:
    """Return what a layer passes back if its kernel has been updated already."""
    passed_back: Array = at.dz @ (at.kernel - at.rate * at.replay.kernel_gradient[at.index]).T
    return passed_back


def _impossible() -> Array:
    raise ImpossibleError


def _through_neighbour(distance: int) -> Value:
    return lambda at: at.dz @ at.neighbour("kernel", distance).T
