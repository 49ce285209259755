"""How a command is called: as a module, or through the one command ``scratchnet``."""

from __future__ import annotations

import sys
from pathlib import Path


def program(command: str) -> str:
    """Return ``scratchnet run``, or ``python -m experiments.run``, as the user called it."""
    called = Path(sys.argv[0]).stem
    return f"scratchnet {command}" if called == "scratchnet" else f"python -m experiments.{command}"
