"""The tables of a bench: on the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from experiments.bench.crossover import MapPoint
from experiments.bench.peers import OURS, PEERS
from experiments.bench.protocol import Cell, ProcessTiming
from experiments.bench.scaling import Growth, ScalingPoint
from experiments.runtime.files import whole_file
from experiments.trials.ratios import instabilities

Row = dict[str, Any]


@contextmanager
def study_progress(time_limit: float) -> Iterator[Callable[[str], None]]:
    """Show how much of the time is used and what is running; give what is to be told of it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    started = monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=time_limit)

        def on_point(what: str) -> None:
            done = min(monotonic() - started, time_limit)
            bar.update(task, completed=done, description=what)

        yield on_point


@contextmanager
def progress(time_limit: float) -> Iterator[Callable[[Cell, str], None]]:
    """Show what runs in which cell, as `study_progress` does."""
    with study_progress(time_limit) as on_point:

        def on_process(cell: Cell, peer: str) -> None:
            on_point(f"{_place(vars(cell) | {'workload': cell.workload.name})}: {peer}")

        yield on_process


def comparison_table(cells: Sequence[Cell]) -> list[Row]:
    """Return one row for each cell and peer that can be compared.

    Columns: workload, threads, peer, pairs, scratchnet_seconds, peer_seconds (medians per epoch),
    ratio (scratchnet over peer), ratio_low, ratio_high (95 %; None where unbounded), speedup
    (its inverse), verdict.
    """
    rows = []
    for cell in cells:
        for peer in cell.peers:
            found = cell.comparison(peer)
            if found is None:
                continue
            ours, theirs = cell.pairs(peer)
            rows.append(
                {
                    "workload": cell.workload.name,
                    "threads": cell.threads,
                    "peer": peer,
                    "pairs": found.pairs,
                    "scratchnet_seconds": float(np.median(ours)),
                    "peer_seconds": float(np.median(theirs)),
                    "ratio": found.ratio,
                    "ratio_low": _finite(found.low),
                    "ratio_high": _finite(found.high),
                    "speedup": 1 / found.ratio,
                    "verdict": found.verdict,
                }
            )
    return rows


def implementation_table(cells: Sequence[Cell]) -> list[Row]:
    """Return one row for each cell and implementation: seconds, start-up and warnings.

    ``busy`` is processor time over wall-clock time; what is missing to 1 on one thread was spent
    waiting, or went to other programs.
    """
    rows = []
    for cell in cells:
        for name in (OURS, *cell.peers):
            timings = list(cell.timings.get(name, {}).values())
            if not timings:
                continue
            medians = [timing.median for timing in timings]
            busy = float(np.median([np.divide(t.cpu_seconds, t.seconds) for t in timings]))
            raw = [s * timing.epochs_per_segment for timing in timings for s in timing.seconds]
            warnings = instabilities(medians, raw)
            if cell.threads == 1 and busy < 0.9:
                warnings.append(f"for {1 - busy:.0%} of the time it waited, or other programs ran")
            rows.append(
                {
                    "workload": cell.workload.name,
                    "threads": cell.threads,
                    "implementation": name,
                    "processes": len(timings),
                    "seconds": float(np.median(medians)),
                    "fastest": min(medians),
                    "slowest": max(medians),
                    "busy": busy,
                    **{
                        startup: float(np.median([getattr(timing, startup) for timing in timings]))
                        for startup in ("import_seconds", "build_seconds", "first_epoch_seconds")
                    },
                    "warnings": "; ".join(warnings),
                }
            )
    return rows


def show(results: Mapping[str, Any]) -> None:
    """Print a table for each number of threads, then what went wrong and what is unstable."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    for threads in sorted({row["threads"] for row in results["implementations"]}):
        console.print(_terminal_table(results, threads))
    for failure in results["failures"]:
        console.print(
            f"{_place(failure)}: {failure['peer']} {failure['kind']}: {failure['message']}"
        )
    unstable = [row for row in results["implementations"] if row["warnings"]]
    if unstable:
        console.print(f"{len(unstable)} of {len(results['implementations'])} timings are unstable:")
    for row in unstable:
        console.print(f"  {_place(row)}, {row['implementation']}: {row['warnings']}")
    for change in results["against"]:
        console.print(_sentence(change))


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Write ``bench.json``, ``comparisons.csv``, ``implementations.csv`` and ``timings.csv``.

    ``timings.csv`` has a row for each segment of each process.
    """
    segments = [
        {**timing, "segment": number, "seconds": seconds, "cpu_seconds": cpu_seconds}
        for timing in results["timings"]
        for number, (seconds, cpu_seconds) in enumerate(
            zip(timing["seconds"], timing["cpu_seconds"], strict=True)
        )
    ]
    tables = {
        "comparisons.csv": (results["comparisons"], _COMPARISON_COLUMNS),
        "implementations.csv": (results["implementations"], _IMPLEMENTATION_COLUMNS),
        "timings.csv": (segments, [*(field.name for field in fields(ProcessTiming)), "segment"]),
    }
    for name, (rows, columns) in tables.items():
        write_csv(rows, columns, folder / name)
    with whole_file(folder / "bench.json") as path:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def write_map(points: Sequence[MapPoint], folder: Path) -> None:
    """Write ``crossover.csv`` and ``crossover.png``."""
    from experiments.bench.plots import draw_map

    points = sorted(points, key=lambda point: (point.width, point.batch_size))
    rows = [asdict(point) | {"speedup": point.speedup} for point in points]
    write_csv(
        rows, [field.name for field in fields(MapPoint)] + ["speedup"], folder / "crossover.csv"
    )
    draw_map(points, folder / "crossover.png")


