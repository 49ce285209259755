"""The one exception for a network description that cannot be built."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArchitectureError(ValueError):
    """An architecture is wrong; the message names the layer, the field and what was expected."""


def check_choice(field: str, value: object, choices: Iterable[str]) -> None:
    """Require that a field names one of the known entries.

    Raises
    ------
    ArchitectureError
        With the choices, and the nearest of them where one is near.
    """
    known = list(choices)
    if isinstance(value, str) and value in known:
        return
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ArchitectureError(f"{field} = {value!r}; expected one of {', '.join(known)}{hint}")


def check_keys(keys: Iterable[str], known: Iterable[str]) -> None:
    """Require that every key of a table is known.

    Raises
    ------
    ArchitectureError
        Naming the first unknown key, and the nearest known one.
    """
    expected = list(known)
    for key in keys:
        if key not in expected:
            near = difflib.get_close_matches(str(key), expected, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ArchitectureError(
                f"unknown key {key!r}; expected one of {', '.join(expected)}{hint}"
            )


def check_positive(field: str, value: object) -> None:
    """Require a positive integer.

    Raises
    ------
    ArchitectureError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArchitectureError(f"{field} = {value!r}; expected a positive integer")


def check_boolean(field: str, value: object) -> None:
    """Require true or false.

    Raises
    ------
    ArchitectureError
        If it is neither.
    """
    if not isinstance(value, bool):
        raise ArchitectureError(f"{field} = {value!r}; expected true or false")


def check_share(
    field: str, value: object, *, lowest: float = 0.0, highest: float = 1.0, open_end: bool = True
) -> None:
    """Require a number from `lowest` to `highest`, which itself is allowed unless `open_end`.

    Raises
    ------
    ArchitectureError
        If it is none.
    """
    inside = (
        not isinstance(value, bool)
        and isinstance(value, int | float)
        and lowest <= value <= highest
        and not (open_end and value == highest)
    )
    if not inside:
        end = f"below {highest:g}" if open_end else f"to {highest:g}"
        limit = ", finite" if highest == float("inf") else f" {end}"
        raise ArchitectureError(f"{field} = {value!r}; expected a number from {lowest:g}{limit}")
