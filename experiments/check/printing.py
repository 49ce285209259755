"""The report for people: a dozen lines, or everything."""

from __future__ import annotations

import math

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from experiments.check.not_judged import NotJudged
from experiments.check.report import Difference, Report
from experiments.check.summary import (
    also_wrong,
    diagnosis_sentence,
    in_the_users_words,
    judged_on,
    numbers,
    remarks_worth_reading,
    verdict_sentence,
)
from experiments.check.table import COLOURS, table

_MANY_ULPS = 1000
"""So many units in the last place are told as digits that agree."""


def print_report(report: Report, name: str, console: Console, *, verbose: bool = False) -> None:
    """Print a report.

    Parameters
    ----------
    report
        What to print.
    name
        What was checked, as the user named it.
    console
        Where to.
    verbose
        Whether to print the table of all tensors, and every remark.
    """
    console.print(f"[bold]{escape(name)}[/bold]")
    for line in report.found:
        if verbose or not line.startswith("keeps the precision"):
            _say(console, line)
    if report.cases and report.not_judged is None:
        _say(console, judged_on(report))
    console.print()
    _print_conclusion(report, console)
    if verbose:
        _print_everything(report, console)
        return
    if remarks := remarks_worth_reading(report):
        console.print()
        for remark in remarks:
            _say(console, remark, "- ")
    if report.cases:
        console.print()
        console.print("[dim]--verbose shows every tensor and remark, --json everything[/dim]")


def _print_conclusion(report: Report, console: Console) -> None:
    """Print the verdict, and what leads to it."""
    colour = COLOURS[report.verdict]
    said = Text.assemble(
        "Verdict: ", (report.verdict, colour), ". ", verdict_sentence(report), style=""
    )
    console.print(said)
    if report.not_judged is not None:
        _print_not_judged(report.not_judged, console)
        return
    if report.line is not None:
        wrong = report.line
        _say(console, f"> {wrong.number}   {wrong.text}")
        _say(console, f"the first line with a wrong result: {wrong.result}")
    if sentence := diagnosis_sentence(report):
        _say(console, sentence)
    if report.first_divergence is not None:
        for line in (numbers(report.first_divergence, report.form), also_wrong(report)):
            if line:
                _say(console, line)


def _print_everything(report: Report, console: Console) -> None:
    """Print the first divergence in full, the table, and every remark."""
    if report.first_divergence is not None:
        console.print()
        console.print("First divergence")
        for line in _describe(report.first_divergence, report.form):
            _say(console, line)
    if report.cases:
        console.print()
        console.print(table(report))
    if report.remarks:
        console.print()
        console.print("Remarks")
        for remark in report.remarks:
            _say(console, remark, "- ")
    # A long table has pushed the conclusion out of sight by now.
    console.print()
    colour = COLOURS[report.verdict]
    above = ", see above" if report.first_divergence else ""
    console.print(f"Verdict: [{colour}]{report.verdict}[/{colour}]{above}")


def _print_not_judged(reason: NotJudged, console: Console) -> None:
    """Print what to do about it, and what the file contains."""
    console.print("Next step")
    _say(console, reason.next_step)
    if reason.needed:
        console.print("The file contains")
        for line in reason.contains or ["no class and no function"]:
            _say(console, line)
        console.print("Needed")
        _say(console, reason.needed)


def _say(console: Console, sentence: str, bullet: str = "") -> None:
    """Print a sentence, its lines all indented."""
    grid = Table.grid(padding=0)
    grid.add_row("  " + bullet, Text(sentence))
    console.print(grid)


def _describe(first: Difference, form: str) -> list[str]:
    """Say where the first divergence is, and how large."""
    index = "" if first.index in (None, ()) else str(list(first.index or ()))
    name = f"{first.layer}/{first.tensor}{index}" if first.layer != "loss" else "the loss"
    yours = in_the_users_words(first) if form == "article" else ""
    lines = [f"step {first.step}, {name}{yours}; {first.case}, {first.dtype}"]
    if first.ours is not None and first.keras is not None and first.ulps is not None:
        apart = _how_far_apart(first.ours, first.keras, first.ulps)
        lines.append(f"yours {first.ours!r}, Keras {first.keras!r}{apart}")
        explained = f"a difference of {first.bound:.2g}" if first.bound else "no difference"
        lines.append(
            f"rounding explains {explained} here, and this is {abs(first.ours - first.keras):.2g}"
        )
    return lines


def _how_far_apart(ours: float, keras: float, ulps: float) -> str:
    """Say how far two numbers are apart, where they have something in common."""
    if ulps < _MANY_ULPS:
        return f": {ulps:.3g} units in the last place (ulps) apart"
    if not (math.isfinite(ours) and math.isfinite(keras)):
        return ""
    digits = math.floor(-math.log10(abs(ours - keras) / max(abs(ours), abs(keras))))
    return f": the first {digits} digits agree" if digits > 1 else ""
