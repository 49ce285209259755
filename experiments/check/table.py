"""The report's table: the largest error of every tensor over all cases, by layer."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
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
from experiments.check.reference import reference
from experiments.check.report import Report

COLOURS = {
    "identical": "green",
    "rounding": "green",
    "not judged": "yellow",
    "follows": "red",
    "divergent": "bold red",
}


@dataclass(frozen=True)
class Row:
    """One tensor over all cases, in the order of computation."""

    step: int
    layer: str
    tensor: str


def table(report: Report) -> RenderableType:
    """Return the table."""
    rows = rows_of(report)
    later = any(row.step for row in rows)
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    if later:
        grid.add_column("step", justify="right")
    for column in ("layer", "tensor"):
        grid.add_column(column, no_wrap=True)
    for column in ("float32", "float64", "longdouble", "bound"):
        grid.add_column(column, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
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
            _coloured(word_of(report, verdicts)),
        ]
        grid.add_row(*([str(row.step)] if later else []), *cells)
        previous = row.step, row.layer
    caption = [
        "largest error, relative to the tensor, against the same step in longdouble",
        "(identical: Keras makes the same error, to the last bit)",
    ]
    if not any(word_of(report, verdicts) == "identical" for verdicts in rows.values()):
        caption.pop()
    lines = [Text(line, style="italic") for line in caption]
    return Padding(Group(grid, *lines), (0, 0, 0, 2))


def rows_of(report: Report) -> dict[Row, list[tuple[CaseVerdict, TensorVerdict]]]:
    """Collect each tensor over all cases; the second call counts with the first.

    The second step is shown only where the first divergence is in it.
    """
    rows: dict[Row, list[tuple[CaseVerdict, TensorVerdict]]] = {}
    last = report.first_divergence.step if report.first_divergence is not None else 0
    for verdict in report.cases:
        for tensor in verdict.tensors:
            if tensor.step <= last:
                row = Row(tensor.step, tensor.layer, tensor.tensor)
                rows.setdefault(row, []).append((verdict, tensor))
    architectures = [verdict.observation.case.architecture for verdict in report.cases]
    deepest = max(architectures, key=lambda architecture: len(architecture.layers))
    order = [key.partition("|")[2] for key in keys_in_order(deepest)]

    def place(row: Row) -> tuple[int, int]:
        name = f"{row.layer}/{row.tensor}" if row.layer else row.tensor
        return row.step, order.index(name) if name in order else len(order)

    return {row: rows[row] for row in sorted(rows, key=place)}


def word_of(report: Report, verdicts: list[tuple[CaseVerdict, TensorVerdict]]) -> str:
    """Return the worst verdict, or `follows` where it comes of the first divergence."""
    first = report.first_divergence
    divergent = [(v, t) for v, t in verdicts if t.verdict == "divergent"]
    # The case of the first divergence knows best; the others may be too short to show it.
    case = [(v, t) for v, t in divergent if first and v.observation.case.name == first.case]
    if divergent and all(follows(t, v.divergent[0], v) for v, t in case or divergent):
        return "follows"
    return worst([tensor.verdict for _, tensor in verdicts])


def _coloured(word: str) -> str:
    return f"[{COLOURS[word]}]{word}[/{COLOURS[word]}]"


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
