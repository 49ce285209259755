"""What the text of the user's file says by itself, before anything of it is run."""

from __future__ import annotations

import ast
import contextlib
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from experiments.check.user.notebook import python_of

_MOST_LISTED = 12
_LONGEST_LINE = 90

# What Python 3 does not read, or did away with.
_PYTHON_2 = re.compile(
    rb"^\s*print\s+[\"'\w]|^\s*print\s*$|^\s*except\s+[\w.]+\s*,\s*\w+\s*:|^\s*raise\s+\w+\s*,\s|"
    rb"^\s*exec\s+[\"'\w]|<>|\b0[0-7]+\b(?![.xX])",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Source:
    """The user's file as it was when the check began.

    Attributes
    ----------
    path
        Where it is.
    text
        Its bytes.
    """

    path: Path
    text: bytes

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a file; of a notebook, its code."""
        text = path.read_bytes()
        return cls(path, python_of(text).encode() if path.suffix == ".ipynb" else text)

    @cached_property
    def syntax_error(self) -> str:
        """What this Python cannot read, with its line; empty if it reads everything."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                compile(self.text, str(self.path), "exec", dont_inherit=True)
            except SyntaxError as error:
                at = f"line {error.lineno} of " if error.lineno else ""
                return f"{at}{self.path.name}: {error.msg}"
            except (ValueError, RecursionError, MemoryError) as error:
                return f"{self.path.name}: {error}"
        return ""

    @property
    def is_python_2(self) -> bool:
        """Whether it looks like Python 2."""
        return bool(self.syntax_error and _PYTHON_2.search(self.text))

    @cached_property
    def words(self) -> set[str]:
        """The words by which the source could tell one activation from another.

        Whole strings, names of functions, and keywords, in the file and in modules of the same
        folder that it imports. That ``np.tanh`` is called says nothing: a sigmoid may be made of
        it.
        """
        words: set[str] = set()
        for tree in self._trees():
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    words.add(node.value)
                elif isinstance(node, ast.FunctionDef):
                    words.add(node.name)
                elif isinstance(node, ast.keyword) and node.arg is not None:
                    words.add(node.arg)
        return words

    @cached_property
    def names(self) -> set[str]:
        """Every name, attribute and short string of the source."""
        found: set[str] = set()
        for tree in self._trees():
            for node in ast.walk(tree):
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                    found.add(node.name)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value[:40])
        return found

    @cached_property
    def lines_with_is(self) -> list[int]:
        """The lines that compare a literal by identity, of which Python warns."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                compile(self.text, str(self.path), "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return []
        return [w.lineno for w in caught if str(w.message).startswith('"is')]

    @cached_property
    def contents(self) -> list[str]:
        """Its classes and functions with their parameters, a line each, the first dozen."""
        tree = _parsed(self.text)
        lines = _by_pattern(self.text) if tree is None else list(_by_syntax(tree))
        lines = [_cut(line) for line in lines]
        if len(lines) > _MOST_LISTED:
            lines[_MOST_LISTED:] = [f"... and {len(lines) - _MOST_LISTED} more"]
        return lines

    def _trees(self) -> Iterator[ast.Module]:
        """Yield the file's tree, and those of the modules beside it that it imports."""
        folder, waiting, seen = self.path.parent, [self.text], {self.path}
        while waiting:
            tree = _parsed(waiting.pop())
            if tree is None:
                continue
            yield tree
            for name in _imported(tree):
                path = folder / f"{name}.py"
                if path not in seen:
                    seen.add(path)
                    with contextlib.suppress(OSError):
                        waiting.append(path.read_bytes())


def _parsed(text: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names)


def _by_syntax(tree: ast.Module) -> Iterator[str]:
    """Yield what is defined, also inside `if` and `try`, but not inside functions."""
    waiting: list[ast.stmt] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            methods = [m for m in node.body if isinstance(m, ast.FunctionDef)]
            yield f"class {node.name}: {', '.join(_signature(m, method=True) for m in methods)}"
        elif isinstance(node, ast.FunctionDef):
            yield f"def {_signature(node, method=False)}"
        else:
            inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]
            waiting += reversed(inner)


def _signature(node: ast.FunctionDef, *, method: bool) -> str:
    parameters = ast.unparse(node.args)
    if method:
        parameters = re.sub(r"^self(, )?", "", parameters)
    return f"{node.name}({parameters})"


def _by_pattern(text: bytes) -> list[str]:
    """Return what is defined in a file that this Python cannot read."""
    found = re.findall(rb"^\s*((?:class|def)\s+\w+[^\n]*?)\s*:\s*(?:#.*)?$", text, re.MULTILINE)
    return [" ".join(line.decode(errors="replace").split()) for line in found]


def _cut(line: str) -> str:
    line = line.rstrip(": ")
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 3] + "..."
