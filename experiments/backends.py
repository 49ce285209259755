"""python -m experiments.backends: two implementations of a plan's trials, step by step.

Keras on two of its backends, or scratchnet and Keras on any: each takes the same steps from the
same weights, and the parity engine says whether they agree. Other backends that are installed are
asked as arbiters where two part. Heavy imports stand inside functions, so that help and mistakes
are answered at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from experiments.runtime.exit_status import (
    ALL_WELL,
    BAD_INPUT,
    CRASHED,
    DIVERGENT,
    unless_interrupted,
)
from experiments.runtime.extensions import ExtensionError, load_extensions
from experiments.runtime.places import PLANS, plan_path
from experiments.runtime.program import program

if TYPE_CHECKING:
    from experiments.parity.pair import Pair, PairJudgement
    from experiments.parity.trace import Snapshot
    from experiments.plan.plan import Plan, Trial
    from experiments.runtime.processes import WorkerPool
    from scratchnet.network import StepTrace

DEFAULT_PLAN = PLANS / "quick.toml"

EXTRAS = ("keras", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = command_parser().parse_args(arguments)
    return unless_interrupted(lambda: _run(options), EXTRAS)


def _run(options: argparse.Namespace) -> int:
    from experiments.plan.plan import PlanError, load_plan

    try:
        pair = _pair(options.sides)
        load_extensions()
        plan = load_plan(options.plan, [*options.set, f"backend={pair.meaning}"])
    except (ExtensionError, PlanError) as error:
        for line in str(error).splitlines():
            print(f"experiments.backends: {line}", file=sys.stderr)
        return BAD_INPUT
    rows, crashed = _compare(plan, pair)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        _print_rows(rows, pair)
    for name, reason in crashed.items():
        print(f"{name} crashed: {reason}", file=sys.stderr)
    if crashed:
        return CRASHED
    return DIVERGENT if any(row["verdict"] == "divergent" for row in rows) else ALL_WELL


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("backends"),
        description="Compare two implementations on the trials of a plan, step by step from the "
        "same weights: Keras on two of its backends, or scratchnet and Keras on any. Other "
        "backends that are installed are arbiters where the two differ.",
        epilog="Exit status: 0 all is well; 1 a verdict is 'divergent'; 2 bad input; 3 a trial "
        "crashed; 130 interrupted.",
    )
    parser.add_argument(
        "plan",
        nargs="?",
        type=plan_path,
        default=DEFAULT_PLAN,
        metavar="PLAN.toml",
        help="what is trained, a file or one of the project's own plans (default: quick)",
    )
    parser.add_argument(
        "--sides",
        default="jax,tensorflow",
        metavar="ONE,OTHER",
        help="two of scratchnet, tensorflow, jax, torch (default: jax,tensorflow)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key in every trial, as --set dtype=float64",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    return parser


def _pair(sides: str) -> Pair:
    """Read two implementations that are installed.

    Raises
    ------
    PlanError
        If that is not what is written.
    """
    from experiments.parity.pair import IMPLEMENTATIONS, SCRATCHNET, Pair
    from experiments.plan.plan import PlanError, check_backend

    names = [name.strip() for name in sides.split(",")]
    if len(names) != 2 or len(set(names)) != 2 or not set(names) <= set(IMPLEMENTATIONS):
        raise PlanError(f"--sides {sides}: expected two of {', '.join(IMPLEMENTATIONS)}")
    for name in names:
        if name != SCRATCHNET:
            try:
                check_backend(name)
            except PlanError as error:
                raise PlanError(f"--sides {sides}: {error}") from None
    return Pair(*names)


def _compare(plan: Plan, pair: Pair) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Compare every trial; return a row for each, and why others crashed."""
    rows, crashed = [], {}
    with _progress(len(plan.trials)) as on_done, ExitStack() as stack:
        processes = Processes(stack)
        for trial in plan.trials:
            try:
                rows.append(_row(trial, pair, _judged(trial, pair, processes)))
            except Exception as error:
                # Whatever a backend does, the other trials are still compared.
                crashed[trial.name] = f"{type(error).__name__}: {error}".splitlines()[0]
            on_done()
    return rows, crashed


