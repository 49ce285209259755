"""Arguments that several commands take."""

from __future__ import annotations

import argparse
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
