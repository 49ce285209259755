"""A mutation of foreign code: the text of a function is changed."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Patch:
    """Another text in a function.

    Attributes
    ----------
    function
        Name of the function; empty for the whole file.
    old
        Text that stands there exactly once.
    new
        What stands there instead.
    """

    function: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        """Return the text of a file with the mutation.

        Raises
        ------
        ValueError
            If the function, or the text in it, is not there exactly once.
        """
        first, last = _span(source, self.function)
        lines = source.splitlines(keepends=True)
        text = "".join(lines[first:last])
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.old!r} stands {text.count(self.old)} times in {self.function}; "
                "expected once"
            )
        return "".join([*lines[:first], text.replace(self.old, self.new), *lines[last:]])


def _span(source: str, function: str) -> tuple[int, int]:
    """Return the first line of a function, and one past its last."""
    if not function:
        return 0, len(source.splitlines())
    found = [n for n in ast.parse(source).body if getattr(n, "name", None) == function]
    if len(found) != 1:
        raise ValueError(f"{len(found)} definitions of {function}; expected one")
    [node] = found
    assert node.end_lineno is not None
    return node.lineno - 1, node.end_lineno
