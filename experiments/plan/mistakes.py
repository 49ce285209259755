"""What is wrong with a plan, in lines that any terminal can show."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

_MOST_LINES = 25
_LONGEST_LINE = 600


class PlanError(ValueError):
    """A plan is wrong; the message has one line for each mistake.

    Parameters
    ----------
    mistakes
        One line, or several; the same line twice counts once.

    Attributes
    ----------
    mistakes
        The lines.
    """

    def __init__(self, mistakes: str | Iterable[str]) -> None:
        lines = [mistakes] if isinstance(mistakes, str) else mistakes
        self.mistakes = tuple(dict.fromkeys(printable(line) for line in lines))
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        """Return the lines, the first of them where there are very many."""
        shown = list(self.mistakes[:_MOST_LINES])
        if hidden := len(self.mistakes) - len(shown):
            shown.append(f"and {hidden:,} more mistakes")
        return "\n".join(shown)

    def at(self, place: str) -> PlanError:
        """Return the same mistakes, each with a place in front."""
        return PlanError(f"{place}: {mistake}" for mistake in self.mistakes)


def printable(text: str) -> str:
    """Return text on one line, with everything escaped that would not show as itself."""
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 4]} ..."


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, short, and whatever it is."""
    try:
        return printable(_REPR.repr(value))
    except (ValueError, RecursionError):
        # Python does not write out an integer of more than 4,300 digits.
        return f"<a value of type {type(value).__name__} that is too long to show>"


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80
_REPR.maxlist = _REPR.maxdict = 8
_REPR.maxlevel = 4


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return a hint at the known word that is nearest, or nothing."""
    near = difflib.get_close_matches(str(word)[:100], list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
