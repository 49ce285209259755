"""Arguments that several commands take."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def positive_integer(text: str) -> int:
    """Read a whole number above 0, as a ``type`` for `argparse`.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is anything else.
    """
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive integer")
    return value


def named_path(text: str) -> Path:
    """Read a path; the empty text, as of a shell variable that is not set, is none."""
    if not text:
        raise argparse.ArgumentTypeError("''; expected the name of a folder")
    return Path(text)


def seed(text: str) -> int:
    """Read the seed of a stream of random numbers."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r}; expected an integer from 0 to 2**32 - 1")
    return int(text)


def seconds(text: str) -> float:
    """Read a duration, as ``90``, ``90s``, ``15m`` or ``2h``, in seconds."""
    return _measured(text, {"": 1, "s": 1, "m": 60, "h": 3600}, "a time, as 90s, 15m or 2h")


def size(text: str) -> int:
    """Read a size of memory, as ``500M`` or ``2G``, in bytes."""
    return int(_measured(text, {"M": 2**20, "G": 2**30}, "a size, as 500M or 2G"))


def _measured(text: str, units: dict[str, int], expected: str) -> float:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([a-zA-Z]?)", text)
    if found is None or found[2] not in units or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}; expected {expected}")
    return float(found[1]) * units[found[2]]
