"""TOML text becomes plain data, or a line that says why it does not."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.plan.mistakes import PlanError, shown

_DEEPEST = 50


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file.

    Raises
    ------
    PlanError
        If there is none, or it is not TOML that a plan could be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError(f"{path}: no such plan{_nearest_plan(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PlanError(f"{path}: cannot be read as a plan: {reason}") from None
    try:
        return parse_toml(text)
    except PlanError as error:
        raise error.at(str(path)) from None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse text.

    Raises
    ------
    PlanError
        If it is not TOML, holds an integer that TOML does not have, or is nested without reason.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"not TOML: {error}") from None
    except RecursionError:
        raise PlanError(f"not a plan: nested deeper than {_DEEPEST} levels") from None
    except ValueError:
        # Python refuses to read an integer of more than 4,300 digits.
        number = re.search(r"[0-9_]{4000,}", text)
        line = text.count("\n", 0, number.start()) + 1 if number else 1
        raise PlanError(f"line {line}: an integer {_TOO_LONG}") from None
    mistakes = _unreadable(table)
    if mistakes:
        raise PlanError(mistakes)
    return table


_TOO_LONG = "of more than 64 bits; expected one that TOML has, from -2**63 to 2**63 - 1"


def _unreadable(table: Mapping[str, Any]) -> list[str]:
    """Return what no plan may hold, wherever it stands."""
    mistakes = []
    waiting: list[tuple[str, int, Any]] = [("", 0, table)]
    while waiting:
        place, depth, value = waiting.pop()
        if depth > _DEEPEST:
            # One line is enough, and the place would be long.
            return [f"{place.split('.')[0]}: nested deeper than {_DEEPEST} levels"]
        if isinstance(value, Mapping):
            before = f"{place}." if place else ""
            waiting += [(f"{before}{key}", depth + 1, entry) for key, entry in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}[{i}]", depth + 1, entry) for i, entry in enumerate(value)]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            mistakes.append(f"{place} = {shown(value)}; an integer {_TOO_LONG}")
    return mistakes


def _nearest_plan(path: Path) -> str:
    """Suggest a plan of a similar name in the same folder."""
    names = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {path.parent / near[0]}?)" if near else ""
