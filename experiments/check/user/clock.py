"""The time that the user's code takes: its own, not that of a busy machine.

On Linux the time that a process waits for a core is not counted; elsewhere the clock on the wall
is all there is.
"""

from __future__ import annotations

import signal
import time
import types
from collections.abc import Callable

LIBRARY_SECONDS = 60.0
"""What the libraries that a file imports may take, apart from the file's own code."""

DEAF = 97
"""Exit status of a process whose code does not hear that its time is over."""

_TICK = 0.1
_SWALLOWED = 10
"""Whoever swallows the end of the time so often will never hear of it."""

_LEAST_SHARE = 1 / 8
"""Of the clock on the wall, however long the process says that it has waited for a core."""


class TimeLimitError(BaseException):
    """The time is over. Not an `Exception`, so that the user's own handlers let it pass."""


class OwnTime:
    """Measures the time that a process has had since this was made.

    Parameters
    ----------
    process
        Its number, or ``"self"``.
    """

    def __init__(self, process: int | str = "self") -> None:
        self._process = process
        self._start = time.perf_counter()
        self._waited = _waited(process)

    @property
    def seconds(self) -> float:
        """Seconds, without those spent waiting for a core."""
        wall = time.perf_counter() - self._start
        waited = _waited(self._process) - self._waited
        return max(wall - max(waited, 0.0), wall * _LEAST_SHARE)


def _waited(process: int | str) -> float:
    """Return how long the main thread of a process has waited for a core; 0 where unknown."""
    try:
        with open(f"/proc/{process}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class Alarm:
    """Raises `TimeLimitError` inside the user's code when its time is over.

    Parameters
    ----------
    on_deaf
        Called if the user's code swallows that again and again; None for no alarm at all.

    Attributes
    ----------
    code, libraries
        Own seconds since `start`: in the user's code, and in libraries that it imports.
    """

    def __init__(self, on_deaf: Callable[[], None] | None) -> None:
        self._on_deaf = on_deaf
        self._begin(0.0)
        if on_deaf is not None:
            signal.signal(signal.SIGALRM, self._ring)

    def start(self, seconds: float) -> None:
        """Let the user's code have so many seconds from now on."""
        self._begin(seconds)
        if self._on_deaf is not None:
            signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)

    def stop(self) -> float:
        """Unset the alarm, and return the own seconds since `start`."""
        if self._on_deaf is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._count(in_library=False)
        return self.code

    def _begin(self, seconds: float) -> None:
        self.code = self.libraries = self._counted = 0.0
        self._limit = seconds
        self._rung = 0
        self._time = OwnTime()

    def _count(self, *, in_library: bool) -> None:
        seconds = self._time.seconds
        if in_library:
            self.libraries += seconds - self._counted
        else:
            self.code += seconds - self._counted
        self._counted = seconds

    def _ring(self, _: int, frame: types.FrameType | None) -> None:
        in_library = _inside_library_import(frame)
        self._count(in_library=in_library)
        # Halfway through importing a library, as TensorFlow, is no place to stop.
        if self.libraries < LIBRARY_SECONDS and (in_library or self.code < self._limit):
            return
        self._rung += 1
        if self._rung > _SWALLOWED and self._on_deaf is not None:
            self._on_deaf()
        raise TimeLimitError


def _inside_library_import(frame: types.FrameType | None) -> bool:
    """Whether an import statement, other than that of the user's file, is being carried out."""
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load":
            return True
        frame = frame.f_back
    return False
