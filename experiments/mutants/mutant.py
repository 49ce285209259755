"""What a mutant is, and how the text of a function is changed."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Mutant:
    """A variant of one function.

    Attributes
    ----------
    name
        Unique.
    file
        Relative to the package, as ``layers/dense.py``.
    function
        Name of the function, as ``Adam.apply``; empty for the whole file.
    old
        Text that stands there exactly once; empty for the whole body of the function.
    new
        What stands there in the mutant.
    scene
        On which it shows, a key of `experiments.mutants.scenes.SCENES`.
    tensor
        Full name of the tensor where it arises: the first divergence. Empty for a harmless one.
    code
        The diagnosis that should be made; empty where none is known.
    dtypes
        In which it changes a result by more than rounding.
    """

    name: str
    file: str
    function: str
    old: str
    new: str
    scene: str
    tensor: str = ""
    code: str = ""
    dtypes: tuple[str, ...] = DTYPES

    @property
    def harmless(self) -> bool:
        """Whether it changes nothing but rounding."""
        return not self.tensor

    def applied(self, source: str) -> str:
        """Return the text of its file with the mutation.

        Raises
        ------
        ValueError
            If the function, or the text in it, is not there exactly once.
        """
        first, last, indent = _span(source, self.function, body=not self.old)
        lines = source.splitlines(keepends=True)
        text = "".join(lines[first:last])
        if not self.old:
            changed = textwrap.indent(textwrap.dedent(self.new).strip("\n"), indent) + "\n"
        elif text.count(self.old) == 1:
            changed = text.replace(self.old, self.new)
        else:
            raise ValueError(
                f"{self.name}: {self.old!r} stands {text.count(self.old)} times in "
                f"{self.file} {self.function}; expected once"
            )
        return "".join([*lines[:first], changed, *lines[last:]])


def _span(source: str, function: str, *, body: bool) -> tuple[int, int, str]:
    """Return first line, one past the last, and indentation of a function or of its body."""
    if not function:
        return 0, len(source.splitlines()), ""
    node: ast.AST = ast.parse(source)
    for name in function.split("."):
        found = [n for n in ast.iter_child_nodes(node) if getattr(n, "name", None) == name]
        if len(found) != 1:
            raise ValueError(f"{function}: {len(found)} definitions of {name}; expected one")
        [node] = found
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    statements = node.body
    if ast.get_docstring(node) is not None:
        statements = statements[1:]
    start = statements[0].lineno if body else node.lineno
    assert node.end_lineno is not None
    return start - 1, node.end_lineno, " " * statements[0].col_offset
