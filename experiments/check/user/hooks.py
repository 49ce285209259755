"""Loops of the user's code that can be entered with other numbers and left after one round.

Every loop is rewritten, so that it asks here before it begins, at each round, and at its end:

    for x in items:            values = __loops__.enter(3, locals())
        body                   if "w" in values: w = values["w"]      (for each local name)
                               for x in __loops__.rounds(3, items):
                                   body
                                   __loops__.leave(3, locals())
                               __loops__.leave(3, locals())

Nobody asks for a loop unless it is the one that is looked at, and then it runs as it was written.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

NAME = "__loops__"
"""Under which the rewritten code finds its `Loops`."""

_LONGEST = 1.0
"""Seconds after which a loop of a function is cut short while the file is being read."""


class LeftError(BaseException):
    """The loop that was looked at has been left; what had been computed is in its `names`.

    Not an `Exception`, so that the user's own handlers let it pass.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__("left")
        self.names = names


@dataclass(frozen=True)
class Loop:
    """A loop of the user's.

    Attributes
    ----------
    number
        Which one.
    function
        Full name of the function that it is in, as ``Net.fit``; empty at module level.
    line
        Where it begins.
    depth
        How many loops it is in.
    """

    number: int
    function: str
    line: int
    depth: int


class Loops:
    """Who is asked by the rewritten loops."""

    def __init__(self) -> None:
        self.target: int | None = None
        self.on_enter: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self.reading = True
        self._entered = False

    def look_at(self, number: int, on_enter: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Let a loop be entered by way of `on_enter` and left after a round."""
        self.target, self.on_enter = number, on_enter
        self._entered = False

    def look_away(self) -> None:
        """Let all loops run as they were written."""
        self.target = self.on_enter = None

    def enter(self, number: int, names: dict[str, Any]) -> dict[str, Any]:
        """Return what the loop's names are to be set to."""
        if number != self.target or self.on_enter is None or self._entered:
            return {}
        self._entered = True
        return self.on_enter(names)

    def rounds(self, number: int, items: Iterable[Any]) -> Iterator[Any]:
        """Yield what a loop goes through."""
        began = time.monotonic()
        for item in items:
            yield item
            if number == self.target:
                return
            if self.reading and time.monotonic() - began > _LONGEST:
                return

    def leave(self, number: int, names: dict[str, Any]) -> None:
        """Stop, if the loop is the one that is looked at."""
        if number == self.target and self._entered:
            raise LeftError(dict(names))


class _Rewriter(ast.NodeTransformer):
    def __init__(self, first: int) -> None:
        self.loops: list[Loop] = []
        self._next = first
        self._functions: list[str] = []
        self._names: list[set[str]] = []
        self._depth = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        names = _local_names(node)
        depth, self._depth = self._depth, 0
        self._functions.append(node.name)
        self._names.append(names)
        self.generic_visit(node)
        self._names.pop()
        self._functions.pop()
        self._depth = depth
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_For(self, node: ast.For) -> list[ast.stmt] | ast.AST:
        return self._rewritten(node)

    def visit_While(self, node: ast.While) -> list[ast.stmt] | ast.AST:
        return self._rewritten(node)

    def _rewritten(self, node: ast.For | ast.While) -> list[ast.stmt] | ast.AST:
        number = self._next
        self._next += 1
        self.loops.append(Loop(number, ".".join(self._functions), node.lineno, self._depth))
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        leave = _statement(f"{NAME}.leave({number}, locals())", node)
        if isinstance(node, ast.For):
            node.iter = _call("rounds", number, node.iter)
            loop: ast.stmt = node
        else:
            # The condition is asked each time, as it was.
            each = ast.Name("__round__", ast.Store())
            condition = ast.Expression(node.test)
            items = ast.parse(f"iter(lambda: bool(0), {True})", mode="eval").body
            assert isinstance(items, ast.Call)
            items.args[0] = ast.Lambda(
                ast.arguments([], [], None, [], [], None, []), _as_bool(condition.body)
            )
            # iter(call, False) ends when the condition is no longer true.
            items.args[1] = ast.Constant(value=False)
            if self._names:
                # A lambda sees local names; they are never set inside it.
                pass
            loop = ast.For(each, _call("rounds", number, items), node.body, node.orelse)
            ast.copy_location(loop, node)
        assert isinstance(loop, ast.For)
        loop.body = [*loop.body, leave]
        enter = _statement(f"__values__ = {NAME}.enter({number}, locals())", node)
        names = self._names[-1] if self._names else set()
        sets = [
            _statement(f"if {name!r} in __values__: {name} = __values__[{name!r}]", node)
            for name in sorted(names)
        ]
        after = _statement(f"{NAME}.leave({number}, locals())", node)
        return [enter, *sets, loop, after]


def _as_bool(test: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("bool", ast.Load()), [test], [])


def _call(method: str, number: int, items: ast.expr) -> ast.expr:
    function = ast.Attribute(ast.Name(NAME, ast.Load()), method, ast.Load())
    return ast.copy_location(ast.Call(function, [ast.Constant(value=number), items], []), items)


def _statement(text: str, where: ast.stmt) -> ast.stmt:
    (statement,) = ast.parse(text).body
    for node in ast.walk(statement):
        ast.copy_location(node, where)
    return statement


def _local_names(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function sets, its parameters among them."""
    arguments = function.args
    names = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    others: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            others |= set(node.names)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for generator in node.generators:
                inside = ast.walk(generator.target)
                others |= {n.id for n in inside if isinstance(n, ast.Name)}
    return {n for n in names - others if not n.startswith("__")}


def rewrite(statements: list[ast.stmt], first: int = 0) -> tuple[list[ast.stmt], list[Loop]]:
    """Rewrite the loops of some statements.

    Returns
    -------
    tuple
        The statements, and their loops, numbered from `first` on.
    """
    rewriter = _Rewriter(first)
    module = rewriter.visit(ast.Module(statements, []))
    ast.fix_missing_locations(module)
    return module.body, rewriter.loops
