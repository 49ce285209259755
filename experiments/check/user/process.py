"""The parent's side of the line: start the user's process, ask it, believe nothing, and end it."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from experiments.check.user import messages
from experiments.check.user.clock import DEAF, OwnTime
from experiments.check.user.keeper import FLOOD, end_descendants, end_session
from experiments.check.user.messages import MessageError
from experiments.check.user.recorder import Problem

if TYPE_CHECKING:
    from scratchnet.types import Array

_KEPT_OUTPUT = 2000
"""Bytes of what the user's code prints that are kept to be shown."""

_GRACE = 1.5
"""Own seconds between the alarm inside the process and its end by force."""

_START_SECONDS = 30.0
"""Own seconds in which Python and NumPy are there."""

_PATIENCE = 7.0
"""Seconds that the keeper has to end everything."""

_LOOK = 0.1
"""Seconds after which it is looked whether the time is over."""

_LONGEST_NAME = 200


class NoAnswerError(Exception):
    """The user's process gave no answer; `problem` says what it did instead."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


class TamperedError(Exception):
    """The user's process said something that it was not asked."""


class UserProcess:
    """The process in which the user's code runs, from its start to its end.

    Parameters
    ----------
    path, name
        The file, and the class in it or None.

    Attributes
    ----------
    calling
        The function that was called last, as the process says.
    printed
        Number of bytes that the user's code printed, and the first of them as text.
    """

    def __init__(self, path: Path, name: str | None) -> None:
        self.calling = "the start of Python"
        self.printed = (0, "")
        self._user: int | None = None
        self._ended = False
        self._line, theirs = socket.socketpair()
        self._line.setblocking(False)
        self._status, status = os.pipe()
        root = str(Path(__file__).resolve().parents[3])
        searched = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        quiet = {"PYTHONPATH": searched, "MPLBACKEND": "Agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
        python = [sys.executable, "-P", "-W", "ignore"]
        command = [
            *(*python, "-S", "-m", "experiments.check.user.keeper"),
            *(str(status), str(theirs.fileno())),
            *(*python, "-m", "experiments.check.user.child"),
            *(str(path), name or "", str(theirs.fileno())),
        ]
        self._keeper = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(status, theirs.fileno()),
            env=os.environ | quiet,
            start_new_session=True,
        )
        os.close(status)
        theirs.close()
        assert self._keeper.stdout is not None
        self._swallowing = threading.Thread(
            target=self._swallow, args=(self._keeper.stdout,), daemon=True
        )
        self._swallowing.start()

    def ask(
        self, question: dict[str, Any], arrays: dict[str, Array], seconds: float
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Ask a question, and wait for its answer.

        Parameters
        ----------
        question, arrays
            See `experiments.check.user.child.Answers`.
        seconds
            Own seconds of the process within which it ends by itself what it was asked to do.

        Raises
        ------
        NoAnswerError
            If there was none in time, or the process ended.
        TamperedError
            If what came is no answer to this question.
        """
        # Nobody can answer before the question was asked.
        number = secrets.token_hex(16)
        packed = messages.pack(question | {"number": number}, arrays)
        deadline = _Deadline(self, seconds + _GRACE)
        self._write(messages.LENGTH.pack(len(packed)) + packed, deadline)
        try:
            while True:
                header, tensors = self._receive(deadline)
                if header.get("number") not in (number, None):
                    raise MessageError("an answer to another question")
                if isinstance(where := header.get("calling"), str):
                    self.calling = where[:_LONGEST_NAME]
                elif isinstance(answer := header.get("answer"), dict):
                    if header.get("number") != number:
                        raise MessageError("an answer to no question")
                    return answer, tensors
                else:
                    raise MessageError("neither an answer nor what is being called")
        except MessageError as error:
            raise TamperedError(
                f"{self.calling}: something wrote into the line between the check and your "
                f"code's process ({error})"
            ) from None

    @property
    def user(self) -> int | None:
        """Number of the user's process, when it is known."""
        if self._user is None and _readable(self._status, 0):
            with contextlib.suppress(ValueError):
                self._user = int(os.read(self._status, 100).split(b"\n")[0])
        return self._user

    def kill(self) -> None:
        """End the process and all that it started; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        self.user  # noqa: B018 - while the number can still be read
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        try:
            self._keeper.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            # Something stopped it.
            end_descendants(self._keeper.pid)
        if self._keeper.returncode != 0:
            if self._user is not None:
                end_session(self._user)
            end_session(self._keeper.pid)
            self._keeper.wait()
        self._swallowing.join(timeout=1.0)
        self._line.close()
        os.close(self._status)

    def _write(self, packed: bytes, deadline: _Deadline) -> None:
        rest = memoryview(packed)
        while rest:
            try:
                rest = rest[self._line.send(rest) :]
            except BlockingIOError:
                deadline.check()
                select.select([], [self._line], [], _LOOK)
            except OSError:
                raise NoAnswerError(self._end()) from None

    def _receive(self, deadline: _Deadline) -> tuple[dict[str, Any], dict[str, Array]]:
        (length,) = messages.LENGTH.unpack(self._read(messages.LENGTH.size, deadline))
        if length > messages.LARGEST:
            raise MessageError("too long a message")
        return messages.unpack(self._read(length, deadline))

    def _read(self, count: int, deadline: _Deadline) -> bytes:
        parts = []
        while count:
            try:
                part = self._line.recv(min(count, 2**16))
            except BlockingIOError:
                deadline.check()
                # The line stays open as long as anything that the user's code started lives, so
                # the end of the process itself is looked at too.
                ready, _, _ = select.select([self._line], [], [], _LOOK)
                if not ready and self._keeper.poll() is not None:
                    raise NoAnswerError(self._end()) from None
                continue
            except OSError:
                part = b""
            if not part:
                raise NoAnswerError(self._end())
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _end(self) -> Problem:
        """Say how the process ended."""
        where = self.calling
        status = self._exit_status()
        if status == DEAF:
            return Problem("timed_out", where, f"{where} had not come to an end in time")
        if status == FLOOD:
            return Problem("exited", where, f"{where} started hundreds of processes")
        if status is None:
            return Problem("exited", where, f"{where} closed the line to the check")
        if status < 0:
            name = signal.Signals(-status).name
            return Problem("exited", where, f"{where} ended the process with signal {name}")
        return Problem("exited", where, f"{where} ended the process with status {status}")

    def _exit_status(self) -> int | None:
        """Wait for the keeper's word on how the user's process ended."""
        self.user  # noqa: B018 - the first line
        if not _readable(self._status, _PATIENCE):
            return None
        try:
            return int(os.read(self._status, 100))
        except ValueError:
            return None

    def _swallow(self, output: IO[bytes]) -> None:
        count, kept = 0, b""
        while chunk := os.read(output.fileno(), 65536):
            count += len(chunk)
            kept += chunk[: _KEPT_OUTPUT - len(kept)]
            self.printed = count, kept.decode(errors="replace")


class _Deadline:
    """When the process has had its time.

    Counted as the process' own time, so that a machine that has other things to do harms nobody.
    """

    def __init__(self, process: UserProcess, seconds: float) -> None:
        self._process = process
        self._seconds = seconds
        self._started = time.monotonic()
        self._time = OwnTime(process.user) if process.user is not None else None

    def check(self) -> None:
        """Raise `NoAnswerError` if it is over."""
        process = self._process
        if self._time is None:
            if process.user is not None:
                self._time = OwnTime(process.user)
            elif time.monotonic() > self._started + _START_SECONDS:
                raise NoAnswerError(Problem("exited", "Python", "Python does not start"))
        elif self._time.seconds > self._seconds:
            where = process.calling
            raise NoAnswerError(
                Problem("timed_out", where, f"{where} had not come to an end in time")
            )


def _readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])
