"""Is your network right? ``python -m experiments.check FILE.py[:NAME]`` holds it against Keras.

It takes the file as it is: an object that holds its weights, free functions, layer classes, a
script, a notebook, or a form that is handed architectures; see ``docs/check.md``. Exit status: 0
where every difference is rounding, 1 where one is not, 2 for bad input and where nothing was
compared, 3 for a mistake of our own.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.runtime.exit_status import (
    ALL_WELL,
    BAD_INPUT,
    CRASHED,
    DIVERGENT,
    unless_interrupted,
)
from experiments.runtime.program import program

if TYPE_CHECKING:
    from experiments.check.examination import Examination
    from experiments.check.judging.wrong_line import WrongLine
    from experiments.check.report import Report
    from experiments.check.source import Source
    from experiments.check.user.process import UserProcess

_STATUSES = {"divergent": DIVERGENT, "not judged": BAD_INPUT}

DEFAULT_SECONDS = 10.0
"""What the user's code may take; with Keras's start beside it the whole stays under 20 seconds."""

_SECONDS_FOR_ALL = 15.0
"""After so many seconds Keras is asked no more than it must."""


EXTRAS = ("keras",)

_STEP = "--step 'net.train(x, y, lr)'"


class BadInputError(ValueError):
    """The command cannot do what it was asked; the message is for the user."""


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
    return unless_interrupted(lambda: _run(options), EXTRAS)


def _run(options: argparse.Namespace) -> int:
    try:
        return _check(
            options.network,
            options.seconds,
            _expressions(options),
            as_json=options.json,
            verbose=options.verbose,
        )
    except BadInputError as error:
        print(f"experiments.check: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError:
        # Of the output, mostly.
        raise
    except Exception as error:
        print(f"experiments.check: {_describe(error)}", file=sys.stderr)
        return CRASHED


def _describe(error: Exception) -> str:
    """Say that the check itself failed, and where: it is no verdict on anybody's code."""
    from experiments.check.user.answer import InternalError

    if isinstance(error, InternalError):
        # The traceback is of the user's process.
        lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
        where = next((line for line in reversed(lines) if line.startswith("File ")), "")
        said = f"{lines[-1] if lines else 'no reason'} ({where}, in your code's process)"
    else:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
    return f"internal error, no verdict: {' '.join(said.split())}; please report it"


def _expressions(options: argparse.Namespace) -> dict[str, str]:
    """Return ``--make`` and ``--step``, or nothing."""
    if (options.make is None) != (options.step is None):
        given, other = ("--make", "--step") if options.step is None else ("--step", "--make")
        raise BadInputError(f"{given} needs {other} too, as --make 'Net([3, 4, 2])' {_STEP}")
    expressions = {"make": options.make, "step": options.step}
    for name, text in expressions.items():
        try:
            compile(text or "0", f"--{name}", "eval" if name == "make" else "exec")
        except SyntaxError as error:
            raise BadInputError(f"--{name} {text!r} is no Python: {error.msg}") from None
    return {} if options.make is None else expressions


def _check(
    network: str, seconds: float, expressions: dict[str, str], *, as_json: bool, verbose: bool
) -> int:
    path, name = split_name(network)
    # Imported here so that --help starts at once.
    from experiments.check.not_judged import unreadable, unrecognised
    from experiments.check.report import Report
    from experiments.check.source import Source

    try:
        source = Source.read(path)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInputError(f"{path}: cannot be read as a notebook: {error}") from None
    report = Report(not_judged=unreadable(source))
    if report.not_judged is None:
        from experiments.check.examination import Examination
        from experiments.check.user.process import UserProcess

        process = UserProcess(path, name)
        try:
            examination = Examination(
                process.ask, source.words, seconds, names=source.names, expressions=expressions
            )
            if examination.recognise():
                report = _judge(examination, process, source)
            else:
                report.not_judged = unrecognised(examination.findings, source)
        finally:
            process.kill()
    if as_json:
        print(json.dumps(report.to_json(), indent=2, allow_nan=False))
    else:
        _print(report, network, verbose=verbose)
    return _STATUSES.get(report.verdict, ALL_WELL)


def _judge(examination: Examination, process: UserProcess, source: Source) -> Report:
    """Try the network on all cases while Keras starts, and judge what comes of it."""
    from experiments.check.conclusion import conclude
    from experiments.runtime.keras_start import start_keras

    began = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        trying = beside.submit(examination.try_cases)
        try:
            start_keras()
            findings = trying.result()
        except BaseException:
            process.kill()
            raise
    try:
        findings.printed = process.printed
        report = conclude(findings, source, keras_until=began + _SECONDS_FOR_ALL)
        report.line = _wrong_line(report, examination, source)
    finally:
        process.kill()
    return report


def _wrong_line(report: Report, examination: Examination, source: Source) -> WrongLine | None:
    """Look for the line, now that the verdict stands."""
    from experiments.check.judging.wrong_line import find_wrong_line

    first = report.first_divergence
    if first is None or first.step or first.dtype != "float64":
        return None
    cases = [v for v in report.cases if v.observation.case.name == first.case and v.divergent]
    verdict = next((v for v in cases if v.observation.dtype == "float64"), None)
    seen = None if verdict is None else examination.watch(verdict.observation.case)
    if verdict is None or seen is None:
        return None
    text = source.text.decode(errors="replace").splitlines()
    return find_wrong_line(verdict, verdict.divergent[0].key, *seen, text)


def _print(report: Report, network: str, *, verbose: bool) -> None:
    from rich.console import Console

    from experiments.check.printing import print_report

    print_report(report, network, Console(highlight=False), verbose=verbose)


def split_name(network: str) -> tuple[Path, str | None]:
    """Split ``FILE.py[:NAME]``.

    Raises
    ------
    BadInputError
        If there is no such Python file.
    """
    match = re.fullmatch(r"(.+\.(?:py|ipynb)):([^:/\\]+)", network)
    file, name = match.groups() if match else (network, None)
    path = Path(file)
    if not path.exists():
        raise BadInputError(f"{file}: no such file; expected FILE.py or FILE.py:NAME")
    if not path.is_file() or path.suffix not in (".py", ".ipynb"):
        raise BadInputError(
            f"{file}: not a Python file; expected FILE.py or FILE.py:NAME, or a notebook"
        )
    if name is not None and not name.isidentifier():
        raise BadInputError(f"{network}: {name!r} is not a valid class name")
    return path.resolve(), name


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("check"),
        description="Judge a network that you wrote: are its losses, gradients and updates those "
        "of Keras, and if not, where, and what is the likely mistake?",
        epilog="Exit status: 0 equal to rounding; 1 divergent; 2 bad input, or not judged; "
        "3 a mistake of the check itself; 130 interrupted. "
        "See docs/check.md.",
    )
    parser.add_argument(
        "network",
        metavar="FILE.py[:NAME]",
        help="a file or notebook with a network; NAME: the class or function to look at",
    )
    parser.add_argument(
        "--make", metavar="EXPRESSION", help="makes the network, as 'Net([3, 4, 2])'"
    )
    parser.add_argument(
        "--step",
        metavar="CODE",
        help="takes a step of it, with net, x, y and lr, as 'net.train(x, y, lr)'",
    )
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--json", action="store_true", help="print everything as JSON")
    printed.add_argument(
        "--verbose", action="store_true", help="print every tensor and every remark"
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=DEFAULT_SECONDS,
        help="how long your code may take (default %(default)g)",
    )
    return parser


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive number of seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
