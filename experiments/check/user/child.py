"""The process in which the user's code runs: ``python -m experiments.check.user.child``.

It answers what the parent asks: load the file, take a step from these weights on this batch. It
gets arrays and gives arrays. Nothing here knows what is right, and nothing here judges.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user import messages
from experiments.check.user.article import ArticleForm
from experiments.check.user.clock import DEAF, Alarm, TimeLimitError
from experiments.check.user.forms import Form, may_have_form, recognise
from experiments.check.user.found_form import FoundForm, arrays_of
from experiments.check.user.line_watch import LineWatch
from experiments.check.user.loading import import_folders, load, withhold_ours
from experiments.check.user.program import Program, run_program
from experiments.check.user.recorder import (
    NotRecognisedError,
    Recorder,
    StoppedError,
    raised,
    timed_out,
    user_line,
)
from experiments.check.user.seal import Seal
from experiments.check.user.seen import Seen
from experiments.check.user.shield import ancestors, give_up_signals_to
from experiments.check.user.task import Task
from experiments.check.user.ways import Way, deeper, expressions, moves, ways

if TYPE_CHECKING:
    from scratchnet.types import Array


class Answers:
    """Answers the parent's questions about one file.

    Parameters
    ----------
    path, name
        The file, and the class in it or None.
    progress
        Called with the name of each function of the user's before it is called.
    alarm
        Ends what takes too long.
    """

    def __init__(
        self, path: Path, name: str | None, progress: Callable[[str], None], alarm: Alarm
    ) -> None:
        self._path = path
        self._name = name
        self._alarm = alarm
        self._tell = progress
        self._where = ""
        self._form: Form | None = None
        self._program: Program | None = None
        self._ways: Iterator[tuple[Way, list[Seen]]] = iter(())
        self._tried: list[Way] = []

    def answer(
        self, question: dict[str, Any], arrays: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Answer a question by its ``ask``; ``seconds`` is the time for it.

        ``load``, ``prepare``, ``step`` and ``train`` are for every form; ``way`` and ``deeper``
        give the next way to take a step of a network in a form of its own, and ``settle`` says
        which it is.
        """
        if question["ask"] == "load":
            return self._load(question["seconds"]), {}
        if question["ask"] in ("way", "deeper"):
            return self._next_way(question)
        if question["ask"] == "settle":
            way = self._tried[question["way"]]
            self._form = FoundForm(way, question["places"])
            return {"settled": question["way"]}, {}
        if question["ask"] == "watch":
            return self._watch(question, arrays)
        assert self._form is not None
        recorder = Recorder(self._path, self._progress, question.get("watchful", False))
        answer: dict[str, Any] = {"not_recognised": ""}
        try:
            self._alarm.start(question["seconds"])
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._carry_out(question, arrays, recorder)
        except NotRecognisedError as error:
            answer["not_recognised"] = str(error)
        except StoppedError as stopped:
            recorder.problems.append(stopped.problem)
        except TimeLimitError as error:
            recorder.problems.append(timed_out(self._where, error, self._path))
        except BaseException as error:
            # What the user's code returned may raise where we look at it.
            if user_line(error.__traceback__, self._path) is None:
                raise
            recorder.problems.append(raised(self._where, error, self._path))
        finally:
            answer["seconds"] = self._alarm.stop()
        answer |= {
            "dtypes": recorder.dtypes,
            "internal": sorted(recorder.internal),
            "odd_shapes": recorder.odd_shapes,
            "notes": recorder.notes,
            "problems": [asdict(problem) for problem in recorder.problems],
        }
        return answer, recorder.tensors

    def _load(self, seconds: float) -> dict[str, Any]:
        self._progress(f"importing {self._path.name}")
        if not may_have_form(self._path):
            return self._run(seconds)
        module, trouble = load(self._path, self._alarm, seconds)
        answer: dict[str, Any] = {
            "problem": None if trouble is None else asdict(trouble),
            "seconds": self._alarm.code,
            "library_seconds": self._alarm.libraries,
            "not_recognised": "",
            "form": "",
            "found": [],
            "missing": [],
        }
        try:
            self._form = recognise(module, self._name)
        except NotRecognisedError as error:
            return answer | {"not_recognised": str(error)}
        except Exception as error:
            # A module may do anything when it is looked at.
            if user_line(error.__traceback__, self._path) is None:
                raise
            return answer | {"not_recognised": raised("looking at it", error, self._path).sentence}
        return answer | {
            "form": self._form.kind,
            "found": self._form.found,
            "missing": self._form.missing,
        }

    def _run(self, seconds: float) -> dict[str, Any]:
        """Run a file that has none of the two forms, so that its ways can be tried."""
        self._alarm.start(3600.0)
        trouble = None
        answer: dict[str, Any] = {
            "not_recognised": "the file could not be run",
            "form": "",
            "found": [],
            "missing": [],
        }
        try:
            program = run_program(self._path, seconds)
            self._program = program
            self._ways = ways(program, self._name)
            if program.failure is not None:
                told = timed_out if isinstance(program.failure, TimeLimitError) else raised
                trouble = told(f"importing {self._path.name}", program.failure, self._path)
            try:
                self._form = recognise(program.module, self._name)
                answer |= {"form": self._form.kind, "not_recognised": ""}
                answer |= {"found": self._form.found, "missing": self._form.missing}
            except NotRecognisedError as error:
                answer["not_recognised"] = str(error)
        except Exception as error:
            trouble = raised(f"importing {self._path.name}", error, self._path)
        finally:
            self._alarm.stop()
        return answer | {
            "problem": None if trouble is None else asdict(trouble),
            "seconds": self._alarm.code,
            "library_seconds": self._alarm.libraries,
        }

    def _next_way(self, question: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the next way to take a step, with what it shows, or none."""
        self._alarm.start(question["seconds"])
        try:
            if question["ask"] == "deeper":
                self._ways = deeper(self._tried[question["way"]])
            elif question.get("make") and self._program is not None:
                one = expressions(self._program, question["make"], question["step"])
                self._ways = ways(self._program, None, one)
            elif self._program is None:
                self._program = run_program(self._path, question["seconds"])
                self._ways = ways(self._program, self._name)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = next(self._ways, None)
        except BaseException as error:
            return {
                "seconds": self._alarm.stop(),
                "way": None,
                "problem": asdict(raised("taking a step", error, self._path)),
            }, {}
        seconds = self._alarm.stop()
        if found is None:
            return {"seconds": seconds, "way": None, "problem": None}, {}
        way, seen = found
        self._tried.append(way)
        chain = [
            {
                "units_first": place.units_first,
                "flat": place.flat,
                "bias": place.bias_form if place.has_bias else "",
            }
            for place in way.chain
        ]
        described = {
            "number": len(self._tried) - 1,
            "kind": way.handle.kind,
            "found": way.handle.describe(way.chain),
            "sizes": list(way.sizes),
            "any_sizes": way.handle.sizes is None,
            "any_depth": way.handle.sizes is None and way.handle.depths is None,
            "one": way.layout.one,
            "classes": way.layout.by_class,
            "samples": way.layout.spoken,
            "rate_known": way.handle.rate_known,
            "moves": moves(seen[0]),
            "chain": chain,
        }
        return {"seconds": seconds, "way": described, "problem": None}, dict(arrays_of(seen))

    def _watch(
        self, question: dict[str, Any], arrays: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Take a step, and say what every line of the user's file read and made."""
        assert self._form is not None
        watch = LineWatch(self._path)
        recorder = Recorder(self._path, self._progress, watchful=False)
        try:
            self._alarm.start(question["seconds"])
            with np.errstate(all="ignore"), warnings.catch_warnings(), watch:
                warnings.simplefilter("ignore")
                self._form.take_step(Task.from_message(question, arrays), recorder, again=False)
        except BaseException as error:
            # What was seen until then is told.
            if isinstance(error, KeyboardInterrupt):
                raise
        finally:
            seconds = self._alarm.stop()
        lines = [[line.function, line.line, line.inputs, line.results] for line in watch.lines]
        named = {str(number): array for number, array in enumerate(watch.arrays)}
        return {"seconds": seconds, "lines": lines}, named

    def _carry_out(
        self, question: dict[str, Any], arrays: dict[str, Array], recorder: Recorder
    ) -> None:
        form = self._form
        assert form is not None
        if question["ask"] == "prepare":
            form.prepare(recorder)
        elif question["ask"] == "step":
            task = Task.from_message(question, arrays)
            form.take_step(task, recorder, again=question["again"])
        else:
            assert isinstance(form, ArticleForm)
            form.train(Task.from_message(question, arrays), recorder)

    def _progress(self, where: str) -> None:
        self._where = where
        self._tell(where)


class Channel:
    """The child's end of the line to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._line = socket.socket(fileno=descriptor)
        self._line.set_inheritable(False)
        self._process = os.getpid()

    def send(self, header: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Send a message."""
        if os.getpid() != self._process:
            os._exit(0)  # a copy of this process that the user's code made, and let go on
        packed = messages.pack(header, arrays)
        # A message is written whole or not at all, whatever the alarm does.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        try:
            self._line.sendall(messages.LENGTH.pack(len(packed)) + packed)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def receive(self) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """Wait for a message; None if there will be none."""
        start = self._read(messages.LENGTH.size)
        if start is None:
            return None
        packed = self._read(messages.LENGTH.unpack(start)[0])
        return None if packed is None else messages.unpack(packed)

    def _read(self, count: int) -> bytes | None:
        parts = []
        while count:
            part = self._line.recv(min(count, 2**16))
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def main() -> None:
    """Run as ``child FILE NAME-or-empty FILE-DESCRIPTOR``."""
    file, name, descriptor = sys.argv[1:]
    path = Path(file)
    channel = Channel(int(descriptor))
    number: Any = None

    def progress(where: str) -> None:
        channel.send({"calling": where, "number": number}, {})

    def deaf() -> None:
        os._exit(DEAF)

    answers = Answers(path, name or None, progress, Alarm(deaf))
    sys.argv = [file]
    sys.dont_write_bytecode = True
    seal = Seal("experiments.check.user")
    give_up_signals_to(ancestors(os.getppid()))
    withhold_ours(Path(__file__).resolve().parents[3])
    own, *above = import_folders(path)
    sys.path.insert(0, str(own))
    sys.path += map(str, above)
    while (question := channel.receive()) is not None:
        header, arrays = question
        number = header["number"]
        try:
            answer, tensors = answers.answer(header, arrays)
        except Exception:
            # Ours, since the user's were turned into problems: not to be mistaken for theirs.
            answer, tensors = {"internal": traceback.format_exc()}, {}
        if replaced := seal.broken():
            answer, tensors = {"replaced": replaced}, {}
        channel.send({"answer": answer, "number": number}, tensors)
    # Threads that the user's code left behind are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
