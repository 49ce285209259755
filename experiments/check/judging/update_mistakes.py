"""Mistakes in the step of gradient descent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments.check.judging.backward_mistakes import through_updated_kernel
from experiments.check.judging.mistakes import Mistake, entry
from experiments.check.judging.replay import At, Value
from scratchnet.types import Array

_STEPS: tuple[tuple[str, str, Value], ...] = (
    (
        "ascent",
        "{W} climb: the gradient is added where it is to be subtracted",
        lambda at: at.weight + at.rate * at.gradient,
    ),
    (
        "rate_missing",
        "the learning rate is missing in the update of {W}",
        lambda at: at.weight - at.gradient,
    ),
    ("not_updated", "{W} are not updated", lambda at: at.weight),
    ("overwritten", "{W} are replaced by the step", lambda at: -at.rate * at.gradient),
    ("overwritten", "{W} are replaced by the step", lambda at: at.rate * at.gradient),
    ("overwritten", "{W} are replaced by their gradient", lambda at: at.gradient),
    (
        "batch_size_twice",
        "the gradient is divided by the batch size ({m}) once more in the update of {W}",
        lambda at: at.weight - at.rate * at.gradient / at.m,
    ),
    (
        "batch_size_missing",
        "the gradient is multiplied by the batch size ({m}) in the update of {W}",
        lambda at: at.weight - at.rate * at.gradient * at.m,
    ),
    (
        "twice",
        "{W} are updated twice, or by twice the step",
        lambda at: at.weight - 2 * at.rate * at.gradient,
    ),
    (
        "factor_half",
        "{W} are updated by half of the step",
        lambda at: at.weight - at.rate * at.gradient / 2,
    ),
    (
        "rate_squared",
        "the learning rate is squared in the update of {W}",
        lambda at: at.weight - at.rate**2 * at.gradient,
    ),
    (
        "sign_only",
        "only the sign of the gradient is used in the update of {W}",
        lambda at: at.weight - at.rate * np.sign(at.gradient),
    ),
    (
        "weights_for_gradient",
        "{W} are subtracted from themselves in place of their gradient",
        lambda at: at.weight - at.rate * at.weight,
    ),
    (
        "multiplied",
        "{W} are multiplied by the step",
        lambda at: at.weight * at.rate * at.gradient,
    ),
)


def update_mistakes() -> Iterator[Mistake]:
    """Yield the mistakes in updated weights."""
    both = ("kernel_updated", "bias_updated")
    for code, sentence, value in _STEPS:
        for words, places in (
            ("the weights", both),
            ("the kernels", both[:1]),
            ("the biases", both[1:]),
        ):
            yield Mistake(code, sentence.replace("{W}", words), places, value)
    yield Mistake(
        "stale_weights",
        "the kernels are updated on the way back, before the gradient passes through them; take "
        "all gradients first, and then update",
        both,
        _updated_on_the_way,
    )
    for distance, which in ((1, "after"), (-1, "before")):
        for place in both:
            short = place.removesuffix("_updated")
            yield entry(
                place,
                "wrong_layer",
                f"the {short} is updated with the gradient of the layer {which} it",
                _by_neighbours_gradient(f"{short}_gradient", distance),
            )


def _by_neighbours_gradient(name: str, distance: int) -> Value:
    return lambda at: at.weight - at.rate * at.neighbour(name, distance)


def _updated_on_the_way(at: At) -> Array:
    fused = at.replay.from_the_start("input_gradient", through_updated_kernel)
    gradients = fused.kernel_gradient if at.place == "kernel_updated" else fused.bias_gradient
    updated: Array = at.weight - at.rate * gradients[at.index]
    return updated
