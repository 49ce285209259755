"""Exit statuses: the same in every command."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

ALL_WELL = 0
DIVERGENT = 1
REGRESSED = 1
MISJUDGED = 1
BAD_INPUT = 2
CRASHED = 3
INTERRUPTED = 130
OUTPUT_CLOSED = 141
"""As of a program that SIGPIPE ends: whoever read the output, as ``head``, reads no more."""


def unless_interrupted(run: Callable[[], int]) -> int:
    """Return the exit status of a command, also where an interrupt or its output ends it."""
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
            return OUTPUT_CLOSED
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
        _drop_output()
        return BAD_INPUT


def _drop_output() -> None:
    # Python would try to write the rest once more at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