class Processes:
    """A process for each backend of Keras, started when it is first asked for.

    Parameters
    ----------
    stack
        Ends them.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._pools: dict[str, WorkerPool] = {}

    def traces(
        self, names: Sequence[str], trial: Trial, starts: Sequence[Snapshot]
    ) -> list[dict[str, StepTrace]]:
        """Let implementations take the same steps: for each step, the traces by name."""
        from experiments.parity.pair import SCRATCHNET, trace_scratchnet
        from experiments.runtime.processes import completed

        waiting = {
            self._pool(name).submit(keras_traces, name, trial, starts): name
            for name in names
            if name != SCRATCHNET
        }
        found = {waiting[future]: future.result() for future in completed(waiting)}
        if SCRATCHNET in names:
            parts = (trial.architecture, trial.dtype, trial.optimizer)
            found[SCRATCHNET] = [trace_scratchnet(*parts, start) for start in starts]
        return [{name: steps[i] for name, steps in found.items()} for i in range(len(starts))]

    def _pool(self, backend: str) -> WorkerPool:
        from experiments.runtime.keras_start import start_keras
        from experiments.runtime.processes import worker_processes

        if backend not in self._pools:
            pool = worker_processes(1, start_keras, backend)
            self._pools[backend] = self._stack.enter_context(pool)
        return self._pools[backend]


def _judged(trial: Trial, pair: Pair, processes: Processes) -> list[PairJudgement]:
    """Let both implementations take the same steps and compare; ask others where they differ."""
    from experiments.parity.pair import judge_pair
    from experiments.trials.snapshots import snapshots
    from experiments.trials.trial import snapshot_epochs

    starts = snapshots(trial, snapshot_epochs(trial.epochs))
    parts = (trial.architecture, trial.dtype, trial.optimizer)
    taken = processes.traces([pair.first, pair.second], trial, starts)
    judgements = [
        judge_pair(pair, *parts, start, traces) for start, traces in zip(starts, taken, strict=True)
    ]
    for i, judgement in enumerate(judgements):
        if judgement.step.first_divergence is not None:
            (others,) = processes.traces(_arbiters(pair), trial, [starts[i]])
            judgements[i] = judge_pair(pair, *parts, starts[i], {**taken[i], **others})
            break
    return judgements


def _arbiters(pair: Pair) -> list[str]:
    """Return the other implementations that are installed."""
    from experiments.parity.pair import IMPLEMENTATIONS, SCRATCHNET
    from experiments.plan.plan import PlanError, check_backend

    found = []
    for name in IMPLEMENTATIONS:
        if name in (pair.first, pair.second):
            continue
        try:
            if name != SCRATCHNET:
                check_backend(name)
        except PlanError:
            continue
        found.append(name)
    return found


def keras_traces(backend: str, trial: Trial, starts: Sequence[Snapshot]) -> list[StepTrace]:
    """Take steps with Keras, in a process that runs it on this backend."""
    from keras_baseline.tracing import KerasStep

    architecture = dataclasses.replace(trial.architecture, backend=backend)
    step = KerasStep(architecture, trial.dtype, trial.optimizer)
    return [
        step.trace(start.weights, start.x, start.y, start.slots or None, start.step)
        for start in starts
    ]


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=total)
        yield lambda: bars.advance(bar)


def _row(trial: Trial, pair: Pair, judgements: Sequence[PairJudgement]) -> dict[str, Any]:
    """Sum up the steps of a trial."""
    from experiments.fuzz.results import SEVERITY

    tensors = [row for judgement in judgements for row in judgement.step.rows]
    own = [row for judgement in judgements for side in judgement.own.values() for row in side.rows]
    counts = Counter(row.verdict for row in tensors + own)
    first = next((found for found in judgements if found.first_divergence is not None), None)
    worst = max(tensors, key=lambda row: row.bound_ratio)
    return {
        "trial": trial.name,
        "sides": [pair.first, pair.second],
        "dtype": trial.dtype,
        "verdict": max(counts, key=SEVERITY.index),
        "tensors": dict(counts),
        "largest_ratio": worst.bound_ratio,
        "largest_ratio_tensor": f"{worst.layer}/{worst.tensor}",
        "first_divergence": dataclasses.asdict(first.first_divergence)
        if first is not None and first.first_divergence is not None
        else None,
        "arbiters": first.arbiters if first is not None else {},
    }


def _print_rows(rows: Sequence[Mapping[str, Any]], pair: Pair) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("trial", "dtype", f"{pair.first} / {pair.second}", box=SIMPLE_HEAD)
    table.add_column("tensors", justify="right")
    table.add_column("difference / bound", justify="right")
    table.add_column("of")
    for row in rows:
        table.add_row(
            row["trial"],
            row["dtype"],
            row["verdict"],
            str(sum(row["tensors"].values())),
            f"{row['largest_ratio']:.3g}",
            row["largest_ratio_tensor"],
        )
    console.print(table)
    for row in rows:
        if row["first_divergence"] is None:
            continue
        console.print(f"{row['trial']}: {row['first_divergence']['sentence']}", highlight=False)
        for arbiter, side in row["arbiters"].items():
            console.print(f"  {arbiter} is on {side}'s side", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
