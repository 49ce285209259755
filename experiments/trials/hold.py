"""One process at a time works in a run's folder: a second one is told which that is."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from experiments.runtime.files import read_text
from experiments.trials.own_files import FolderError, OwnFiles

NAME = "run-lock.txt"


class HeldError(FolderError):
    """Another process works in the folder."""


_LOOK = 0.5
"""Seconds between two looks at whether a folder is free."""


@contextmanager
def held(own_files: OwnFiles, *, wait: bool, say: Callable[[str], None]) -> Iterator[None]:
    """Keep other processes out of a run's folder during the block.

    The system gives the folder free when this process ends, however it ends.

    Parameters
    ----------
    own_files
        Of the folder.
    wait
        Whether to wait until it is free.
    say
        Told, once, for whom this waits.

    Raises
    ------
    HeldError
        If another process holds it, unless `wait`.
    """
    path = own_files.folder / NAME
    own_files.claim(NAME)
    try:
        # Never replaced by another file, on which another process could have a lock of its own.
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise FolderError(f"{path}: cannot be written ({error.strerror})") from None
    with file:
        told = False
        while not _lock(file):
            holder = _holder(path)
            if not wait:
                raise HeldError(
                    f"{own_files.folder}: another process works there, {holder}; wait for it "
                    "with --wait, or choose another folder with --out"
                )
            if not told:
                say(f"{own_files.folder}: waits for another process to finish, {holder}")
                told = True
            time.sleep(_LOOK)
        file.truncate(0)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        json.dump({"process": os.getpid(), "machine": socket.gethostname(), "since": now}, file)
        file.flush()
        yield


def _lock(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # pragma: no cover (Windows)
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        table = json.loads(read_text(path))
        return f"process {table['process']} on {table['machine']} since {table['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        # It writes so just now.
        return "started just now"
