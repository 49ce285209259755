"""Work that is timed has its machine to itself, while other work may run side by side.

Processes that are at work hold a lock together; whoever wants to time something waits until no
other holds it. As a worker that waits starts nothing new, all of them get their turn.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


class Machine:
    """The machine, as several processes share it."""

    def __init__(self) -> None:
        user = os.getuid() if hasattr(os, "getuid") else os.getlogin()
        self._path = Path(tempfile.gettempdir()) / f"scratchnet-timing-{user}.lock"
        self._file = -1

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Work beside others."""
        locks = _locks()
        if locks is None:
            yield
            return
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            locks.flock(self._file, locks.LOCK_SH)
            yield
        finally:
            os.close(self._file)
            self._file = -1

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work alone, within a block of `shared`."""
        locks = _locks()
        if locks is None or self._file < 0:
            yield
            return
        # This lets the shared lock go first, so that two who want to be alone do not block.
        locks.flock(self._file, locks.LOCK_EX)
        try:
            yield
        finally:
            locks.flock(self._file, locks.LOCK_SH)


def _locks() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:  # pragma: no cover (Windows)
        return None
    return fcntl
