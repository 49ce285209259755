"""Watching the user's own lines: which arrays each of them read, and which it made.

Nothing is compared here. The parent knows what the arrays should be, and looks for the first line
whose inputs are right and whose result is not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user.program import parse
from experiments.check.user.watching import flatten

if TYPE_CHECKING:
    from scratchnet.types import Array

MOST_LINES = 4000
"""So many lines of one step are watched; a step of a small network runs far fewer."""

_MOST_ARRAYS = 3000
_SAFE_CALLS = ("str", "len", "int")
_NOT_ARRAYS = ("shape", "size", "ndim", "dtype")
_HEADS = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)


@dataclass
class WatchedLine:
    """One line that ran.

    Attributes
    ----------
    function, line
        Where it is.
    inputs, results
        What it read and what it made: numbers of arrays by expression, as ``self.w1``.
    """

    function: str
    line: int
    inputs: dict[str, int] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Statement:
    line: int
    reads: tuple[tuple[str, CodeType], ...]
    makes: tuple[tuple[str, CodeType], ...]
    returns: bool


class LineWatch:
    """Writes down what every line of a file reads and makes, while it is entered.

    Parameters
    ----------
    file
        The user's file, as code objects name it.

    Attributes
    ----------
    lines
        The lines in the order in which they came to an end.
    began
        How many have begun.
    arrays
        All arrays that they read or made, each once.
    """

    def __init__(self, file: Path) -> None:
        self.lines: list[WatchedLine] = []
        self.arrays: list[Array] = []
        self._file = str(file)
        self._statements = _statements(file)
        self._numbers: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self.began = 0

    def __enter__(self) -> LineWatch:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        inside = code.co_name.startswith("<") and code.co_name not in ("<lambda>", "<module>")
        if event != "call" or code.co_filename != self._file or inside:
            return None
        if self.began > MOST_LINES or len(self.arrays) > _MOST_ARRAYS:
            return None
        return _Frame(self, frame).event

    def statement_at(self, line: int) -> _Statement | None:
        """Return the innermost statement on a line."""
        return self._statements.get(line)

    def number_of(self, array: Array) -> int:
        """Return the number of an array, the same for equal ones."""
        plain = array if array.dtype.kind == "f" else array.astype(np.float64)
        if plain.dtype.itemsize < 4:
            plain = plain.astype(np.float64)
        key = plain.dtype.str, plain.shape, plain.tobytes()
        if key not in self._numbers:
            self._numbers[key] = len(self.arrays)
            self.arrays.append(np.array(plain))
        return self._numbers[key]


class _Frame:
    """A function of the user's that is running."""

    def __init__(self, watch: LineWatch, frame: FrameType) -> None:
        self.watch = watch
        self._function = frame.f_code.co_name
        self._now: _Statement | None = None
        self._inputs: dict[str, int] = {}

    def event(self, frame: FrameType, event: str, value: Any) -> Any:
        if event == "line":
            statement = self.watch.statement_at(frame.f_lineno)
            if statement is not None and statement is self._now:
                return self.event
            self._finish(frame)
            self._now = statement
            if statement is not None:
                self.watch.began += 1
                self._inputs = self._look(frame, statement.reads)
        elif event == "return":
            returned: dict[str, Array] = {}
            returns = self._now is not None and self._now.returns
            if returns or self._function == "<lambda>":
                _flatten(value, "return", returned)
            self._finish(frame, returned)
        return self.event

    def _finish(self, frame: FrameType, returned: dict[str, Array] | None = None) -> None:
        """Write down what the line has made."""
        statement, self._now = self._now, None
        if statement is None:
            return
        results = self._look(frame, statement.makes)
        for name, number in self._look(frame, statement.reads).items():
            # What it read and has changed, as an array in place or a list that has grown.
            if self._inputs.get(name) != number:
                results.setdefault(name, number)
        for name, array in (returned or {}).items():
            results[name] = self.watch.number_of(array)
        if results:
            self.watch.lines.append(
                WatchedLine(self._function, statement.line, self._inputs, results)
            )

    def _look(
        self, frame: FrameType, expressions: tuple[tuple[str, CodeType], ...]
    ) -> dict[str, int]:
        found: dict[str, Array] = {}
        for text, code in expressions:
            try:
                value = eval(code, frame.f_globals, frame.f_locals)
                _flatten(value, text, found)
            except Exception:
                # It may not be there yet, or have a form of its own.
                continue
        return {name: self.watch.number_of(array) for name, array in found.items()}


