"""``python -m experiments.report RUN``: the page and the pictures of a run, finished or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.runtime.exit_status import ALL_WELL, BAD_INPUT, unless_interrupted
from experiments.runtime.places import RESULTS
from experiments.runtime.program import program

EXTRAS = ("report",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = command_parser().parse_args(arguments)
    return unless_interrupted(lambda: _report(options), EXTRAS)


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("report"),
        description="Write report.html and plots/ for a run of experiments.run. The run may have "
        "failed in part, been interrupted, or be running still: the page says what is missing, "
        "and why.",
        epilog="Exit status: 0 the page is written, whatever it says; 2 bad input; 130 "
        "interrupted.",
    )
    parser.add_argument(
        "run",
        type=Path,
        nargs="?",
        default=RESULTS / "article",
        metavar="RUN",
        help="the run's folder (default: results/article)",
    )
    parser.add_argument(
        "--plots",
        choices=("some", "all", "none"),
        default="some",
        help="which trials get plots of their own in plots/: all, none, or (default) all of a "
        "run of up to 60 trials and the first 4 of a larger one",
    )
    return parser


def _report(options: argparse.Namespace) -> int:
    from experiments.report.run_result import RunResult
    from experiments.trials.own_files import FolderError
    from experiments.trials.run_folder import RunError

    try:
        run = RunResult.load(options.run)
    except RunError as error:
        print(f"experiments.report: {error}", file=sys.stderr)
        return BAD_INPUT

    from experiments.report.html import write_report

    try:
        report = write_report(run, draw=options.plots)
    except BrokenPipeError:
        raise
    except (RunError, FolderError) as error:
        print(f"experiments.report: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        print(
            f"experiments.report: {error.filename or options.run}: cannot be written "
            f"({error.strerror}); expected a folder that can",
            file=sys.stderr,
        )
        return BAD_INPUT
    for name, why in run.missing.items():
        print(f"{name}: {why.status}: {why.reason}", file=sys.stderr)
    print(report)
    return ALL_WELL


if __name__ == "__main__":
    sys.exit(main())
