"""What a stored result must have been computed by to be taken for today's."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.runtime.extensions import load_extensions

ROOT = Path(__file__).parents[2]
ROOMS = ("scratchnet", "keras_baseline", "experiments/parity", "experiments/plan")
MODULES = (
    "trial.py",
    "boundary.py",
    "comparability.py",
    "data.py",
    "snapshots.py",
    "turns.py",
)
"""What computes a trial's result, beside the rooms."""


@cache
def origin() -> dict[str, Any]:
    """Return which code and which libraries compute in this process.

    A network that was changed since must be compared anew, so the sources count, and so do the
    libraries. Asked once: whoever edits the sources during a run does not lose what it finishes.
    """
    from importlib.metadata import version

    return {
        "sources": sources_hash(),
        **{name: version(name) for name in ("numpy", "scikit-learn", "keras", "tensorflow")},
    }


def sources_hash() -> str:
    """Hash the code that decides the outcome of a trial, see `code_hash`."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    # Layers, losses and optimizers of the user's own compute too.
    paths += [path for module in load_extensions() for path in _files(module)]
    paths += [ROOT / "experiments/trials" / name for name in MODULES]
    # By what they say, not by name or place: a file that moves computes what it computed before.
    found = {code_hash(path.read_text(encoding="utf-8")) for path in paths}
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()[:16]


def _files(module: ModuleType) -> list[Path]:
    """Return the sources of a module, or of a package and all that is in it."""
    if module.__file__ is None:
        return []
    path = Path(module.__file__)
    return list(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def code_hash(source: str) -> str:
    """Hash what a module's code says; empty where it says nothing.

    Comments, docstrings, layout and imports do not count: they change nothing that is computed,
    and a module that moves changes the imports of many.
    """
    said = _Said().visit(ast.parse(source))
    # Without positions in the file.
    return hashlib.sha256(ast.dump(said).encode()).hexdigest() if said.body else ""


class _Said(ast.NodeTransformer):
    """Takes away what is there for readers, type checkers and the search for modules."""

    def visit_Import(self, _: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, _: ast.ImportFrom) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        # A docstring, or another text that stands alone.
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse:
            return None
        return self.generic_visit(node)
