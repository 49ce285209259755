"""Results that survive a crash: a folder per trial, written the moment the trial ends.

::

    results/article/trials/<key>/result.json    numbers and rows
                                 arrays.npz     histories, predictions, grids
                                 crash.txt      instead, where there is no result: why

Every file appears whole or not at all. `result.json` is written last, so where it is, all is; and
it holds its trial's key and checksums over both files, see `experiments.trials.record`. Only the
process that runs the command writes here: others send it what they found.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from experiments.plan.plan import Trial
from experiments.runtime.files import read_file
from experiments.trials.own_files import FIXED, FolderError, OwnFiles
from experiments.trials.record import (
    MALFORMED,
    DamagedError,
    LaterFormatError,
    Record,
    record,
)
from experiments.trials.sources import origin
from experiments.trials.trial import TrialResult

DAMAGED = "damaged"
"""The folder for what does not fit."""

_TABLE, _ARRAYS, _CRASH = "result.json", "arrays.npz", "crash.txt"


FINISHED = ("finished", "not finite")
"""The statuses of trials that have a result; of the second a loss became nan or infinite."""


class StoreError(FolderError):
    """A result cannot be read; the message is one line for the user."""


@dataclass(frozen=True)
class Failure:
    """Why a trial has no result.

    Attributes
    ----------
    status
        ``crashed``, ``timed out`` or ``out of memory``.
    reason
        In a line.
    details
        The traceback, or empty.
    """

    status: str
    reason: str
    details: str = ""


@dataclass(frozen=True)
class Found:
    """What is stored of a trial.

    Attributes
    ----------
    state
        ``finished`` or ``failed``, by the code of today; ``outdated``; ``absent``; or ``damaged``.
    reason
        How it shows that it is damaged.
    """

    state: str
    reason: str = ""


class Store:
    """The folder of a run.

    Parameters
    ----------
    folder
        To read from; `open` gives a store that is written to.
    own_files
        Which files there may be replaced.
    """

    def __init__(self, folder: Path, own_files: OwnFiles | None = None) -> None:
        self.folder = folder
        self._own_files = own_files

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Take a folder to write results to.

        Raises
        ------
        FolderError
            If it is somebody else's, or cannot be written.
        """
        return cls(folder, OwnFiles.open(folder, *FIXED))

    @property
    def own_files(self) -> OwnFiles:
        """Which files of the folder may be replaced."""
        if self._own_files is None:
            raise ValueError("this store was not opened for writing")
        return self._own_files

    @property
    def trials(self) -> Path:
        """Where the trials' folders are."""
        return self.folder / "trials"

    def path(self, trial: Trial) -> Path:
        """Return the folder of a trial."""
        return self.trials / trial.key

    def look(self, trial: Trial) -> Found:
        """Say what is stored of a trial, after a look at every byte.

        Raises
        ------
        StoreError
            If a later version of this program wrote it.
        """
        try:
            found = self._record(trial)
            if found is not None:
                return Found("finished" if found.is_current(trial) else "outdated")
            failure = self._failure(trial)
            if failure is not None:
                return Found("failed" if failure[1] else "outdated")
        except DamagedError as error:
            return Found("damaged", str(error))
        except LaterFormatError as error:
            raise StoreError(
                f"{self.path(trial)}: {error}; choose another folder with --out"
            ) from None
        return Found("absent")

    def has(self, trial: Trial) -> bool:
        """Whether the trial is finished, by the code and the libraries of today."""
        return self.look(trial).state == "finished"

    def save(self, result: TrialResult) -> None:
        """Write a finished trial."""
        self.put(result.trial, record(result))

    def put(self, trial: Trial, found: Record) -> None:
        """Write the record of a finished trial."""
        table, arrays, crash = (self._name(trial, name) for name in (_TABLE, _ARRAYS, _CRASH))
        # In this order there is never a table beside the arrays of another result.
        self.own_files.clear(table, crash)
        with self.own_files.writing(arrays) as path:
            path.write_bytes(found.arrays)
        with self.own_files.writing(table) as path:
            path.write_bytes(found.table)

    def load(self, trial: Trial) -> TrialResult:
        """Read a finished trial, under the name that the plan gives it.

        Raises
        ------
        StoreError
            If it is not there, or not what was written.
        """
        try:
            found = self._record(trial)
            if found is None:
                raise DamagedError(f"{_TABLE} is not there")
            return found.result(trial)
        except (DamagedError, LaterFormatError) as error:
            raise StoreError(
                f"{self.path(trial)}: cannot be read as a result ({error}); experiments.run, "
                "started again, keeps it aside and repeats this trial"
            ) from None

    def save_failure(self, trial: Trial, failure: Failure) -> None:
        """Write why a trial has no result: a line, and below it the traceback."""
        head = {"key": trial.key, "origin": origin(), "status": failure.status}
        text = f"{failure.reason}\n\n{failure.details.strip()}".strip()
        self.write_text(self._name(trial, _CRASH), _crash_text(text, head))

    def failure(self, trial: Trial) -> Failure | None:
        """Return what `save_failure` wrote, or None.

        Raises
        ------
        StoreError
            If it is not what was written.
        """
        try:
            found = self._failure(trial)
        except DamagedError as error:
            raise StoreError(f"{self.path(trial)}: {error}") from None
        return None if found is None else found[0]

    def prepare(self, *trials: Trial) -> None:
        """Remove what an earlier run left of trials that run now, and make room for their files.

        Raises
        ------
        FolderError
            If somebody else's file is in the way.
        """
        names = [self._name(trial, name) for trial in trials for name in (_TABLE, _ARRAYS, _CRASH)]
        self.own_files.claim(*names)
        self.own_files.clear(*names)

    def put_aside(self, trial: Trial) -> Path:
        """Move what is stored of a trial to where it is kept and not read; return the place."""
        for number in itertools.count(1):
            place = f"{DAMAGED}/{trial.key}-{number}"
            if not os.path.lexists(self.folder / place):
                break
        for name in (_TABLE, _ARRAYS, _CRASH):
            self.own_files.move(self._name(trial, name), f"{place}/{name}")
        return self.folder / place

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run's folder.

        Raises
        ------
        FolderError
            If somebody else's file has this name.
        """
        self.own_files.write_text(name, text)

    def _name(self, trial: Trial, name: str) -> str:
        return f"trials/{trial.key}/{name}"

    def _read(self, trial: Trial, name: str) -> bytes | None:
        try:
            return read_file(self.path(trial) / name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DamagedError(f"{name} cannot be read: {error.strerror}") from None

    def _record(self, trial: Trial) -> Record | None:
        table = self._read(trial, _TABLE)
        if table is None:
            return None
        arrays = self._read(trial, _ARRAYS)
        if arrays is None:
            raise DamagedError(f"{_ARRAYS} is not there")
        return Record(table, arrays)

    def _failure(self, trial: Trial) -> tuple[Failure, bool] | None:
        """Return why a trial failed, and whether that was by the code of today."""
        content = self._read(trial, _CRASH)
        if content is None:
            return None
        damaged = DamagedError(f"{_CRASH} is not what was stored")
        try:
            text, rule, last = content.decode("utf-8").rpartition(f"\n{_RULE}")
            head: dict[str, Any]
            if not rule:
                # As it was before there were checksums.
                text, head = last, {"status": "crashed", "origin": None}
            else:
                head = json.loads(last)
                del head["checksum"]
                if _crash_text(text, head) != content.decode() or head["key"] != trial.key:
                    raise damaged
        except MALFORMED:
            raise damaged from None
        reason, _, details = text.strip().partition("\n")
        failure = Failure(head["status"], reason, details.strip())
        return failure, head["origin"] == origin()


_RULE = "-- "
"""Before the last line of ``crash.txt``, which is for this program."""


def _crash_text(text: str, head: Mapping[str, Any]) -> str:
    checksum = hashlib.sha256(f"{json.dumps(head)}{text}".encode()).hexdigest()
    return f"{text}\n{_RULE}{json.dumps({**head, 'checksum': checksum})}\n"
