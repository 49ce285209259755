"""Why nothing was judged, what to do about it, and what the file does contain.

A verdict is only ever given on numbers that were compared.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

from experiments.check.observation import Findings
from experiments.check.source import Source
from experiments.check.user.recorder import Problem

NEEDED = (
    "weights that can be found and set, and a way to take a step: an object with train(x, y), "
    "functions for forward and backward, layer classes, or a loop that trains; or say it by "
    "--make 'Net([3, 4, 2])' --step 'net.train(x, y, lr)'; see docs/check.md"
)

_MOVED_IN_PYTHON_3 = {"cPickle", "urllib2", "ConfigParser", "Queue", "StringIO", "Tkinter"}
_NO_DATA = {"FileNotFoundError", "IsADirectoryError", "NotADirectoryError", "PermissionError"}
_NO_NETWORK = {"URLError", "HTTPError", "ConnectionError", "gaierror", "TimeoutError"}


@dataclass(frozen=True)
class NotJudged:
    """Why there is no verdict.

    Attributes
    ----------
    code
        For machines.
    reason
        What stood in the way.
    next_step
        What the user can do about it.
    contains
        Classes and functions of the file, where no network was recognised.
    needed
        What would be recognised, likewise.
    """

    code: str
    reason: str
    next_step: str
    contains: list[str] = field(default_factory=list)
    needed: str = ""


def unreadable(source: Source) -> NotJudged | None:
    """Refuse a file that this Python cannot read; None if it can."""
    if not source.syntax_error:
        return None
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    if source.is_python_2:
        return NotJudged(
            "other_python",
            f"this is Python 2, and here runs {version} ({source.syntax_error})",
            f"make Python 3 of it: `2to3 -w {source.path.name}` does most of it, by hand "
            "print x becomes print(x), and xrange becomes range",
            source.contents,
            NEEDED,
        )
    return NotJudged(
        "not_python",
        f"{version} cannot read {source.syntax_error}",
        "correct that line, or run the check with the version of Python that the file is for",
        source.contents,
        NEEDED,
    )


def unrecognised(findings: Findings, source: Source) -> NotJudged:
    """Say why no network was found in a file."""
    stopped = findings.import_problem
    if findings.tampered:
        return tampered(findings)
    if stopped is None:
        return NotJudged(
            "not_recognised",
            findings.not_recognised,
            "give the file one of the forms that the check knows, or write a small class around it",
            source.contents,
            NEEDED,
        )
    code, next_step = _cure_of_import(stopped, source)
    recognised = "" if stopped.code == "exited" else f"; by then: {findings.not_recognised}"
    return NotJudged(code, f"{stopped.sentence}{recognised}", next_step, source.contents, NEEDED)


def _cure_of_import(problem: Problem, source: Source) -> tuple[str, str]:
    """Return a code and the next step for what stopped an import."""
    guard = 'put what is to run under if __name__ == "__main__":, below the functions'
    module = re.search(r"No module named '([\w.]+)'", problem.sentence)
    if module and module[1].partition(".")[0] in _MOVED_IN_PYTHON_3:
        return "other_python", f"{module[1]} is Python 2's; `2to3 -w {source.path.name}` renames it"
    if module:
        name = module[1].partition(".")[0]
        return (
            "missing_module",
            f"install it for this Python ({sys.executable} -m pip install ...), put {name}.py "
            "beside the file, or leave the import out if the network does not need it",
        )
    if "is not to be had here" in problem.sentence:
        return (
            "judges_own_network",
            "leave that import out: the network must compute by itself what it is judged by",
        )
    if problem.error in _NO_DATA:
        return "missing_data", f"put the data where the file looks for them, or {guard}"
    if problem.error in _NO_NETWORK:
        return "missing_data", f"the data cannot be fetched; {guard}"
    if problem.code == "timed_out":
        return "timed_out", f"it seems to train or to wait while it is imported: {guard}"
    return "import", f"see that `python {source.path.name}` runs without an error, or {guard}"


def nothing_compared(findings: Findings, problems: list[Problem]) -> NotJudged:
    """Say why no number of a network that was recognised could be compared.

    Parameters
    ----------
    findings
        All of them.
    problems
        What the code did instead of answering, in order.
    """
    if findings.tampered:
        return tampered(findings)
    refused = [problem for problem in problems if problem.error == "NotImplementedError"]
    if problems and len(refused) == len(problems):
        said = list(dict.fromkeys(problem.sentence for problem in refused))
        more = f", and {len(said) - 1} more like it" if len(said) > 1 else ""
        return NotJudged(
            "all_refused",
            f"the network refused every case: {said[0]}{more}",
            "no case of the check suits it; let it take other architectures too, or see "
            "docs/check.md for those that are tried",
        )
    problem = findings.end or findings.unfinished or (problems[0] if problems else None)
    if problem is None:
        return NotJudged("nothing_compared", "no case could be compared", "please report it")
    if problem.code == "timed_out":
        sentence = problem.sentence if problem.where else "the time was over"
        return NotJudged(
            "timed_out",
            f"no case came to an end in time: {sentence}",
            "give it more with --seconds; if it never ends, the line named is where it loops",
        )
    if problem.code == "exited":
        cure = "take out what ends the process (exit, quit, os._exit), or what crashes it"
        return NotJudged(
            "exited", f"no case was answered; your code's process says: {problem.sentence}", cure
        )
    return NotJudged(
        problem.code,
        f"no case was answered; your code's process says: {problem.sentence}",
        "see docs/check.md for what is called and with what; correct the line if it is the "
        "code's own mistake",
    )


def tampered(findings: Findings) -> NotJudged:
    """Say that nothing which the user's process says can be relied on."""
    return NotJudged(
        "tampered",
        findings.tampered,
        "let the code keep to what it is called for: nothing it says can be relied on",
    )
