"""``scratchnet COMMAND``, or ``python -m experiments COMMAND``: every command under one name.

A command is imported when it is called, so that the list and the version come at once.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from experiments.runtime.arguments import named_path
from experiments.runtime.exit_status import ALL_WELL, BAD_INPUT, unless_interrupted
from experiments.runtime.extras import missing_extras
from experiments.runtime.places import plan_path


@dataclass(frozen=True)
class Command:
    """A command of the project.

    Attributes
    ----------
    module
        What `main` and `command_parser` are imported from.
    summary
        What it does, in one line.
    """

    module: str
    summary: str

    def load(self) -> ModuleType:
        """Import it."""
        return import_module(self.module)


COMMANDS = {
    "run": Command("experiments.run", "train a plan's networks in NumPy and in Keras, and report"),
    "check": Command("experiments.check.__main__", "judge a network that you wrote, as it is"),
    "report": Command("experiments.report.__main__", "write the page of a run again"),
    "compare": Command("experiments.compare.__main__", "say what changed between two runs"),
    "bench": Command("experiments.bench.__main__", "time an epoch against Keras and others"),
    "backends": Command("experiments.backends", "compare two of NumPy, TensorFlow, JAX and torch"),
    "fuzz": Command("experiments.fuzz.__main__", "compare random networks with Keras"),
    "mutants": Command("experiments.mutants.__main__", "try the judge on known mistakes"),
    "plan": Command("experiments.plan.__main__", "write the guide's tables of plans again"),
    "coverage": Command("experiments.parity.coverage", "write the table of what is covered again"),
}
"""By name. The last two are for who changes the project."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and not given[0].startswith("-"):
        return _call(given[0], given[1:])
    options = _parser().parse_args(given or ["--help"])
    return unless_interrupted(lambda: _answer(options))


def _call(name: str, arguments: Sequence[str]) -> int:
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        expected = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(COMMANDS)}"
        print(f"{_program()}: {name!r}: no such command; {expected}", file=sys.stderr)
        return BAD_INPUT
    if missing := missing_extras(()):
        # Said before anything imports it.
        print(missing, file=sys.stderr)
        return BAD_INPUT
    status: int = COMMANDS[name].load().main(arguments)
    return status


def _answer(options: argparse.Namespace) -> int:
    if options.print_completion:
        return _print_completion(options.print_completion)
    # Of the source, which a checkout may have ahead of what is installed.
    from scratchnet import __version__

    print(f"scratchnet {__version__}")
    return ALL_WELL


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog=_program(),
        usage=f"{_program()} [--help] [--version] COMMAND ...",
        description="A neural network by hand in NumPy, and proof that it equals Keras.\n\n"
        + "\n".join(["commands:", *lines]),
        epilog=f"'{_program()} COMMAND --help' says more. Exit status: 0 all is well; 1 something "
        "diverges;\n2 bad input, or nothing could be judged; 3 a crash; 130 interrupted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    parser.add_argument(
        "--print-completion",
        metavar="SHELL",
        choices=("bash", "zsh", "tcsh"),
        help="print what completes commands and options in bash, zsh or tcsh (needs shtab)",
    )
    return parser


def _program() -> str:
    return "scratchnet" if Path(sys.argv[0]).stem == "scratchnet" else "python -m experiments"


def _print_completion(shell: str) -> int:
    if missing := missing_extras(("completion",)):
        print(missing, file=sys.stderr)
        return BAD_INPUT
    import shtab

    print(shtab.complete(_whole_parser(), shell=shell))
    return ALL_WELL


def _whole_parser() -> argparse.ArgumentParser:
    """Return one parser of all commands with their options; completion alone needs it."""
    import shtab

    whole = argparse.ArgumentParser(prog="scratchnet", description="")
    whole.add_argument("--version", action="store_true", help="print the version and stop")
    commands = whole.add_subparsers(dest="command")
    for name, command in COMMANDS.items():
        own = command.load().command_parser()
        commands.add_parser(name, parents=[own], add_help=False, help=command.summary)
        for action in own._actions:  # argparse has no other list of them
            if action.type in (Path, named_path, plan_path):
                action.complete = shtab.FILE
    return whole


if __name__ == "__main__":
    sys.exit(main())
