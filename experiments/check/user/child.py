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
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user import messages
from experiments.check.user.article import ArticleForm
from experiments.check.user.clock import DEAF, Alarm, TimeLimitError
from experiments.check.user.forms import Form, recognise
from experiments.check.user.loading import load, withhold_ours
from experiments.check.user.recorder import (
    NotRecognisedError,
    Recorder,
    StoppedError,
    raised,
    timed_out,
    user_line,
)
from experiments.check.user.seal import Seal
from experiments.check.user.shield import ancestors, give_up_signals_to
from experiments.check.user.task import Task

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

    def answer(
        self, question: dict[str, Any], arrays: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Answer ``load``, ``prepare``, ``step`` or ``train``; ``seconds`` is the time for it."""
        if question["ask"] == "load":
            return self._load(question["seconds"]), {}
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
        return answer | {
            "form": self._form.kind,
            "found": self._form.found,
            "missing": self._form.missing,
        }

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
    sys.path.insert(0, str(path.parent))
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
