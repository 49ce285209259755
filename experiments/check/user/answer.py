"""Reading the answers of the user's process, which may say anything."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from experiments.check.user.line_watch import MOST_LINES, WatchedLine
from experiments.check.user.messages import MessageError
from experiments.check.user.recorder import PROBLEMS, Problem

if TYPE_CHECKING:
    from scratchnet.types import Array

_LONGEST_TEXT = 1000
_MOST_ITEMS = 1000
_STEPS = ("0", "again", "1", "train")


class InternalError(Exception):
    """A mistake of ours in the user's process; the message is its traceback."""


@dataclass(frozen=True)
class LoadAnswer:
    """What became of the user's file; see `experiments.check.observation.Findings`."""

    problem: Problem | None
    seconds: float
    library_seconds: float
    not_recognised: str
    form: str
    found: list[str]
    missing: list[str]


@dataclass(frozen=True)
class StepAnswer:
    """What one question brought to light; see `experiments.check.user.recorder.Recorder`."""

    seconds: float
    not_recognised: str
    dtypes: dict[str, str]
    internal: set[str]
    odd_shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    notes: dict[str, str]
    problems: list[Problem]
    tensors: dict[str, Array]


def read_load(header: Mapping[str, Any]) -> LoadAnswer:
    """Read the answer to ``load``.

    Raises
    ------
    MessageError
        If it is none.
    """
    _no_mistake_of_ours(header)
    problem = header.get("problem")
    return LoadAnswer(
        None if problem is None else _problem(problem, ()),
        read_seconds(header.get("seconds")),
        read_seconds(header.get("library_seconds")),
        _text(header.get("not_recognised")),
        _text(header.get("form")),
        [_text(item) for item in _items(header.get("found"))],
        [_text(item) for item in _items(header.get("missing"))],
    )


def read_step(
    header: Mapping[str, Any], tensors: dict[str, Array], names: Collection[str]
) -> StepAnswer:
    """Read the answer to ``prepare``, ``step`` or ``train``.

    Parameters
    ----------
    header, tensors
        As they came.
    names
        Full names of the tensors that there are in this step.

    Raises
    ------
    MessageError
        If it is no answer.
    """
    _no_mistake_of_ours(header)
    for key in tensors:
        _known_key(key, names)
    odd_shapes = _table(header.get("odd_shapes"))
    return StepAnswer(
        read_seconds(header.get("seconds")),
        _text(header.get("not_recognised")),
        {_known_key(k, names): _text(v) for k, v in _table(header.get("dtypes")).items()},
        {_known_key(key, names) for key in _items(header.get("internal"))},
        {_known_key(k, names): _two_shapes(v) for k, v in odd_shapes.items()},
        {_text(k): _text(v) for k, v in _table(header.get("notes")).items()},
        [_problem(item, names) for item in _items(header.get("problems"))],
        tensors,
    )


def read_lines(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> list[WatchedLine]:
    """Read the answer to ``watch``.

    Raises
    ------
    MessageError
        If it is none.
    """
    _no_mistake_of_ours(header)
    found = []
    lines = header.get("lines")
    if not isinstance(lines, list) or len(lines) > 2 * MOST_LINES:
        raise MessageError("no lines where there should be some")
    for entry in lines:
        if not isinstance(entry, list) or len(entry) != 4:
            raise MessageError("no line where there should be one")
        function, line, inputs, results = entry
        if type(line) is not int:
            raise MessageError("a line without a number")
        tables = []
        for table in (_table(inputs), _table(results)):
            if not all(type(n) is int and str(n) in arrays for n in table.values()):
                raise MessageError("an array that there is not")
            tables.append({_text(name): number for name, number in table.items()})
        found.append(WatchedLine(_text(function), line, *tables))
    return found


def _no_mistake_of_ours(header: Mapping[str, Any]) -> None:
    if "replaced" in header:
        raise MessageError(f"{_text(header['replaced'])} of the check was replaced")
    if "internal" in header and isinstance(header["internal"], str):
        raise InternalError(header["internal"])


def _text(value: Any) -> str:
    """Return a text that is harmless in a terminal."""
    if not isinstance(value, str):
        raise MessageError("no text where there should be one")
    return "".join(c if c.isprintable() else " " for c in value[:_LONGEST_TEXT])


def read_seconds(value: Any) -> float:
    """Return a number of seconds."""
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise MessageError("no number of seconds")
    return float(value)


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        raise MessageError("no list where there should be one")
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
        raise MessageError("no table where there should be one")
    return value


def _known_key(value: Any, names: Collection[str]) -> str:
    step, _, name = value.partition("|") if isinstance(value, str) else ("", "", "")
    if step not in _STEPS or name not in names:
        raise MessageError("a tensor that there is not")
    return f"{step}|{name}"


def _two_shapes(value: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shapes = [tuple(shape) for shape in _items(value) if isinstance(shape, list)]
    if len(shapes) != 2 or not all(type(n) is int for shape in shapes for n in shape):
        raise MessageError("no shapes where there should be two")
    return shapes[0], shapes[1]


def _problem(value: Any, names: Collection[str]) -> Problem:
    table = _table(value)
    if set(table) != {field.name for field in fields(Problem)}:
        raise MessageError("no problem where there should be one")
    if table["code"] not in PROBLEMS or table["step"] not in (0, 1):
        raise MessageError("a problem that there is not")
    if table["tensor"] not in ("", *names):
        raise MessageError("a tensor that there is not")
    texts = {name: _text(table[name]) for name in ("code", "where", "sentence", "tensor", "error")}
    return Problem(**texts, step=int(table["step"]))
