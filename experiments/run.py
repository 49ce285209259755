"""python -m experiments.run: every trial of a plan, and a report on what they showed.

Heavy imports stand inside functions, so that help and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.runtime.arguments import named_path, positive_integer, seconds, size
from experiments.runtime.ending import interrupted_by_signals
from experiments.runtime.exit_status import (
    ALL_WELL,
    BAD_INPUT,
    CRASHED,
    DIVERGENT,
    INTERRUPTED,
    unless_interrupted,
)
from experiments.runtime.extensions import ExtensionError, load_extensions
from experiments.runtime.files import whole_file
from experiments.runtime.memory import MEASURABLE
from experiments.runtime.places import PLANS, RESULTS, plan_path
from experiments.runtime.program import program

if TYPE_CHECKING:
    from rich.table import Table

    from experiments.plan.plan import Plan, Trial
    from experiments.trials.execution import Executor
    from experiments.trials.store import Failure, Store
    from experiments.trials.tables import Tables
    from experiments.trials.trial import TrialResult

_SOON_WRITTEN = 50
"""Tables of so many trials are written within a second, also where somebody waits for the end."""

DEFAULT_PLAN = PLANS / "article.toml"
_MANY_ROWS = 500
"""From here on a table is printed plainly: rich would take seconds to set it."""

EXTRAS = ("keras", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = command_parser()
    options = parser.parse_args(arguments)
    limited = options.trial_timeout is not None or options.trial_memory is not None
    if options.in_process and (limited or options.jobs > 1):
        parser.error("--in-process runs one trial at a time and cannot stop it at a limit")
    if options.junit is not None and not options.junit.parent.is_dir():
        parser.error(f"--junit: {options.junit.parent}: no such folder")
    if options.trial_memory is not None and not MEASURABLE:
        parser.error(
            "--trial-memory: this system does not say how much memory a process uses; Linux does"
        )
    return unless_interrupted(lambda: _run(options), EXTRAS)


def _run(options: argparse.Namespace) -> int:
    from experiments.plan.plan import PlanError, load_plan
    from experiments.trials.cluster import ClusterError, check_address
    from experiments.trials.hold import HeldError, held
    from experiments.trials.own_files import FolderError
    from experiments.trials.store import Store

    try:
        load_extensions()
        if options.scheduler is not None:
            check_address(options.scheduler, plain_tcp=options.plain_tcp)
        plan = load_plan(options.plan, options.set)
        if options.list:
            _print_plan(plan)
            return ALL_WELL
        store = Store.open(options.out or RESULTS / plan.name)
    except (ExtensionError, PlanError, FolderError, ClusterError) as error:
        for line in str(error).splitlines():
            print(f"experiments.run: {line}", file=sys.stderr)
        return BAD_INPUT

    try:
        with (
            interrupted_by_signals(),
            held(store.own_files, wait=options.wait, say=_say),
        ):
            return _work(plan, store, options)
    except KeyboardInterrupt:
        _say(f"interrupted: {_kept(store)}")
        return INTERRUPTED
    except HeldError as error:
        _say(f"experiments.run: {error}")
        return BAD_INPUT
    except (FolderError, ClusterError) as error:
        reason = str(error)
    except OSError as error:
        if error.filename is None:
            # Not of a file: of the output, see `unless_interrupted`.
            raise
        reason = f"{error.filename}: cannot be written ({error.strerror})"
    _say(f"experiments.run: {reason}; {_kept(store)}")
    return BAD_INPUT


def _kept(store: Store) -> str:
    return (
        f"the trials that finished are kept in {store.folder}, and the same command goes on from "
        "there"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _work(plan: Plan, store: Store, options: argparse.Namespace) -> int:
    """Run what is not finished yet, and write down what all trials showed."""
    from experiments.runtime.machine import describe_environment

    importlib.import_module("experiments.trials.tables")  # An interrupt leaves no time for it.

    _say_what_is_replaced(plan, store)
    store.write_text("environment.json", json.dumps(describe_environment(), indent=2) + "\n")
    interrupted = _run_trials(plan, store, options)
    results, failures = _gather(plan, store)
    if interrupted and len(results) > _SOON_WRITTEN:
        raise KeyboardInterrupt
    tables = _write_tables(plan, store, results, {n: f.status for n, f in failures.items()})
    if interrupted:
        _say(
            f"interrupted: {len(results)} of {len(plan.trials)} trials are kept in {store.folder}; "
            "the same command goes on from there"
        )
        return INTERRUPTED

    report = _write_report(store)
    status = _status(tables, failures)
    _tell_machines(plan.name, tables, failures, status, options)
    if not options.json:
        _print_table(tables)
    for _, row in tables.trials.iterrows():
        if row["status"] == "not finite":
            epoch = row["not_finite_epoch"]
            _say(f"{row['trial']} not finite: the loss is NaN or infinite from epoch {epoch}")
    for name, failure in failures.items():
        _say(f"{name} {failure.status}: {failure.reason}")
    if not options.json:
        print(report)
    lost = _lost(tables)
    if lost:
        _say(
            f"{', '.join(lost)}: ran, but its stored result is missing or damaged: another program "
            f"changed {store.trials}; the same command runs it again"
        )
    return status


def _status(tables: Tables, failures: Mapping[str, Failure]) -> int:
    if failures or _lost(tables):
        return CRASHED
    return DIVERGENT if "divergent" in set(tables.trials["verdict"]) else ALL_WELL


def _tell_machines(
    run: str,
    tables: Tables,
    failures: Mapping[str, Failure],
    status: int,
    options: argparse.Namespace,
) -> None:
    """Write what was asked for besides: JSON, JUnit's XML, GitHub's summary."""
    from experiments.report.ci import as_json, as_junit, as_markdown

    if options.junit is not None:
        with whole_file(options.junit) as temporary:
            temporary.write_text(as_junit(run, tables, failures), encoding="utf-8")
    if options.github:
        summary = as_markdown(run, tables, failures)
        if path := os.environ.get("GITHUB_STEP_SUMMARY"):
            with open(path, "a", encoding="utf-8") as file:
                file.write(summary)
        else:
            print(summary)
    if options.json:
        print(as_json(run, tables, failures, status))


def _executor(options: argparse.Namespace) -> Executor:
    from experiments.runtime.processes import Limits
    from experiments.trials.cluster import OnDask
    from experiments.trials.execution import InThisProcess, InWorkers

    limits = Limits(options.trial_timeout, options.trial_memory)
    if options.scheduler is not None:
        return OnDask(options.scheduler, options.jobs, limits)
    return InThisProcess() if options.in_process else InWorkers(options.jobs, limits)


def _lost(tables: Tables) -> list[str]:
    """Return the trials that ran, and yet have neither a result nor a reason."""
    trials = tables.trials
    return list(trials[trials["status"].isin(["not run", "unreadable"])]["trial"])


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("run"),
        description="Train every network of a plan in NumPy and in Keras from the same weights on "
        "the same batches, judge whether they agree, time both, and write tables, plots and a "
        "report. Trials that an earlier, interrupted run finished are not run again.",
        epilog="Exit status: 0 all is well; 1 a verdict is 'divergent'; 2 bad input; 3 a trial "
        "crashed; 130 interrupted.",
    )
    parser.add_argument(
        "plan",
        nargs="?",
        type=plan_path,
        default=DEFAULT_PLAN,
        metavar="PLAN.toml",
        help="what to run, a file or one of the project's own plans, as quick (default: article)",
    )
    parser.add_argument(
        "--out",
        type=named_path,
        metavar="DIR",
        help="where results go (default: results/<plan's name>)",
    )
    parser.add_argument(
        "--jobs",
        type=positive_integer,
        default=1,
        metavar="N",
        help="trials at a time, in processes of their own (default: 1); what is timed runs alone",
    )
    parser.add_argument(
        "--in-process",
        action="store_true",
        help="run the trials in the command's own process, one at a time, as a debugger needs it; "
        "a trial that ends its process also ends the run",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key in every trial, as --set epochs=50 --set optimizer.learning_rate=0.1",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="run every trial, also those already finished"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run the trials on a Dask cluster: the address of its scheduler, as tls://host:8786; "
        "'local' starts one on this machine with as many workers as --jobs says",
    )
    parser.add_argument(
        "--plain-tcp",
        action="store_true",
        help="accept a scheduler on another machine over tcp:// without encryption",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the outcome as JSON and nothing else on standard output",
    )
    parser.add_argument(
        "--junit",
        type=named_path,
        metavar="FILE.xml",
        help="write the outcome as JUnit's XML, a test case per trial",
    )
    parser.add_argument(
        "--github",
        action="store_true",
        help="add a summary in Markdown to the file that GITHUB_STEP_SUMMARY names, or print it",
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="also run the trials again that crashed or exceeded a limit",
    )
    parser.add_argument(
        "--trial-timeout",
        type=seconds,
        metavar="TIME",
        help="end a trial that takes longer, as 90s, 15m or 2h; the others go on",
    )
    parser.add_argument(
        "--trial-memory",
        type=size,
        metavar="SIZE",
        help="end a trial that needs more memory, Keras included, as 2G; the others go on",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="wait if another process works in the same folder, instead of stopping",
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="list the trials, about how long they take, and every name that --set takes, and stop",
    )
    return parser


def _say_what_is_replaced(plan: Plan, store: Store) -> None:
    """Say that the folder holds another plan's run, as with other settings by --set."""
    path = store.folder / "plan.toml"
    if path.is_file() and path.read_bytes() != plan.to_toml().encode():
        print(
            f"{store.folder}: holds a run of another plan or other settings, whose tables and "
            "report are replaced; --out keeps both",
            file=sys.stderr,
        )


