"""``python -m experiments.compare RUN_A RUN_B``: what changed between two runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.runtime.exit_status import ALL_WELL, BAD_INPUT, REGRESSED, unless_interrupted
from experiments.runtime.program import program

if TYPE_CHECKING:
    from experiments.compare.changes import RunComparison

EXTRAS = ("report",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = command_parser().parse_args(arguments)
    return unless_interrupted(lambda: _compare(options), EXTRAS)


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("compare"),
        description="Say what changed from RUN_A to RUN_B, trial by trial: whether scratchnet "
        "still equals Keras, its test accuracy, and its time per epoch; and write a page.",
        epilog="Exit status: 0 nothing is worse; 1 a regression: a trial diverges or crashes that "
        "did not before, its accuracy fell, or it is slower beyond the noise; 2 bad input, or "
        "nothing could be compared; 130 interrupted.",
    )
    parser.add_argument("before", type=Path, metavar="RUN_A", help="a run's folder")
    parser.add_argument("after", type=Path, metavar="RUN_B", help="a later run's folder")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html",
        help="where the page goes (default: compare-<RUN_A's name>.html in RUN_B)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the changes as JSON and nothing else on standard output",
    )
    return parser


def _compare(options: argparse.Namespace) -> int:
    from experiments.compare.changes import compare_two_runs, name_of
    from experiments.compare.page import render_comparison
    from experiments.report.run_result import RunResult
    from experiments.runtime.files import whole_file
    from experiments.trials.own_files import FolderError, OwnFiles
    from experiments.trials.run_folder import RunError

    name = f"compare-{name_of(options.before)}.html"
    page = options.out or options.after / name
    try:
        comparison = compare_two_runs(RunResult.load(options.before), RunResult.load(options.after))
    except (RunError, FolderError) as error:
        print(f"experiments.compare: {error}", file=sys.stderr)
        return BAD_INPUT
    text = render_comparison(comparison)
    try:
        if options.out is None:
            OwnFiles.open(options.after, name).write_text(name, text)
        else:
            with whole_file(page) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except FolderError as error:
        print(f"experiments.compare: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        print(
            f"experiments.compare: {page}: cannot be written ({error.strerror}); choose another "
            "with --out",
            file=sys.stderr,
        )
        return BAD_INPUT
    unknown = all(trial.is_unknown for trial in comparison.trials)
    status = BAD_INPUT if unknown else REGRESSED if comparison.regressions else ALL_WELL
    if options.json:
        print(_as_json(comparison, status))
    else:
        _show(comparison)
        print(page)
    if unknown:
        print("experiments.compare: nothing could be compared, see above", file=sys.stderr)
    return status


def _as_json(comparison: RunComparison, status: int) -> str:
    """Return what changed as JSON: by trial, the kind of change of each aspect, and in words."""
    trials = [
        {
            "trial": trial.name,
            "kind": trial.kind,
            **{
                aspect: {"kind": change.kind, "before": change.before, "after": change.after}
                for aspect, change in (
                    ("parity", trial.parity),
                    ("accuracy", trial.accuracy),
                    ("time", trial.time),
                )
            },
            "settings": trial.settings,
            "sentences": trial.sentences,
        }
        for trial in comparison.trials
    ]
    return json.dumps(
        {
            "before": str(comparison.before.folder),
            "after": str(comparison.after.folder),
            "exit_status": status,
            "trials": trials,
            "only_before": comparison.only_before,
            "only_after": comparison.only_after,
        },
        indent=1,
    )


def _show(comparison: RunComparison) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        # No line is too long.
        console = Console(highlight=False, width=250)
    table = Table(box=SIMPLE_HEAD)
    for column in ("trial", "", "verdict", "test accuracy", "time per epoch"):
        table.add_column(column, no_wrap=column == "trial", overflow="fold")
    for trial in comparison.trials:
        changes = (trial.parity, trial.accuracy, trial.time)
        cells = [
            c.before if c.before == c.after else f"{c.before}, then {c.after}" for c in changes
        ]
        table.add_row(trial.name, trial.kind, *cells)
    console.print(table)
    for trial in comparison.trials:
        for sentence in trial.sentences:
            console.print(f"{trial.name}: {sentence}", markup=False)
    for names, run in (
        (comparison.only_before, comparison.before),
        (comparison.only_after, comparison.after),
    ):
        if names:
            console.print(f"only in {run.folder}: {', '.join(names)}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
