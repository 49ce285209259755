"""The report in a dozen lines: what was judged, the verdict, what is wrong, remarks."""

from __future__ import annotations

import re

from experiments.check.cases import dense_layers
from experiments.check.report import Difference, Report
from experiments.check.table import rows_of, word_of

_MOST_REMARKS = 4
_MOST_OTHERS = 4

_QUIET = {"printed", "unasked"}
"""Codes of remarks that only --verbose shows."""

# Remarks on hard inputs, the one that says most first; see `judging.hard_inputs`.
_ROBUSTNESS = (
    (
        r"\w+:prediction",
        "exp overflows in the prediction where logits are large; see --verbose for the cure",
    ),
    (
        r"(binary|classes):loss",
        "the cost is not finite where an output saturates, because of log(0): clip the prediction "
        "to [1e-7, 1 - 1e-7], or compute the loss from the logits",
    ),
    (
        r"(binary|classes):gradient",
        "the gradients are not finite where an output saturates, because of a division by 0: pass "
        "back p - y, the gradient of the logits",
    ),
    (r"clipped|\w+:(loss|gradient)", ""),
)

_SPOKEN = {
    "pre_activation": "the pre-activation of {}",
    "activation": "the activation of {}",
    "kernel_gradient": "the gradient of {}'s kernel",
    "bias_gradient": "the gradient of {}'s bias",
    "kernel_updated": "{}'s kernel after the update",
    "bias_updated": "{}'s bias after the update",
    "loss": "the loss",
    "accuracy": "the accuracy",
}

_ARTICLE_NAMES = {
    "pre_activation": "Z",
    "activation": "A",
    "kernel_gradient": "dW",
    "bias_gradient": "db",
    "kernel_updated": "W",
    "bias_updated": "b",
}

_TOLD = ("raised", "exited", "timed_out")
"""Codes of what is known from the user's process alone."""


def spoken(layer: str, tensor: str) -> str:
    """Return what a tensor is called in a sentence."""
    return _SPOKEN.get(tensor, f"{{}}'s {tensor}").format(layer)


def judged_on(report: Report) -> str:
    """Say on which networks the verdict rests."""
    cases = list(dict.fromkeys(verdict.observation.case for verdict in report.cases))
    layers = [layer for case in cases for layer in dense_layers(case.architecture)]
    activations = list(dict.fromkeys(layer.activation for layer in layers))
    losses = list(dict.fromkeys(case.architecture.to_dict()["loss"] for case in cases))
    depths = sorted({len(case.architecture.layers) for case in cases})
    batches = sorted({case.batch_size for case in cases})
    many = "case" if len(cases) == 1 else "cases"
    return (
        f"judged on {len(cases)} {many}: {_span(depths)} layers of {', '.join(activations)}; "
        f"{', '.join(losses)}; batches of {_span(batches)}"
    )


def verdict_sentence(report: Report) -> str:
    """Say the verdict in a sentence."""
    if report.not_judged is not None:
        return report.not_judged.reason
    if report.verdict == "identical":
        return "Equal to Keras, to the last bit of the first step."
    if report.verdict == "rounding":
        return "Equal to Keras: every difference is as small as rounding makes it."
    first = report.first_divergence
    if first is None:
        return "It does not answer."
    when = {0: "", 1: " in the second step"}.get(first.step, f" after {first.step} steps")
    return f"Differs from Keras: {spoken(first.layer, first.tensor)}{when}."


def diagnosis_sentence(report: Report) -> str:
    """Say what is wrong; empty where nothing is."""
    if report.diagnosis is None:
        return "" if report.verdict != "divergent" else "No known mistake explains it."
    diagnosis = report.diagnosis
    told = "Your code's process says: " if diagnosis.code in _TOLD else ""
    sentence = diagnosis.sentence if told else _capital(diagnosis.sentence)
    return f"{told}{sentence} [{diagnosis.code}]"


def numbers(first: Difference, form: str) -> str:
    """Return the two values that differ, and where."""
    if first.ours is None or first.keras is None:
        return ""
    index = "" if first.index in (None, ()) else str(list(first.index or ()))
    name = f"{first.layer}/{first.tensor}{index}" if first.layer != "loss" else "loss"
    ours, keras = _apart(first.ours, first.keras)
    if form == "article":
        name += in_the_users_words(first)
    return f"{name}: yours {ours}, Keras's {keras} ({first.case}, {first.dtype})"


def in_the_users_words(first: Difference) -> str:
    """Return the article's own name of a tensor, in the article's layout."""
    letter = _ARTICLE_NAMES.get(first.tensor)
    number = first.layer.rpartition("_")[2]
    if letter is None or not number.isdigit():
        return ""
    if not first.index:
        return f" (your {letter}{number})"
    index = first.index[::-1] if len(first.index) > 1 else (first.index[0], 0)
    return f" (your {letter}{number}{list(index)})"


def also_wrong(report: Report) -> str:
    """List what else is off, and not because of the first divergence; empty if nothing is."""
    first = report.first_divergence
    if first is None:
        return ""
    others = [
        spoken(row.layer, row.tensor)
        for row, verdicts in rows_of(report).items()
        if word_of(report, verdicts) == "divergent"
        and (row.step, row.layer, row.tensor) != (first.step, first.layer, first.tensor)
    ]
    more = f" and {len(others) - _MOST_OTHERS} more" if len(others) > _MOST_OTHERS else ""
    return f"Also off: {', '.join(others[:_MOST_OTHERS])}{more}." if others else ""


def remarks_worth_reading(report: Report) -> list[str]:
    """Return a few remarks: one on hard inputs, and none about what the network refuses."""
    left = {
        code: text
        for code, text in report.remarks_by_code.items()
        if code not in _QUIET and "NotImplementedError" not in text
    }
    robustness = ""
    for pattern, short in _ROBUSTNESS:
        found = [code for code in left if re.fullmatch(pattern, code)]
        if found and not robustness:
            robustness = short or left[found[0]]
        for code in found:
            del left[code]
    chosen = list(left.values())[: _MOST_REMARKS - bool(robustness)]
    return [*chosen, robustness] if robustness else chosen


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _capital(sentence: str) -> str:
    # A name is left as it is spelt.
    first = sentence.partition(" ")[0]
    return sentence if "_" in first or "/" in first else sentence[:1].upper() + sentence[1:]


def _apart(ours: float, keras: float) -> tuple[str, str]:
    """Write two numbers with as many digits as it takes to see a difference."""
    for digits in range(6, 18):
        texts = f"{ours:.{digits}g}", f"{keras:.{digits}g}"
        if texts[0] != texts[1] and f"{ours:.{digits - 2}g}" != f"{keras:.{digits - 2}g}":
            break
    return texts
