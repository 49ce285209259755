"""Verdicts and figures in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from experiments.parity.trace import ParityRow
from experiments.report.summary import Speed, Summary
from experiments.runtime.figures import counted, duration, quantity, share, times
from experiments.trials.comparability import Accuracies
from experiments.trials.turns import IMPLEMENTATIONS

VERDICT_WORDS = {
    "identical": "the same to the last bit",
    "rounding": "different only by rounding",
    "chaos": "different only by rounding, which grows in training",
    "undecidable": "at a kink, where rounding decides which branch is right",
    "divergent": "different by more than rounding can explain",
}


@dataclass(frozen=True)
class Answer:
    """One of the three answers on the first screen.

    Attributes
    ----------
    question
        As ``Is it right?``.
    short
        The verdict in a word or two.
    sentence
        The verdict in a sentence.
    well
        Whether it is good news; None where it is neither.
    """

    question: str
    short: str
    sentence: str
    well: bool | None


def answers(summaries: Sequence[Summary]) -> list[Answer]:
    """Answer the three questions for a whole run.

    Parameters
    ----------
    summaries
        Of all trials, finished or not.
    """
    finished = [summary for summary in summaries if summary.finished]
    if not finished:
        nothing = "No trial has finished, so nothing was compared."
        return [
            Answer(question, "Unknown", nothing, None)
            for question in ("Is it right?", "Does it learn the same?", "What does it cost?")
        ]
    return [_right(finished), _learns(finished), _costs(finished)]


def missing_sentence(summaries: Sequence[Summary]) -> str:
    """Say how many trials have no result, and why; empty if all have one."""
    counts = Counter(summary.status for summary in summaries if not summary.finished)
    if not counts:
        return ""
    said = {"crashed": "crashed", "not run": "not run yet", "unreadable": "unreadable"}
    parts = [f"{count} {said.get(status, status)}" for status, count in counts.items()]
    return (
        f"{counts.total()} of {len(summaries)} trials have no result ({', '.join(parts)}); "
        "the section of each says why."
    )


def _right(finished: Sequence[Summary]) -> Answer:
    question = "Is it right?"
    judged = [summary for summary in finished if summary.lockstep]
    if not judged:
        return Answer(question, "Unknown", "No step was compared.", None)
    wrong = [summary for summary in judged if summary.lockstep == "divergent"]
    good = len(judged) - len(wrong)
    tensors = sum(summary.compared for summary in judged)
    sentence = (
        f"In {good} of {counted(len(judged), 'trial')} scratchnet's activations, gradients and "
        f"updated weights equal Keras's to within rounding ({counted(tensors, 'tensor')} compared "
        "step by step)."
    )
    if wrong:
        sentence += f" {wrong[0].name} differs from Keras{_where(wrong[0].first_divergence)}."
        return Answer(question, "No", sentence, False)
    kinks = sum(summary.lockstep == "undecidable" for summary in judged)
    if kinks:
        sentence += (
            f" In {kinks} a value is so close to a kink that rounding decides which branch is "
            "taken."
        )
    return Answer(question, "Yes", sentence, True)


def _where(row: ParityRow | None) -> str:
    if row is None:
        return ""
    return f" at {place(row)}" + (f": {row.diagnosis}" if row.diagnosis else "")


def _learns(finished: Sequence[Summary]) -> Answer:
    question = "Does it learn the same?"
    judged = [summary for summary in finished if summary.free]
    if not judged:
        return Answer(question, "Unknown", "No training curves were compared.", None)
    apart = [summary for summary in judged if summary.free == "divergent"]
    epochs = sorted({summary.epochs for summary in judged})
    span = f"{epochs[0]:,}" if len(epochs) == 1 else f"{epochs[0]:,} to {epochs[-1]:,}"
    unit = "epoch" if epochs == [1] else "epochs"
    chaos = sum(summary.free == "chaos" for summary in judged)
    sentence = (
        f"The loss curves of {len(judged) - len(apart)} of {counted(len(judged), 'trial')} agree "
        f"over {span} {unit}"
    )
    sentence += f", in {chaos} of them within what rounding can grow to." if chaos else "."
    ended = [summary for summary in judged if summary.last_number is not None]
    if ended:
        sentence += (
            f" In {_names(ended)} the loss becomes NaN or infinite before the training "
            "ends; nothing is compared after that."
        )
    sentence += _accuracies(judged)
    if apart:
        sentence += f" The curves of {_names(apart)} differ by more than rounding can explain."
        return Answer(question, "No", sentence, False)
    return Answer(question, "Yes", sentence, True)


def _names(summaries: Sequence[Summary]) -> str:
    """Name the first three, and count the others."""
    names = ", ".join(summary.name for summary in summaries[:3])
    return names + (f" and {len(summaries) - 3} more" if len(summaries) > 3 else "")


def _accuracies(judged: Sequence[Summary]) -> str:
    gaps = [
        # Keras counts in float32.
        round(abs(summary.test_accuracy["scratchnet"] - summary.test_accuracy["keras"]), 6)
        for summary in judged
        if summary.test_accuracy is not None
    ]
    if not gaps:
        return ""
    if max(gaps) == 0:
        return " Test accuracies are equal in all."
    return (
        f" Test accuracies are equal in {gaps.count(0.0)}, and at most "
        f"{100 * max(gaps):.2g} percentage points apart."
    )


def _costs(finished: Sequence[Summary]) -> Answer:
    question = "What does it cost?"
    speeds = [summary.speed.ratio for summary in finished if summary.speed is not None]
    if not speeds:
        return Answer(question, "Unknown", "Nothing was timed.", None)
    middle = median(speeds)
    slower = sum(ratio < 1 for ratio in speeds)
    spread = ""
    if len(speeds) > 1:
        spread = f" ({times(min(speeds))} to {times(max(speeds))} times over the trials)"
    much = (
        f"{times(middle)} times faster" if middle >= 1 else f"{times(1 / middle)} times slower"
    ) + " per epoch than keras.Model.fit"
    sentence = (
        f"scratchnet is {much}{' at the median' if len(speeds) > 1 else ''}{spread}, and slower "
        f"than Keras in {slower or 'none'}."
    )
    if not slower:
        return Answer(question, "Less", sentence, True)
    return Answer(question, "It depends" if slower < len(speeds) else "More", sentence, None)


def trial_sentences(summary: Summary) -> list[tuple[str, str]]:
    """Return the three answers for one trial, each with the verdict that it rests on."""
    sentences = []
    if summary.lockstep:
        said = (
            f"{counted(summary.compared, 'tensor')} of {counted(summary.steps, 'training step')} "
            f"compared with Keras's from equal weights: {VERDICT_WORDS[summary.lockstep]}."
        )
        if not math.isnan(summary.gradient_ulps):
            said += (
                f" Gradients differ by up to {_ulps(summary.gradient_ulps)} in the last "
                f"place, and by up to {explained(summary.gradient_share)}."
            )
        if summary.least_certain is not None:
            said += f" {noticeable(summary.least_certain)}"
        sentences.append((summary.lockstep, said))
    if summary.free:
        said = f"Trained separately for {counted(summary.epochs, 'epoch')}, the two losses are "
        said += VERDICT_WORDS[summary.free]
        if summary.curve_gap > 0:
            said += f", at most {quantity(summary.curve_gap)}"
        said += "."
        if summary.last_number is not None:
            said += (
                f" From epoch {summary.last_number + 1:,} on the loss is NaN or infinite, and "
                "nothing is compared."
            )
        if summary.test_accuracy is not None:
            ours, twin = (summary.test_accuracy[side] for side in IMPLEMENTATIONS)
            said += f" Test accuracy is {ours:.3f} here and {twin:.3f} in Keras."
        sentences.append((summary.free, said))
    if summary.speed is not None and summary.seconds is not None:
        ratio = summary.speed.ratio
        much = f"{times(ratio)} times faster" if ratio >= 1 else f"{times(1 / ratio)} times slower"
        sentences.append(
            (
                "faster" if ratio >= 1 else "slower",
                f"An epoch takes {duration(summary.seconds['scratchnet'])} in scratchnet and "
                f"{duration(summary.seconds['keras'])} in keras.Model.fit (medians): {much}"
                f"{interval(summary.speed)}.",
            )
        )
    return sentences


def noticeable(row: ParityRow) -> str:
    """Say how small a mistake would have been noticed in the least certain gradient."""
    return (
        f"Operation by operation, an error of {quantity(100 * row.floor)} % in a whole "
        f"gradient would have been noticed; the least certain is {place(row)}."
    )


def accuracies_sentence(found: Accuracies) -> str:
    """Say what the accuracies on the held-out samples can tell, with intervals and a test."""
    said = [
        f"{called} gets {correct:,} right (95 % interval {low:.3f} to {high:.3f})"
        for called, correct, low, high in (
            ("scratchnet", found.scratchnet_correct, found.scratchnet_low, found.scratchnet_high),
            ("Keras", found.keras_correct, found.keras_low, found.keras_high),
        )
    ]
    sentence = f"Of {counted(found.samples, 'held-out sample')} {said[0]} and {said[1]}."
    differing = found.only_scratchnet + found.only_keras
    if not differing:
        return f"{sentence} They are right and wrong on the same samples."
    verdict = (
        "one side is better than chance could explain"
        if found.mcnemar < 0.05
        else "a difference that chance could explain"
    )
    return (
        f"{sentence} On {counted(differing, 'sample')} only one side is right "
        f"({found.only_scratchnet:,} and {found.only_keras:,}): {verdict} "
        f"(McNemar's exact test, p = {found.mcnemar:.2g})."
    )


def place(row: ParityRow) -> str:
    """Return ``step 0, dense_2/kernel_gradient``."""
    if row.mode == "free":
        return f"epoch {row.step + 1}, {row.tensor.replace('val_', 'test ')}"
    where = "" if row.tensor == "loss" else f"{row.layer}/"
    return f"step {row.step}, {where}{row.tensor}"


def interval(found: Speed) -> str:
    """Return `` (95 % interval 20 to 40)``, empty where there is none."""
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return ""
    return f" (95 % interval {times(found.low)} to {times(found.high)})"


def explained(ratio: float) -> str:
    """Return ``40 % of what rounding can explain``, or how many times that it is."""
    between = " of" if ratio <= 9.995 else ""
    return f"{share(ratio)}{between} what rounding can explain"


def _ulps(value: float) -> str:
    return f"{quantity(value)} unit{'' if value == 1 else 's'}"