def write_scaling(points: Sequence[ScalingPoint], growth: Sequence[Growth], folder: Path) -> None:
    """Write ``scaling.csv``, ``growth.csv`` and ``scaling.png``."""
    from experiments.bench.plots import draw_scaling

    for name, kind, rows in (
        ("scaling.csv", ScalingPoint, points),
        ("growth.csv", Growth, growth),
    ):
        columns = [field.name for field in fields(kind)]
        write_csv([asdict(row) for row in rows], columns, folder / name)
    draw_scaling(points, growth, folder / "scaling.png")


def show_studies(results: Mapping[str, Any]) -> None:
    """Print the measured points of the map, and the exponents of cost against work."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if points := results.get("crossover"):
        widths = sorted({point["width"] for point in points})
        table = Table("batch size", *map(str, widths), title="times faster than the best Keras")
        for batch_size in sorted({point["batch_size"] for point in points}):
            row = {p["width"]: p["speedup"] for p in points if p["batch_size"] == batch_size}
            cells = [f"{row[width]:.3g}" if width in row else "" for width in widths]
            table.add_row(str(batch_size), *cells)
        console.print(table)
    if growth := results.get("growth"):
        table = Table("over", "cost", "exponent", "95 % interval", title="cost against work")
        for row in growth:
            interval = f"{row['low']:.2f} to {row['high']:.2f}"
            table.add_row(row["axis"], row["cost"], f"{row['exponent']:.2f}", interval)
        console.print(table)


def write_csv(rows: Sequence[Row], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV, at once or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with whole_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


_COMPARISON_COLUMNS = [
    "workload",
    "threads",
    "peer",
    "pairs",
    "scratchnet_seconds",
    "peer_seconds",
    "ratio",
    "ratio_low",
    "ratio_high",
    "speedup",
    "verdict",
]
_IMPLEMENTATION_COLUMNS = [
    "workload",
    "threads",
    "implementation",
    "processes",
    "seconds",
    "fastest",
    "slowest",
    "busy",
    "import_seconds",
    "build_seconds",
    "first_epoch_seconds",
    "warnings",
]


def _terminal_table(results: Mapping[str, Any], threads: int) -> Any:
    from rich.table import Table

    plural = "" if threads == 1 else "s"
    table = Table(
        "workload",
        "implementation",
        title=f"{threads} thread{plural}",
        title_justify="left",
        caption="ratio: scratchnet's time over the peer's, median of the pairs [95 % interval]; "
        "start-up: import, build, first epoch",
        caption_justify="left",
    )
    for column in ("ms per epoch", "ratio", "scratchnet is"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("pairs", justify="right")
    table.add_column("start-up, s", justify="right", no_wrap=True)
    compared = {
        (row["workload"], row["peer"]): row
        for row in results["comparisons"]
        if row["threads"] == threads
    }
    previous = ""
    for row in results["implementations"]:
        if row["threads"] != threads:
            continue
        if previous and row["workload"] != previous:
            table.add_section()
        startup = " + ".join(
            f"{row[f'{part}_seconds']:.2f}" for part in ("import", "build", "first_epoch")
        )
        cells = [f"{1e3 * row['seconds']:.4g}", "", "", "", "", startup]
        if pair := compared.get((row["workload"], row["implementation"])):
            low, high = (pair[key] for key in ("ratio_low", "ratio_high"))
            ends = "?" if low is None or high is None else f"{low:.3g}, {high:.3g}"
            cells[1:5] = [
                f"{pair['ratio']:.3g} [{ends}]".replace("[", "\\["),
                _times(pair) if PEERS[row["implementation"]].checked else "",
                pair["verdict"],
                str(pair["pairs"]),
            ]
        first = row["workload"] if row["workload"] != previous else ""
        previous = row["workload"]
        table.add_row(first, row["implementation"], *cells)
    return table


def _times(pair: Row) -> str:
    if pair["ratio"] <= 1:
        return f"{pair['speedup']:.3g} x faster"
    return f"{pair['ratio']:.3g} x slower"


def _place(row: Mapping[str, Any]) -> str:
    plural = "" if row["threads"] == 1 else "s"
    return f"{row['workload']}, {row['threads']} thread{plural}"


def _sentence(change: Mapping[str, Any]) -> str:
    parts = [
        f"{found['ratio']:.3g} times {what}, 95 % from {found['low']:.3g} to {found['high']:.3g}"
        for what, found in (
            ("the seconds", change["seconds"]),
            ("the seconds relative to its peers", change["beside_peers"]),
        )
        if found is not None
    ]
    return f"{_place(change)}: scratchnet is {change['verdict']} against before: " + "; ".join(
        parts
    )


def _finite(value: float) -> float | None:
    """Return None for what JSON has no number for."""
    return value if math.isfinite(value) and value > 0 else None
