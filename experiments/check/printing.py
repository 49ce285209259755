"""The report for people: a table by layer and tensor, and sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from experiments.check.judging.noise import (
    CaseVerdict,
    TensorVerdict,
    follows,
    keys_in_order,
    worst,
)
from experiments.check.not_judged import NotJudged
from experiments.check.reference import reference
from experiments.check.report import Divergence, Report

_COLOURS = {
    "identical": "green",
    "rounding": "green",
    "not judged": "yellow",
    "divergent": "bold red",
}

_MANY_ULPS = 1000
"""So many units in the last place are told as digits that agree."""

_ARTICLE_NAMES = {
    "pre_activation": "Z",
    "activation": "A",
    "kernel_gradient": "dW",
    "bias_gradient": "db",
    "kernel_updated": "W",
    "bias_updated": "b",
}


def print_report(report: Report, name: str, console: Console) -> None:
    """Print a report.

    Parameters
    ----------
    report
        What to print.
    name
        What was checked, as the user named it.
    console
        Where to.
    """
    console.print(f"[bold]{escape(name)}[/bold]")
    for line in report.found:
        _say(console, line)
    console.print()
    _print_conclusion(report, console)
    if report.cases:
        console.print()
        console.print(_table(report))
    if report.remarks:
        console.print()
        console.print("Remarks")
        for remark in report.remarks:
            _say(console, remark, "- ")
    # A long table has pushed the conclusion out of sight by now.
    console.print()
    console.print(_verdict(report) + (", see above" if report.first_divergence else ""))


def _verdict(report: Report) -> str:
    colour = _COLOURS[report.verdict]
    count = len({v.observation.case.name for v in report.cases})
    cases = f" ({count} cases)" if count else ""
    return f"Verdict: [{colour}]{report.verdict}[/{colour}]{cases}"


def _print_conclusion(report: Report, console: Console) -> None:
    """Print verdict, first divergence and diagnosis."""
    console.print(_verdict(report))
    if report.not_judged is not None:
        _print_not_judged(report.not_judged, console)
        return
    if report.verdict in ("identical", "rounding"):
        _say(
            console,
            "Equal to Keras: every difference is as small as rounding makes it.",
        )
    if report.first_divergence is not None:
        console.print("First divergence")
        for line in _describe(report.first_divergence, report.form):
            _say(console, line)
    if report.diagnosis is not None:
        console.print("Diagnosis")
        _say(console, f"{report.diagnosis.sentence} [{report.diagnosis.code}]")
    elif report.verdict == "divergent":
        console.print("Diagnosis")
        _say(console, "no known mistake explains it")


def _print_not_judged(reason: NotJudged, console: Console) -> None:
    """Print why there is no verdict, what to do about it, and what the file contains."""
    _say(console, reason.reason)
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


@dataclass(frozen=True)
class _Row:
    """One tensor over all cases, in the order of computation."""

    step: int
    layer: str
    tensor: str


def _table(report: Report) -> RenderableType:
    rows = _rows(report)
    later = any(row.step for row in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    if later:
        table.add_column("step", justify="right")
    for column in ("layer", "tensor"):
        table.add_column(column, no_wrap=True)
    for column in ("float32", "float64", "longdouble", "bound"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    previous = None
    for row, verdicts in rows.items():
        in_float64 = [(v, t) for v, t in verdicts if v.observation.dtype == "float64"]
        cells = [
            row.layer if (row.step, row.layer) != previous else "",
            row.tensor,
            _largest([t for v, t in verdicts if v.observation.dtype == "float32"]),
            _largest([t for _, t in in_float64]),
            _in_longdouble(report, in_float64),
            _bound([t for _, t in in_float64]),
            _word(report, verdicts),
        ]
        table.add_row(*([str(row.step)] if later else []), *cells)
        previous = row.step, row.layer
    caption = [
        "largest error, relative to the tensor, against the same step in longdouble",
        "(identical: Keras makes the same error, to the last bit)",
    ]
    if not any("identical" in _word(report, verdicts) for verdicts in rows.values()):
        caption.pop()
    lines = [Text(line, style="italic") for line in caption]
    return Padding(Group(table, *lines), (0, 0, 0, 2))


def _rows(report: Report) -> dict[_Row, list[tuple[CaseVerdict, TensorVerdict]]]:
    """Collect each tensor over all cases; the second call counts with the first.

    The second step is shown only where the first divergence is in it.
    """
    rows: dict[_Row, list[tuple[CaseVerdict, TensorVerdict]]] = {}
    last = report.first_divergence.step if report.first_divergence is not None else 0
    for verdict in report.cases:
        for tensor in verdict.tensors:
            if tensor.step <= last:
                row = _Row(tensor.step, tensor.layer, tensor.tensor)
                rows.setdefault(row, []).append((verdict, tensor))
    architectures = [verdict.observation.case.architecture for verdict in report.cases]
    deepest = max(architectures, key=lambda architecture: len(architecture.layers))
    order = [key.partition("|")[2] for key in keys_in_order(deepest)]

    def place(row: _Row) -> tuple[int, int]:
        name = f"{row.layer}/{row.tensor}" if row.layer else row.tensor
        return row.step, order.index(name) if name in order else len(order)

    return {row: rows[row] for row in sorted(rows, key=place)}


def _word(report: Report, verdicts: list[tuple[CaseVerdict, TensorVerdict]]) -> str:
    """Return the worst verdict, or `follows` where it comes of the first divergence."""
    first = report.first_divergence
    divergent = [(v, t) for v, t in verdicts if t.verdict == "divergent"]
    # The case of the first divergence knows best; the others may be too short to show it.
    case = [(v, t) for v, t in divergent if first and v.observation.case.name == first.case]
    if divergent and all(follows(t, v.divergent[0], v) for v, t in case or divergent):
        return "[red]follows[/red]"
    word = worst([tensor.verdict for _, tensor in verdicts])
    return f"[{_COLOURS[word]}]{word}[/{_COLOURS[word]}]"


def _relative(distance: float, scale: float) -> float:
    if not scale:
        return 0.0 if not distance else float("inf")
    return distance / scale


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.1e}"


def _largest(tensors: list[TensorVerdict]) -> str:
    if any(t.index is None for t in tensors):
        return "shape"
    if any(t.max_abs and not t.scale for t in tensors):
        # Relative to nothing there is no number.
        return "not 0"
    return _number(max((_relative(t.max_abs, t.scale) for t in tensors), default=None))


def _bound(tensors: list[TensorVerdict]) -> str:
    return _number(max((_relative(t.bound, t.scale) for t in tensors if t.scale), default=None))


def _in_longdouble(report: Report, verdicts: list[tuple[CaseVerdict, TensorVerdict]]) -> str:
    """Return the largest difference in longdouble, where the code keeps that."""
    largest: float | None = None
    for verdict, tensor in verdicts:
        observation = report.longdouble.get(verdict.observation.case.name)
        if observation is None or not tensor.key.startswith("0|") or not tensor.scale:
            continue
        if observation.dtypes.get(tensor.key) in (None, "float32", "float64"):
            continue
        ours = observation.tensors[tensor.key][0]
        right = reference(observation.case, "float64").right[tensor.name][0]
        if ours.shape == right.shape:
            distance = float(abs(ours - right).max(initial=0))
            largest = max(largest or 0.0, distance / tensor.scale)
    return _number(largest)


def _describe(first: Divergence, form: str) -> list[str]:
    """Say where the first divergence is, and how large."""
    index = "" if first.index in (None, ()) else str(list(first.index or ()))
    name = f"{first.layer}/{first.tensor}{index}" if first.layer != "loss" else "the loss"
    yours = _in_the_users_words(first) if form == "article" else ""
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


def _in_the_users_words(first: Divergence) -> str:
    """Return the article's own name of a tensor, in the article's layout."""
    letter = _ARTICLE_NAMES.get(first.tensor)
    number = first.layer.rpartition("_")[2]
    if letter is None or not number.isdigit():
        return ""
    if not first.index:
        return f" (your {letter}{number})"
    index = first.index[::-1] if len(first.index) > 1 else (first.index[0], 0)
    return f" (your {letter}{number}{list(index)})"