def _flatten(value: Any, name: str, into: dict[str, Array]) -> None:
    found: dict[str, Array] = {}
    flatten(value, name, found, 1)
    for key, array in found.items():
        if array.dtype.kind in "fiub":
            into[key] = array


def _statements(file: Path) -> dict[int, _Statement]:
    """Return the innermost statement of every line of a file."""
    try:
        statements = parse(file)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[int, _Statement] = {}
    for node in ast.walk(ast.Module(statements, [])):
        if not isinstance(node, ast.stmt):
            continue
        statement = _statement(node)
        last = node.lineno if isinstance(node, _HEADS) else (node.end_lineno or node.lineno)
        for line in range(node.lineno, last + 1):
            # `ast.walk` comes to what is inside later.
            found[line] = statement
    return found


def _statement(node: ast.stmt) -> _Statement:
    makes: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        makes = [part for target in node.targets for part in _targets(target)]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
        makes = _targets(node.target)
    reads: list[ast.expr] = []
    if isinstance(node, ast.For):
        reads = list(_reads(node.iter))
    elif not isinstance(node, _HEADS):
        reads = [part for child in ast.iter_child_nodes(node) for part in _reads(child)]
        if isinstance(node, ast.AugAssign):
            reads += _targets(node.target)
    return _Statement(node.lineno, _compiled(reads), _compiled(makes), isinstance(node, ast.Return))


def _targets(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Tuple | ast.List):
        return [part for element in node.elts for part in _targets(element)]
    if isinstance(node, ast.Starred):
        return _targets(node.value)
    if isinstance(node, ast.Subscript) and not _plain(node.slice):
        # A part of an array: what is made is the whole.
        return [node.value]
    if isinstance(node, ast.Subscript):
        return [node, node.value]
    return [node]


def _reads(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the largest expressions that name something: names, attributes, items."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            yield from _reads(node.func.value)
        for child in [*node.args, *node.keywords]:
            yield from _reads(child)
    elif isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Attribute):
        if node.attr == "T":
            yield from _reads(node.value)
        elif node.attr not in _NOT_ARRAYS and _plain(node):
            yield node
        elif node.attr not in _NOT_ARRAYS:
            yield from _reads(node.value)
    elif isinstance(node, ast.Subscript):
        if _plain(node):
            yield node
        else:
            yield from _reads(node.value)
            yield from _reads(node.slice)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
        for generator in node.generators:
            yield from _reads(generator.iter)
        inner = [node.value] if isinstance(node, ast.DictComp) else [node.elt]
        own = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for part in (p for child in inner for p in _reads(child)):
            if not own & {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}:
                yield part
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _reads(child)


def _plain(node: ast.AST) -> bool:
    """Whether an expression only looks something up, so that it may be evaluated twice."""
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Name)
            and node.func.id in _SAFE_CALLS
            and all(_plain(argument) for argument in node.args)
        )
    kinds = (
        *(ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.UnaryOp),
        *(ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.expr_context),
    )
    return isinstance(node, kinds) and all(_plain(c) for c in ast.iter_child_nodes(node))


def _compiled(nodes: list[ast.expr]) -> tuple[tuple[str, CodeType], ...]:
    found: dict[str, CodeType] = {}
    for node in nodes:
        text = ast.unparse(node)
        found.setdefault(text, compile(ast.parse(text, mode="eval"), "<watch>", "eval"))
    return tuple(found.items())