def _run_trials(plan: Plan, store: Store, options: argparse.Namespace) -> bool:
    """Run what is not finished yet, with a progress bar; return whether it was interrupted."""
    from experiments.runtime.progress import progress
    from experiments.trials.execution import execute

    store.write_text("plan.toml", plan.to_toml())
    distinct = {trial.key: trial for trial in plan.trials}
    pending = list(distinct.values())
    if not options.fresh:
        found = {trial.key: store.look(trial) for trial in pending}
        done = ("finished",) if options.retry_failed else ("finished", "failed")
        pending = [trial for trial in pending if found[trial.key].state not in done]
        _put_aside([(t, found[t.key].reason) for t in pending], store)
        left = sum(one.state == "failed" for one in found.values())
        if left and not options.retry_failed:
            _say(f"failed before, and run again only with --retry-failed: {left} trials")
    store.prepare(*pending)
    finished = len(distinct) - len(pending)
    with progress(len(distinct), finished) as shown:

        def on_progress(trial: Trial, doing: str, done: float) -> None:
            shown.update(finished + done, f"{trial.name}: {doing}")

        def on_done(trial: Trial, well: bool) -> None:
            nonlocal finished
            finished += 1
            word = "finished" if well else "failed"
            shown.update(finished, f"{trial.name}: {word}")

        try:
            execute(pending, store, _executor(options), on_done=on_done, on_progress=on_progress)
        except KeyboardInterrupt:
            return True
    return False


