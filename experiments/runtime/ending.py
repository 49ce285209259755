"""Signals that ask a command to end: all of them end it as Ctrl-C does."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at SIGTERM (a batch system) and at SIGHUP (a lost terminal).

    Each comes once; whoever sends a second one means it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ["SIGTERM"] if sys.platform == "win32" else ["SIGTERM", "SIGHUP"]
    before: dict[signal.Signals, Any] = {}

    def interrupt(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    for name in names:
        number = signal.Signals[name]
        # As nohup wants it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
