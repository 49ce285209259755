"""Can the verdicts be trusted? ``python -m experiments.mutants`` tries them on known mistakes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from experiments.runtime.exit_status import ALL_WELL, MISJUDGED, unless_interrupted
from experiments.runtime.program import program

EXTRAS = ("keras",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        Of the command line; None for those of the process.

    Returns
    -------
    int
        Exit status.
    """
    options = command_parser().parse_args(arguments)
    return unless_interrupted(lambda: _judge(show_all=options.all), EXTRAS)


def _judge(*, show_all: bool) -> int:
    # Imported here so that --help starts at once.
    from experiments.mutants.catalogue import MISTAKES, VARIANTS
    from experiments.mutants.judging import judge_all
    from experiments.mutants.rates import markdown
    from experiments.runtime.keras_start import start_keras

    start_keras()
    mistakes, variants = judge_all(MISTAKES), judge_all(VARIANTS)
    if show_all:
        for outcome in [*mistakes, *variants]:
            mutant = outcome.mutant
            print(f"{mutant.name}, {mutant.scene}, {outcome.dtype}: {outcome.sentence or 'right'}")
        print()
    print(markdown(mistakes, variants))
    right = all(o.found for o in mistakes) and not any(o.found for o in variants)
    return ALL_WELL if right else MISJUDGED


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("mutants"),
        description="Judge networks that are known to be wrong, and variants that are right, and "
        "print how many verdicts are right, beside those of fixed tolerances on the same cases.",
        epilog="Exit status: 0 every verdict is right; 1 one is wrong; 2 bad input; "
        "130 interrupted.",
    )
    parser.add_argument("--all", action="store_true", help="print the verdict on each one too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