def _put_aside(trials: Iterable[tuple[Trial, str]], store: Store) -> None:
    """Move what is damaged to where it is kept, and say so; the others have no reason."""
    for trial, reason in trials:
        if reason:
            print(
                f"{trial.name}: its stored result is damaged ({reason}); it is kept in "
                f"{store.put_aside(trial)}, and the trial runs again",
                file=sys.stderr,
            )


def _gather(plan: Plan, store: Store) -> tuple[Mapping[str, TrialResult], dict[str, Failure]]:
    """Return what finished, and why the others did not, by trial name."""
    from experiments.trials.run_folder import StoredResults

    finished, failures = {}, {}
    for trial in plan.trials:
        if (store.path(trial) / "result.json").exists():
            # It is looked at closely when it is read.
            finished[trial.name] = trial
        elif failure := store.failure(trial):
            failures[trial.name] = failure
    return StoredResults(store.folder, finished), failures


def _write_tables(
    plan: Plan, store: Store, results: Mapping[str, TrialResult], statuses: Mapping[str, str]
) -> Tables:
    from experiments.trials.tables import build_tables

    tables = build_tables(plan.trials, results, statuses)
    for name, table in vars(tables).items():
        store.write_text(f"{name}.csv", table.to_csv(index=False))
    return tables


def _write_report(store: Store) -> Path:
    from experiments.report.run_result import RunResult

    return RunResult.load(store.folder).write_report()


def _print_plan(plan: Plan) -> None:
    """Print the trials, about how long they take, and the names that --set takes."""
    from experiments.plan import listing

    for columns, rows in [
        (listing.TRIAL_COLUMNS, listing.trial_rows(plan)),
        (listing.SET_COLUMNS, listing.set_rows(plan)),
    ]:
        _print_rows(columns, list(rows))
    print(listing.summary(plan))


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if len(rows) > _MANY_ROWS:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            print("  ".join(map(str.ljust, row, widths)).rstrip())
        return
    table = _table(*columns)
    for row in rows:
        table.add_row(*row)
    _print(table)


def _print_table(tables: Tables) -> None:
    """Print the results in short; of two figures scratchnet's is first, Keras's second."""
    from experiments.trials.store import FINISHED
    from experiments.trials.turns import IMPLEMENTATIONS

    table = _table("trial", "verdict", "test accuracy", "ms per epoch", "faster")
    for _, row in tables.trials.iterrows():
        if row["status"] not in FINISHED:
            table.add_row(row["trial"], row["status"])
            continue
        ours, twin = (row[f"{side}_median_epoch_seconds"] * 1e3 for side in IMPLEMENTATIONS)
        has_loss = all(math.isfinite(row[f"{side}_final_loss"]) for side in IMPLEMENTATIONS)
        table.add_row(
            row["trial"],
            row["verdict"] if has_loss else f"{row['verdict']}, loss is nan",
            f"{row['scratchnet_test_accuracy']:.3f} / {row['keras_test_accuracy']:.3f}",
            f"{ours:.3g} / {twin:.3g}",
            f"{row['speedup']:,.0f} x" if row["speedup"] >= 10 else f"{row['speedup']:.2f} x",
        )
    _print(table)


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        # A name must stay whole, as it is what one looks for.
        table.add_column(column, no_wrap=column in ("trial", "--set"), overflow="fold")
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console()
    # Not a terminal: no line is too long.
    console.print(table) if console.is_terminal else Console(width=250).print(table)


if __name__ == "__main__":
    sys.exit(main())
