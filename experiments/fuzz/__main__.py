"""python -m experiments.fuzz: random networks on unreasonable data, through the parity check.

Heavy imports stand inside functions, so that help and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from experiments.runtime.arguments import positive_integer
from experiments.runtime.exit_status import (
    ALL_WELL,
    BAD_INPUT,
    CRASHED,
    DIVERGENT,
    unless_interrupted,
)
from experiments.runtime.extensions import ExtensionError, load_extensions
from experiments.runtime.places import RESULTS
from experiments.runtime.program import program

if TYPE_CHECKING:
    from experiments.fuzz.results import CaseResult, Findings
    from experiments.fuzz.work import Task

MOST_SHRUNK = 10
CLIMBS = 8
_CASES_PER_TASK = 5
SILENCE = 15.0
"""Seconds after which a line says how far the work is, where no bar can be drawn."""

RunTasks = Callable[[str, "Sequence[Task]"], "Iterator[CaseResult]"]
"""Called with a word for what is done and the tasks; yields their results as they come."""

EXTRAS = ("keras", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = command_parser().parse_args(arguments)
    return unless_interrupted(lambda: _fuzz(options), EXTRAS)


def _fuzz(options: argparse.Namespace) -> int:
    from experiments.plan.plan import PlanError, check_backend

    try:
        load_extensions()
        check_backend(options.backend)
        _check_folder(options.out)
    except (ExtensionError, PlanError, OSError) as error:
        print(f"experiments.fuzz: {error}", file=sys.stderr)
        return BAD_INPUT
    started = perf_counter()
    with _working(options) as run:
        findings = _examine(options, run)
        climbed = _climb(findings, options, run) if options.climb else []
        smallest = _shrink(findings, run)
    report = {
        "cases": options.count,
        "seed": options.seed,
        "backend": options.backend,
        "seconds": round(perf_counter() - started, 1),
        "verdicts": dict(findings.verdicts),
        "tensors": dict(findings.tensors),
        "largest_ratios": _largest_ratios(findings),
        "climbed": [_described(result) for result in climbed],
        "failures": len(findings.failures),
        "smallest_failures": [
            _described(failure) | {"plan": str(_save(failure, options.out))} for failure in smallest
        ],
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print_report(report)
    if any(failure.crash for failure in findings.failures):
        return CRASHED
    return DIVERGENT if findings.failures else ALL_WELL


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("fuzz"),
        description="Draw random networks, losses, optimizers, batch sizes, dtypes and inputs, and "
        "compare scratchnet with Keras on each, step by step. A case that fails is made as small "
        "as possible and saved as a plan, which python -m experiments.run repeats.",
        epilog="Exit status: 0 all is well; 1 a verdict is 'divergent'; 2 bad input; 3 a case "
        "crashed; 130 interrupted.",
    )
    parser.add_argument(
        "--count",
        type=positive_integer,
        default=1000,
        metavar="N",
        help="how many cases (default: 1000)",
    )
    parser.add_argument(
        "--seed", type=_number, default=0, metavar="S", help="which cases (default: 0)"
    )
    parser.add_argument(
        "--backend",
        default="tensorflow",
        metavar="NAME",
        help="what Keras runs on: tensorflow, jax or torch (default: tensorflow)",
    )
    parser.add_argument(
        "--climb",
        nargs="?",
        type=_number,
        const=300,
        default=0,
        metavar="STEPS",
        help=f"from the {CLIMBS} cases nearest to their bounds, climb towards the largest ratio "
        "of difference to bound, in so many steps each (300 if not given)",
    )
    parser.add_argument(
        "--jobs",
        type=positive_integer,
        default=_cores(),
        metavar="N",
        help="processes that judge cases (default: one for each core)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / "fuzz",
        metavar="DIR",
        help="where failing cases are saved as plans (default: results/fuzz)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number >= 0")
    return int(text)


def _cores() -> int:
    # Not on every system.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_folder(folder: Path) -> None:
    """Find out before the work, not after it, whether plans can be saved."""
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"{folder}: cannot write plans there ({error.strerror}); choose a folder with --out"
        ) from None


@contextmanager
def _working(options: argparse.Namespace) -> Iterator[RunTasks]:
    """Start the processes and the progress bar; give what runs tasks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from experiments.fuzz.work import workers

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    # A descriptor of its own: TensorFlow's chatter is kept from the usual one at times.
    with (
        os.fdopen(os.dup(2), "w") as terminal,
        Progress(*columns, console=Console(file=terminal), transient=True) as bars,
        workers(options.jobs, options.backend) as run,
    ):

        def run_tasks(doing: str, tasks: Sequence[Task]) -> Iterator[CaseResult]:
            bar = bars.add_task(doing, total=len(tasks))
            told = perf_counter()
            for done, results in enumerate(run(tasks), start=1):
                bars.advance(bar)
                if not terminal.isatty() and perf_counter() - told >= SILENCE:
                    told = perf_counter()
                    print(f"{done} of {len(tasks)} {doing}", file=terminal, flush=True)
                yield from results

        yield run_tasks


