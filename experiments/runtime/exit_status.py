"""Exit statuses: the same in every command, whatever ends it and wherever its output goes."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from experiments.runtime.extras import missing_extras

ALL_WELL = 0
DIVERGENT = 1
REGRESSED = 1
MISJUDGED = 1
BAD_INPUT = 2
CRASHED = 3
INTERRUPTED = 130
OUTPUT_CLOSED = 141
"""As of a program that SIGPIPE ends: whoever read the output, as ``head``, reads no more."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def unless_interrupted(run: Callable[[], int], extras: tuple[str, ...] = ()) -> int:
    """Return the exit status of a command, also where an interrupt or its output ends it.

    Where something of NumPy or of these extras is not installed, one line says what to do.

    What it says on standard error may be lost, and ends nothing: the terminal may be gone while
    the work goes on.
    """
    _fill_standard_descriptors()
    with _lenient_stderr():
        if missing := missing_extras(extras):
            print(missing, file=sys.stderr)
            return BAD_INPUT
        try:
            status = run()
            # What cannot be written shows here, and not when Python has already said goodbye.
            sys.stdout.flush()
            return status
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:
            _drop_output()
            return OUTPUT_CLOSED
        except SystemExit as end:
            # How rich takes it.
            if isinstance(end.__context__, BrokenPipeError):
                _drop_output()
                return OUTPUT_CLOSED
            raise
        except OSError as error:
            # Of a file its name would be known.
            if error.filename is None and error.errno in _NO_ROOM:
                print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
                _drop_output()
                return BAD_INPUT
            return _internal(error)
        except Exception as error:
            return _internal(error)


def _internal(error: Exception) -> int:
    if isinstance(error, MemoryError):
        print("out of memory", file=sys.stderr)
    else:
        traceback.print_exception(error)
        print("internal error: a bug in this program, or a fault of this machine", file=sys.stderr)
    return CRASHED


def _fill_standard_descriptors() -> None:
    """Put something in the place of standard streams that are closed, as by ``>&-``.

    Otherwise the next file that is opened, perhaps one of results, gets their number, and whatever
    is written to the stream goes there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            if descriptor == 1:
                # As if whoever reads it had gone.
                reading, writing = os.pipe()
                os.close(reading)
                _move(writing, 1)
            else:
                _move(os.open(os.devnull, os.O_RDWR), descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _move(descriptor: int, to: int) -> None:
    if descriptor != to:
        os.dup2(descriptor, to)
        os.close(descriptor)


class LenientStream:
    """A stream that drops what cannot be written.

    Parameters
    ----------
    stream
        Where everything goes as long as somebody takes it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self._give_up()
            return len(text)

    def flush(self) -> None:
        """Write what waits, or drop it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _give_up(self) -> None:
        # Python would try to write the rest once more at its end.
        with suppress(OSError, ValueError):
            _move(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _lenient_stderr() -> Iterator[None]:
    before = sys.stderr
    sys.stderr = LenientStream(before)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before


def _drop_output() -> None:
    # Python would try to write the rest once more at its end.
    with suppress(OSError, ValueError):
        _move(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
