"""A copy of the scratchnet package with a mutation, loaded beside the real one."""

from __future__ import annotations

import importlib.abc
import importlib.util
import re
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import scratchnet
from experiments.mutants.mutant import Mutant

_ALIAS = "mutated_scratchnet"
_ROOT = Path(scratchnet.__file__).parent


@lru_cache(maxsize=1)
def load(mutant: Mutant | None) -> Any:
    """Return the package with a mutation (None: without any) as a module of its own.

    The last one is kept, for another dtype.

    Raises
    ------
    ValueError
        If the mutation does not fit the text.
    """
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    try:
        package = importlib.import_module(_ALIAS)
        for path in _ROOT.rglob("*.py"):
            importlib.import_module(_module_name(path))
        return package
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == _ALIAS]:
            del sys.modules[name]


def _module_name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join([_ALIAS, *(part for part in parts if part != "__init__")])


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of the copy, and changes the text of one."""

    def __init__(self, mutant: Mutant | None) -> None:
        self._mutant = mutant

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return where a module of the copy comes from."""
        if fullname.partition(".")[0] != _ALIAS:
            return None
        file = _ROOT.joinpath(*fullname.split(".")[1:])
        is_package = file.is_dir()
        file = file / "__init__.py" if is_package else file.with_suffix(".py")
        return importlib.util.spec_from_file_location(
            fullname,
            file,
            loader=self,
            submodule_search_locations=[str(file.parent)] if is_package else None,
        )

    def exec_module(self, module: ModuleType) -> None:
        """Run a module of the copy."""
        assert module.__spec__ is not None
        assert module.__spec__.origin is not None
        path = Path(module.__spec__.origin)
        mutant = self._mutant
        here = mutant is not None and path == _ROOT / mutant.file
        exec(_compiled(path, mutant if here else None), module.__dict__)


@cache
def _compiled(path: Path, mutant: Mutant | None) -> CodeType:
    source = path.read_text()
    if mutant is not None:
        source = mutant.applied(source)
    source = re.sub(r"^(\s*(?:from|import)\s+)scratchnet\b", rf"\1{_ALIAS}", source, flags=re.M)
    name = path.relative_to(_ROOT.parent) if mutant is None else f"mutant {mutant.name}"
    return compile(source, str(name), "exec")
