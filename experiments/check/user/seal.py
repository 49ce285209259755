"""Noticing that the user's code has replaced what writes down its answers.

No lock: whoever takes the trouble can replace the seal as well. What is right is not to be found
in this process; so all that can be gained is that an answer is given by other code than the code
that was asked.
"""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

import numpy as np

_NUMPY = ("array", "asarray", "array_equal", "ascontiguousarray", "errstate", "ndarray")
"""What of NumPy stands between the user's arrays and the line to the parent."""

_BUILTINS = (
    *("dict", "enumerate", "getattr", "isinstance", "len", "list", "map", "max", "min", "open"),
    *("set", "sorted", "str", "tuple", "type", "zip"),
)


class Seal:
    """Remembers what a package's modules hold.

    Parameters
    ----------
    package
        Its name; modules that are loaded later are not watched.
    """

    def __init__(self, package: str) -> None:
        self._modules = [
            module
            for name, module in sys.modules.items()
            if name == package or name.startswith(f"{package}.")
        ]
        self._kept = self._look()

    def broken(self) -> str:
        """Return the name of something that was replaced, or nothing."""
        now = self._look()
        for name in self._kept.keys() | now.keys():
            before, after = self._kept.get(name, ()), now.get(name, ())
            # Not `map` nor `len`: they may be what was replaced.
            if before.__len__() != after.__len__():
                return name
            for index in range(before.__len__()):
                if before[index] is not after[index]:
                    return name
        return ""

    def _look(self) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {
            f"numpy.{name}": (getattr(np, name, None),) for name in _NUMPY
        }
        for name in _BUILTINS:
            found[f"builtins.{name}"] = (getattr(builtins, name, None),)
        for module in self._modules:
            for name, value in vars(module).items():
                if name.startswith("__"):
                    continue
                found[name] = _parts(value)
                if isinstance(value, type) and value.__module__ == module.__name__:
                    for inner, member in vars(value).items():
                        # What Python itself adds later, as for a protocol, means nothing.
                        if not inner.startswith(("_abc", "__")):
                            found[f"{name}.{inner}"] = _parts(member)
        return found


def _parts(value: Any) -> tuple[Any, ...]:
    """Return a thing, and of a function what makes it do what it does."""
    if isinstance(value, property):
        return value, *_parts(value.fget)
    if isinstance(value, staticmethod | classmethod):
        return value, *_parts(value.__func__)
    if isinstance(value, types.FunctionType):
        return value, value.__code__, value.__defaults__, value.__kwdefaults__
    return (value,)