def _examine(options: argparse.Namespace, run: RunTasks) -> Findings:
    """Draw and judge the cases."""
    from experiments.fuzz.results import Findings
    from experiments.fuzz.work import examined

    findings = Findings()
    starts = range(0, options.count, _CASES_PER_TASK)
    tasks = [
        partial(
            examined,
            options.seed,
            first,
            min(first + _CASES_PER_TASK, options.count),
            options.backend,
        )
        for first in starts
    ]
    for result in run(f"groups of {_CASES_PER_TASK} cases", tasks):
        findings.add(result, CLIMBS)
    return findings


def _climb(findings: Findings, options: argparse.Namespace, run: RunTasks) -> list[CaseResult]:
    """Climb from the nearest cases; failures met on the way join the others."""
    from experiments.fuzz.work import climbed

    starts = list(findings.nearest)
    ends = list(
        run("climbs", [partial(climbed, case, options.climb, options.seed) for case in starts])
    )
    findings.failures += [end for end in ends if end.failed]
    return sorted(ends, key=lambda end: end.largest_ratio, reverse=True)


def _shrink(findings: Findings, run: RunTasks) -> list[CaseResult]:
    """Make the failures small, one of each kind."""
    from experiments.fuzz.work import shrunk

    kinds = findings.kinds_of_failure()[:MOST_SHRUNK]
    return list(run("failures to shrink", [partial(shrunk, failure) for failure in kinds]))


def _save(failure: CaseResult, folder: Path) -> Path:
    """Write a failing case as a plan."""
    from experiments.plan.plan import Plan

    trial = failure.trial
    plan = Plan(trial.name, _what_failed(failure), (trial,))
    path = folder / f"{trial.name}.toml"
    path.write_text(plan.to_toml(), encoding="utf-8")
    return path


def _what_failed(result: CaseResult) -> str:
    if result.crash:
        return result.crash.strip().splitlines()[-1]
    return str(result.divergence.get("sentence", ""))


def _described(result: CaseResult) -> dict[str, Any]:
    from experiments.plan.describe import describe_architecture, describe_optimizer

    trial = result.trial
    worst = max(result.ratios, key=lambda ratio: ratio.ratio, default=None)
    return {
        "case": trial.name,
        "verdict": result.verdict,
        "network": describe_architecture(trial.architecture),
        "loss": trial.architecture.loss.name,
        "optimizer": describe_optimizer(trial.optimizer),
        "dtype": trial.dtype,
        "data": str(trial.dataset),
        "ratio": result.largest_ratio,
        "tensor": f"{worst.mode} {worst.tensor}" if worst else "",
        "diagnosis": result.divergence.get("diagnosis", ""),
        "sentence": _what_failed(result),
    }


def _largest_ratios(findings: Findings) -> list[dict[str, Any]]:
    largest = sorted(findings.ratios.values(), key=lambda ratio: ratio.ratio, reverse=True)
    return [dict(vars(ratio)) for ratio in largest]


def _print_report(report: Mapping[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from experiments.fuzz.results import SEVERITY

    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(
        f"{report['cases']} cases of seed {report['seed']} against Keras on {report['backend']}, "
        f"{report['seconds']:.0f} s"
    )
    table = Table("verdict", box=SIMPLE_HEAD)
    for column in ("cases", "tensors"):
        table.add_column(column, justify="right")
    for verdict in (*SEVERITY, "crashed"):
        counts = [report[kind].get(verdict, 0) for kind in ("verdicts", "tensors")]
        table.add_row(verdict, *(f"{count:,}" for count in counts))
    console.print(table)

    table = Table("nearest to its bound", "mode", "difference / bound", "case", box=SIMPLE_HEAD)
    for row in report["largest_ratios"][:10]:
        table.add_row(row["tensor"], row["mode"], f"{row['ratio']:.3f}", row["case"])
    console.print(table)

    if report["climbed"]:
        table = Table("climbed from", "to", "tensor", "network", "dtype", box=SIMPLE_HEAD)
        for row in report["climbed"]:
            cells = [row[key] for key in ("tensor", "network", "dtype")]
            table.add_row(row["case"], f"{row['ratio']:.3f}", *cells)
        console.print(table)

    for row in report["smallest_failures"]:
        console.print(f"{row['case']} {row['verdict']}: {row['sentence']}", highlight=False)
        console.print(
            f"  {row['network']}, {row['loss']}, {row['optimizer']}, {row['dtype']}, {row['data']}",
            highlight=False,
        )
        console.print(f"  again: python -m experiments.run {row['plan']}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
