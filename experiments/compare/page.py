"""The page that holds two runs against each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from experiments.compare.changes import BETTER, OTHER, SAME, UNKNOWN, WORSE, RunComparison, name_of
from experiments.report.sentences import Answer
from experiments.report.trial_section import templates
from experiments.runtime.figures import times


def render_comparison(comparison: RunComparison) -> str:
    """Return the page as HTML."""
    from experiments.report.charts import CONFIG, chart_library, chart_specifications

    ratios = _ratios(comparison)
    specifications = chart_specifications()
    return (
        templates()
        .get_template("compare.html")
        .render(
            comparison=comparison,
            before=name_of(comparison.before.folder),
            after=name_of(comparison.after.folder),
            answered=_answers(comparison),
            kinds=sorted({trial.kind for trial in comparison.trials}),
            across={"ratios": ratios},
            words=_in_words(ratios),
            charts={
                "specifications": {"ratios": specifications["ratios"]},
                "config": CONFIG,
            },
            library=Markup(chart_library()) if ratios else "",
        )
    )


def _answers(comparison: RunComparison) -> list[Answer]:
    questions = {
        "parity": ("Is it still right?", "parity", "Yes"),
        "accuracy": ("Does it still learn as well?", "test accuracy", "Yes"),
        "time": ("Does it still cost the same?", "time per epoch", "Less"),
    }
    found = []
    for aspect, (question, noun, if_better) in questions.items():
        changes = [(trial, getattr(trial, aspect)) for trial in comparison.trials]
        kinds = Counter(change.kind for _, change in changes)
        counts = [
            f"{words} in {kinds[kind]}"
            for kind, words in (
                (WORSE, "worse"),
                (BETTER, "better"),
                (OTHER, "different, but no worse,"),
                (SAME, "the same"),
                (UNKNOWN, "unknown"),
            )
            if kinds[kind]
        ]
        sentence = f"Of {len(changes)} trials, {noun} is {_listed(counts)}."
        first = next(
            (pair for kind in (WORSE, UNKNOWN) for pair in changes if pair[1].kind == kind), None
        )
        if first is not None:
            trial, change = first
            sentence += f" {trial.name}: {change.sentence}."
        short, well = _short(kinds, if_better)
        found.append(Answer(question, short, sentence, well))
    return found


def _short(kinds: Mapping[str, int], if_better: str) -> tuple[str, bool | None]:
    """Return a word or two, and whether it is good news."""
    if kinds[WORSE]:
        return "No", False
    if kinds[UNKNOWN]:
        return ("Unknown" if sum(kinds.values()) == kinds[UNKNOWN] else "Partly unknown"), None
    return (if_better if kinds[BETTER] else "Yes"), True


def _listed(parts: list[str]) -> str:
    *before, last = parts
    return f"{', '.join(before)} and {last}" if before else last


def _ratios(comparison: RunComparison) -> list[dict[str, Any]]:
    rows = []
    for trial in comparison.trials:
        ratio = trial.ratio
        if ratio is None or not math.isfinite(ratio.ratio):
            continue
        known = math.isfinite(ratio.low) and math.isfinite(ratio.high) and ratio.low > 0
        rows.append(
            {
                "trial": trial.name,
                "ratio": float(f"{ratio.ratio:.4g}"),
                "low": float(f"{ratio.low if known else ratio.ratio:.4g}"),
                "high": float(f"{ratio.high if known else ratio.ratio:.4g}"),
            }
        )
    return rows


def _in_words(ratios: list[dict[str, Any]]) -> str:
    if not ratios:
        return ""
    values = [row["ratio"] for row in ratios]
    return (
        f"Dots with intervals, log scale, for {len(ratios)} trials: new over old time per epoch, "
        f"from {times(min(values))} to {times(max(values))}."
    )
