"""Exit statuses: the same in every command."""

from __future__ import annotations

import sys
from collections.abc import Callable

ALL_WELL = 0
DIVERGENT = 1
REGRESSED = 1
MISJUDGED = 1
BAD_INPUT = 2
CRASHED = 3
INTERRUPTED = 130


def unless_interrupted(run: Callable[[], int]) -> int:
    """Return the exit status of a command, or say that the user interrupted it."""
    try:
        return run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
