"""Arguments that several commands take."""

from __future__ import annotations

import argparse


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
