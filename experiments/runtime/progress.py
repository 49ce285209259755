"""How far a command is, on standard error: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import IO, Protocol, cast

from experiments.runtime.exit_status import LenientStream

INTERVAL = 30.0
"""Seconds between two lines."""


class Progress(Protocol):
    """Told how much is done of a number of things, and what is being done."""

    def update(self, done: float, doing: str) -> None:
        """Show it."""


@contextmanager
def progress(total: int, done: int = 0) -> Iterator[Progress]:
    """Show progress, also while TensorFlow's chatter is kept from standard error.

    Parameters
    ----------
    total
        Number of things to do.
    done
        How many are done at the start.
    """
    with os.fdopen(os.dup(2), "w") as stream:
        # A terminal that is gone ends no run.
        lenient = cast("IO[str]", LenientStream(stream))
        if not sys.stderr.isatty():
            yield Lines(lenient, total)
            return
        with _bar(lenient, total, done) as bar:
            yield bar


class Lines:
    """A line at intervals, as a log wants it.

    Parameters
    ----------
    stream
        Where they go.
    total
        Number of things to do.
    """

    def __init__(self, stream: IO[str], total: int) -> None:
        self._stream = stream
        self._total = total
        self._began = self._last = monotonic()

    def update(self, done: float, doing: str) -> None:
        """Write a line, unless one was written just now or everything is done."""
        now = monotonic()
        if now - self._last < INTERVAL or done >= self._total:
            return
        self._last = now
        minutes, seconds = divmod(int(now - self._began), 60)
        self._stream.write(
            f"{int(done)} of {self._total} trials done after {minutes}:{seconds:02}; {doing}\n"
        )
        self._stream.flush()


@contextmanager
def _bar(stream: IO[str], total: int, done: int) -> Iterator[Progress]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.description}"),
    )
    with bars.Progress(*columns, console=Console(file=stream)) as shown:
        task = shown.add_task("", total=total, completed=done)

        class Bar:
            def update(self, done: float, doing: str) -> None:
                shown.update(task, completed=done, description=doing)

        yield Bar()
