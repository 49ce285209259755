"""The parent's side: start the user's code in a process of its own, listen, and end it in time."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from experiments.check.cases import Case
from experiments.check.user import messages
from experiments.check.user.recorder import Problem
from scratchnet.types import Array

_KEPT_OUTPUT = 2000
"""Bytes of what the user's code prints that are kept to be shown."""

_GRACE = 1.0
"""Seconds between the alarm inside the process and its end by force."""


@dataclass(frozen=True)
class Observation:
    """What one case in one dtype brought to light.

    Attributes
    ----------
    group
        ``core``, ``family``, ``outputs``, ``hard`` or ``training``.
    tensors
        As `experiments.check.user.recorder.Recorder` has them, each with the starting points along
        a first axis, the unperturbed one first.
    dtypes, internal, odd_shapes, notes, problems
        As in `Recorder`, of the unperturbed point.
    """

    group: str
    case: Case
    dtype: str
    tensors: dict[str, Array]
    dtypes: dict[str, str]
    internal: set[str]
    odd_shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    notes: dict[str, str]
    problems: list[Problem]


@dataclass
class Findings:
    """Everything that the other process told.

    Attributes
    ----------
    form, found, missing
        What was recognised; the form is empty if nothing was.
    not_recognised
        Why nothing was recognised, or empty.
    import_problem
        What stopped the import before its end.
    preparation
        Problems and remarks from before the first case, such as those of `init_layers`.
    observations
        In order.
    slow
        Whether the time was over before all cases had been tried, though none hung.
    end
        What ended the process before its time.
    printed
        Number of bytes that the user's code printed, and the first of them as text.
    calling
        The function that was called last.
    done
        Whether the process came to its own end.
    internal_error
        Traceback of a mistake of ours over there, or empty.
    """

    form: str = ""
    found: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    not_recognised: str = ""
    import_problem: Problem | None = None
    preparation: list[Problem] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    slow: bool = False
    end: Problem | None = None
    printed: tuple[int, str] = (0, "")
    calling: str = ""
    done: bool = False
    internal_error: str = ""

    def take(self, header: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Take in one message."""
        kind = header["kind"]
        if kind == "calling":
            self.calling = header["where"]
        elif kind == "import":
            self.import_problem = Problem(**header["problem"])
        elif kind == "not_recognised":
            self.not_recognised = header["sentence"]
        elif kind == "found":
            self.form, self.found = header["form"], header["found"]
            self.missing = header["missing"]
        elif kind == "prepared":
            self.preparation = [Problem(**problem) for problem in header["problems"]]
            self.notes |= header["notes"]
        elif kind in ("case", "training"):
            self.observations.append(_observation(header, arrays))
        elif kind == "slow":
            self.slow = True
        elif kind == "time":
            self.end = Problem(**header["problem"])
        elif kind == "internal":
            self.internal_error = header["trace"]
        elif kind == "done":
            self.done = True


def _observation(header: dict[str, Any], arrays: dict[str, Array]) -> Observation:
    return Observation(
        group=header["group"],
        case=messages.case_of(header["case"]),
        dtype=header["dtype"],
        tensors=arrays,
        dtypes=header["dtypes"],
        internal=set(header["internal"]),
        odd_shapes={k: (tuple(a), tuple(b)) for k, (a, b) in header["odd_shapes"].items()},
        notes=header["notes"],
        problems=[Problem(**problem) for problem in header["problems"]],
    )


class UserProcess:
    """The process in which the user's code runs, from its start to its end.

    Parameters
    ----------
    path, name
        The file, and the class in it or None.
    seconds
        How long it may take.
    """

    def __init__(self, path: Path, name: str | None, seconds: float) -> None:
        self.findings = Findings()
        self._seconds = seconds
        self._killed = False
        self._deadline = time.monotonic() + seconds + _GRACE
        reading, writing = os.pipe()
        root = str(Path(__file__).resolve().parents[3])
        searched = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        quiet = {"PYTHONPATH": searched, "MPLBACKEND": "Agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [
            *(sys.executable, "-W", "ignore", "-m", "experiments.check.user.child"),
            *(str(path), name or "", str(seconds), str(writing)),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            env=os.environ | quiet,
            start_new_session=True,
        )
        os.close(writing)
        assert self._process.stdout is not None
        self._threads = [
            threading.Thread(target=self._listen, args=(reading,), daemon=True),
            threading.Thread(target=self._swallow, args=(self._process.stdout,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> Findings:
        """Wait until the process ends or its time is over, and return what it told."""
        try:
            status: int | None = self._process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            status = None
        self.kill()
        # A grandchild outside the group may still hold a pipe open.
        for thread in self._threads:
            thread.join(timeout=1.0)
        findings = self.findings
        if not findings.calling:
            findings.internal_error = findings.printed[1] or f"status {status} at the start"
        if findings.internal_error:
            raise RuntimeError(findings.internal_error)
        if not findings.done and findings.end is None and not findings.not_recognised:
            findings.end = self._end(status, findings.calling)
        return findings

    def kill(self) -> None:
        """End the process and all that it started; a second call does nothing."""
        # Once it has been waited for, its number may be somebody else's.
        if self._killed:
            return
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _end(self, status: int | None, where: str) -> Problem:
        if status is None:
            return Problem(
                "timed_out", where, f"{where} had not come to an end after {self._seconds:g} s"
            )
        if status < 0:
            name = signal.Signals(-status).name
            return Problem("exited", where, f"{where} ended the process with signal {name}")
        return Problem("exited", where, f"{where} ended the process with status {status}")

    def _listen(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as channel:
            while len(length := channel.read(8)) == 8:
                packed = channel.read(struct.unpack(">Q", length)[0])
                try:
                    self.findings.take(*messages.unpack(packed))
                except (ValueError, KeyError, struct.error):
                    return  # the user's code wrote into our channel, or died while we wrote

    def _swallow(self, output: BinaryIO) -> None:
        count, kept = 0, b""
        while chunk := output.read1(65536):  # type: ignore[attr-defined]
            count += len(chunk)
            kept += chunk[: _KEPT_OUTPUT - len(kept)]
            self.findings.printed = count, kept.decode(errors="replace")
