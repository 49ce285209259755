"""What the user's own functions had at hand: the arrays in their locals when they returned."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user.slots import is_array, is_number

if TYPE_CHECKING:
    from scratchnet.types import Array

_MOST = 4000
"""So many arrays of one step are kept; a step of a small network has far fewer."""

_LARGEST = 20_000
"""Elements of the largest array that is kept."""

RETURNED = "()"
"""Stands for what a function returned, in a name such as ``compute_cost()``."""


class Watch:
    """Writes down the arrays that functions of some files have when they return.

    Parameters
    ----------
    files
        File names as code objects have them.

    Attributes
    ----------
    seen
        Copies by ``function.variable`` and ``function()``; the second call of a function is
        ``function#2``.
    """

    def __init__(self, files: set[str]) -> None:
        self.files = files
        self.seen: dict[str, Array] = {}
        self._calls: Counter[str] = Counter()

    def __enter__(self) -> Watch:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "return" or frame.f_code.co_filename not in self.files:
            return
        name = frame.f_code.co_name
        if name.startswith("<") or len(self.seen) > _MOST:
            return
        self._calls[name] += 1
        if self._calls[name] > 1:
            name = f"{name}#{self._calls[name]}"
        for variable, value in frame.f_locals.items():
            flatten(value, f"{name}.{variable}", self.seen)
        flatten(argument, f"{name}{RETURNED}", self.seen)


def flatten(value: Any, name: str, into: dict[str, Array], depth: int = 0) -> None:
    """Write down copies of the arrays in a value: itself, or in dicts, lists and tuples."""
    if is_array(value):
        if value.size <= _LARGEST:
            into[name] = np.array(value)
    elif is_number(value):
        into[name] = np.asarray(value)
    elif depth < 3 and isinstance(value, Mapping):
        for key, item in list(value.items())[:40]:
            flatten(item, f"{name}[{key!r}]", into, depth + 1)
    elif depth < 3 and isinstance(value, list | tuple):
        for key, item in enumerate(value[:40]):
            flatten(item, f"{name}[{key}]", into, depth + 1)
