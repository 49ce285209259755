"""Running the user's file as a module, as far as it gets."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
import sys
import types
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from experiments.check.user.clock import Alarm, TimeLimitError
from experiments.check.user.program import parse
from experiments.check.user.recorder import Problem, raised, timed_out

OURS = ("experiments", "scratchnet", "keras_baseline")
"""Packages that know what is right, or lead to it."""


def load(path: Path, alarm: Alarm, seconds: float) -> tuple[types.ModuleType, Problem | None]:
    """Run the file as a module; return it as far as it got, and what stopped it."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    where = f"importing {path.name}"
    try:
        alarm.start(seconds)
        specification.loader.exec_module(module)
    except TimeLimitError as error:
        return module, timed_out(where, error, path)
    except BaseException as error:
        return module, raised(where, error, path)
    finally:
        alarm.stop()
    return module, None


class _Withheld(importlib.abc.MetaPathFinder):
    """Refuses to import what the judge judges by."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Raise for a package of ours; a user's own of the same name is the user's."""
        if fullname.partition(".")[0] not in OURS:
            return None
        found = PathFinder.find_spec(fullname, path)
        places: list[Any] = [] if found is None else [*(found.submodule_search_locations or ())]
        if found is not None and found.origin:
            places.append(found.origin)
        if any(self._root in Path(place).resolve().parents for place in places):
            raise ModuleNotFoundError(
                f"{fullname} is not to be had here: the network is judged by it", name=fullname
            )
        return None


def import_folders(path: Path) -> list[Path]:
    """Return the folders that a file imports from, its own first.

    A file in a package is mostly started from the folder above: a folder up to three levels higher
    counts where it holds what the file imports by name.
    """
    folders = [path.parent]
    try:
        statements = parse(path)
    except (OSError, SyntaxError, ValueError):
        return folders
    names: set[str] = set()
    for node in ast.walk(ast.Module(statements, [])):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    for folder in path.parents[1:4]:
        if any((folder / n).is_dir() or (folder / f"{n}.py").is_file() for n in names):
            folders.append(folder)
    return folders


def withhold_ours(root: Path) -> None:
    """Take our packages out of the user's reach; what is loaded already goes on working."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != root]
    sys.meta_path.insert(0, _Withheld(root))
