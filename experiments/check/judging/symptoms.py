"""What a divergent tensor gives away by itself: its shape, a NaN, another value at each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.check.judging.noise import CaseVerdict, TensorVerdict, explained
from experiments.check.tensor_names import ACCURACY, LOSS
from experiments.parity.mistakes import Diagnosis
from experiments.parity.mistakes.fitting import ratio


def transposed(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that is right but for its orientation, and perhaps for a factor."""
    right = verdict.references[first.key.partition("|")[0]][first.name]
    if right.ndim != 2:
        return None
    ours = verdict.observation.tensors[first.key][0].shape
    was, wanted = verdict.observation.odd_shapes.get(first.key, (ours, right.shape))
    m = np.longdouble(verdict.observation.case.batch_size)
    for factor, besides in (
        (np.longdouble(1), ""),
        (m, f", and not divided by the batch size ({m:g})"),
        (1 / m, f", and divided by the batch size ({m:g}) once too often"),
        (np.longdouble(-1), ", and of the wrong sign"),
    ):
        if explained(verdict, first, factor * right.T):
            text = f"{first.spoken} has shape {was}; expected {wanted}"
            return Diagnosis("transposed", f"{text}: it is transposed{besides}")
    return None


def keepdims_missing(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a bias gradient that is right but for a dimension, and that the update needs."""
    odd = verdict.observation.odd_shapes.get(first.key)
    if first.index is not None or first.tensor != "bias_gradient" or odd is None:
        return None
    right = verdict.references[first.key.partition("|")[0]][first.name]
    if not explained(verdict, first, right):
        return None
    return Diagnosis(
        "keepdims_missing",
        f"{first.spoken} has shape {odd[0]}; expected {odd[1]}, as from np.sum(..., "
        "keepdims=True): subtracted from a bias of that shape it spreads over a square",
    )


def wrong_shape(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a shape."""
    if first.index is not None:
        return None
    observation = verdict.observation
    ours = observation.tensors[first.key][0]
    right = verdict.references[first.key.partition("|")[0]][first.name]
    was, wanted = observation.odd_shapes.get(first.key, (ours.shape, right.shape))
    text = f"{first.spoken} has shape {was}; expected {wanted}"
    if first.name == LOSS and ours.size == observation.case.batch_size:
        return Diagnosis(
            "batch_mean_missing", f"{text}: it is a loss per sample, not averaged over the batch"
        )
    return Diagnosis("wrong_shape", text)


def not_finite(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a NaN or an infinity."""
    if first.ours is None or np.isfinite(first.ours):
        return None
    if changed := inputs_changed(verdict, first):
        return changed
    return Diagnosis(
        "not_finite",
        f"{first.spoken} is {first.ours} on inputs that are nowhere near saturated; a logarithm of "
        "0 or less, a division by 0, or an array that was never filled",
    )


def inputs_changed(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor by arguments that were changed on the way."""
    changes = [text for code, text in verdict.observation.notes.items() if "changes:" in code]
    if not changes:
        return None
    return Diagnosis("inputs_changed", f"{first.spoken} is off, and {changes[0]}")


def not_repeatable(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that is another at each call, and right at none."""
    tensors = verdict.observation.tensors
    again = tensors.get(first.key.replace("0|", "again|"))
    if not first.key.startswith("0|") or again is None or inputs_changed(verdict, first):
        return None
    if again[0].shape != tensors[first.key][0].shape or explained(verdict, first, again[0]):
        return None
    return Diagnosis(
        "not_repeatable",
        f"two calls with the same arguments give two different values for {first.spoken}: "
        "something is drawn at random, never filled, or kept between calls",
    )


def second_call(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain why a second call with the same arguments gives something else."""
    step, _, name = first.key.partition("|")
    if step != "again":
        return None
    if changed := inputs_changed(verdict, first):
        return Diagnosis(
            changed.code, f"at a second call with the same arguments {changed.sentence}"
        )
    right = verdict.references["again"][name]
    if explained(verdict, first, 2 * right):
        return Diagnosis(
            "accumulated",
            f"a second call doubles {first.spoken}: gradients are added to those of the call "
            "before",
        )
    return Diagnosis(
        "not_repeatable",
        f"a second call with the same arguments gives another value for {first.spoken}: something "
        "is kept between calls, or drawn at random",
    )


def second_step(verdict: CaseVerdict, first: TensorVerdict) -> Diagnosis | None:
    """Explain a tensor that is right in the first step and wrong after the update."""
    step, _, name = first.key.partition("|")
    if step != "1":
        return None
    before = verdict.references["0"]
    if explained(verdict, first, before[name]):
        return Diagnosis(
            "stale_weights",
            f"after the update {first.spoken} is still that of the old weights",
        )
    if name in before and explained(verdict, first, before[name] + verdict.references["1"][name]):
        return Diagnosis(
            "accumulated", f"{first.spoken} of the second step has that of the first added to it"
        )
    if changed := inputs_changed(verdict, first):
        return Diagnosis(changed.code, f"in the second step {changed.sentence}")
    if name.endswith("_updated"):
        # What a velocity adds is a share of the step before.
        ours = verdict.observation.tensors[first.key][0]
        right = verdict.references["1"][name]
        step_before = (
            verdict.observation.case.learning_rate * before[name.replace("_updated", "_gradient")]
        )
        number = ratio(right - ours, step_before)
        if number is not None and explained(verdict, first, right - number * step_before):
            return Diagnosis(
                "momentum",
                f"in the second step {float(number):.6g} times the step before is added, as by a "
                "momentum; plain gradient descent has none",
            )
    return Diagnosis(
        "second_step", f"{first.spoken} is right in the first step and wrong after an update"
    )


def accuracy(verdicts: Sequence[CaseVerdict], first: TensorVerdict) -> Diagnosis | None:
    """Explain an accuracy by what explains it in every case, also where it came out right."""
    if first.name != ACCURACY:
        return None
    m = verdicts[0].observation.case.batch_size
    counted = f"it counts, and is not divided by the batch size ({m})"
    for code, sentence, value in (
        (
            "complement",
            "it is the share of wrong predictions, not of right ones",
            lambda _, right: 1 - right,
        ),
        ("batch_size_missing", counted, lambda v, right: v.observation.case.batch_size * right),
        ("zero", "it is 0 whatever is predicted", lambda *_: 0.0),
        (
            "one_class",
            "every sample is predicted to be of class 0",
            lambda v, _: _share_of_class(v, 0),
        ),
        (
            "one_class",
            "every sample is predicted to be of class 1",
            lambda v, _: _share_of_class(v, 1),
        ),
    ):
        if all(
            explained(v, tensor, np.asarray(value(v, v.references["0"][ACCURACY])))
            for v in verdicts
            for tensor in v.tensors
            if tensor.key == f"0|{ACCURACY}"
        ):
            return Diagnosis(code, f"the accuracy is off: {sentence}")
    return Diagnosis(
        "accuracy",
        "the accuracy is off: Keras counts a probability strictly above 0.5 as class 1, and the "
        "share of samples whose class is right",
    )


def _share_of_class(verdict: CaseVerdict, number: int) -> Any:
    observation = verdict.observation
    return np.mean(observation.case.point(observation.dtype).y == number)
