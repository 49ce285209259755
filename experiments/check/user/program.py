"""A user's file, script or notebook, run as far as its definitions and data need.

The statements of the module run one after the other. What fails is passed over, so that a missing
data file does not hide the functions below it; a loop that trains is entered for a round only, and
kept to be judged; a call that takes long is cut short.
"""

from __future__ import annotations

import ast
import copy
import signal
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from experiments.check.user.clock import TimeLimitError
from experiments.check.user.hooks import NAME, LeftError, Loop, Loops, rewrite
from experiments.check.user.notebook import python_of
from experiments.check.user.slots import is_array, look_up, walk
from experiments.check.user.weights import find_chains

_STATEMENT_SECONDS = 2.0
_LARGE = 2_000_000
"""Arrays of more elements are data, and are not copied."""


@dataclass(frozen=True)
class ScriptLoop:
    """A loop at module level that changes weights.

    Attributes
    ----------
    loop
        Which one.
    code
        The loop, rewritten.
    names
        Copies of the module's data as they were before it.
    """

    loop: Loop
    code: types.CodeType
    names: dict[str, Any]


@dataclass
class Program:
    """A user's file that has been run.

    Attributes
    ----------
    path, module
        The file, and what it defined.
    notebook
        Whether it is one.
    loops
        Of all functions and methods.
    scripts
        The loops at module level that change weights.
    hooks
        Whom the loops ask.
    failure
        The first exception of a statement.
    """

    path: Path
    module: types.ModuleType
    notebook: bool
    loops: list[Loop] = field(default_factory=list)
    scripts: list[ScriptLoop] = field(default_factory=list)
    hooks: Loops = field(default_factory=Loops)
    failure: BaseException | None = None

    @property
    def files(self) -> set[str]:
        """The user's own files, as code objects name them: beside the file, too."""
        folder = str(self.path.parent)
        found = {str(self.path)}
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and str(Path(file).parent) == folder:
                found.add(file)
        return found


def parse(path: Path) -> list[ast.stmt]:
    """Return the statements of a file, or of the cells of a notebook.

    Raises
    ------
    SyntaxError
        If a Python file is none; a cell that is none is left out.
    """
    text = path.read_bytes()
    return ast.parse(python_of(text) if path.suffix == ".ipynb" else text, str(path)).body


def run_program(path: Path, seconds: float = 8.0) -> Program:
    """Run a file as far as it goes.

    Parameters
    ----------
    path
        A ``.py`` or ``.ipynb`` file.
    seconds
        For all but its imports.

    Raises
    ------
    SyntaxError
        If it is no Python of today.
    """
    statements = parse(path)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    program = Program(path, module, path.suffix == ".ipynb")
    module.__dict__[NAME] = program.hooks
    module.__dict__["__values__"] = {}
    spent = 0.0
    for statement in _flat(statements):
        spent += _run_statement(program, statement, max(0.2, seconds - spent))
    program.hooks.reading = False
    return program


def _flat(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, and those under ``if __name__ == "__main__"`` with them."""
    for statement in statements:
        if isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test):
            yield from _flat(statement.body)
        else:
            yield statement


def _run_statement(program: Program, statement: ast.stmt, left: float) -> float:
    """Run one statement, and return how long it took, an import not counted."""
    imports = isinstance(statement, ast.Import | ast.ImportFrom)
    first = program.loops[-1].number + 1 if program.loops else 0
    loop = isinstance(statement, ast.For | ast.While)
    original = copy.deepcopy(statement) if loop else statement
    rewritten, loops = rewrite([statement], first)
    program.loops += [found for found in loops if found.function]
    if loops and not program.loops:
        # Numbers go on even if none of these loops is kept.
        program.loops.append(Loop(loops[-1].number, "", 0, 0))
    elif loops and program.loops[-1].number < loops[-1].number:
        program.loops.append(Loop(loops[-1].number, "", 0, 0))
    code = compile(ast.Module(rewritten, []), str(program.path), "exec")
    limit = 60.0 if imports else min(_STATEMENT_SECONDS, left)
    began = time.monotonic()
    try:
        with time_limit(limit):
            if loop and _trains(program, code, next(one for one in loops if one.depth == 0)):
                return time.monotonic() - began
            if loop:
                code = compile(ast.Module([original], []), str(program.path), "exec")
            exec(code, program.module.__dict__)
    except LeftError:
        pass
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        if program.failure is None:
            program.failure = error
    return 0.0 if imports else time.monotonic() - began


def _trains(program: Program, code: types.CodeType, loop: Loop) -> bool:
    """Run a loop at module level for a round, and keep it if that changes weights."""
    module = program.module.__dict__
    names = copied_names(module)
    before = {slot.path: np.array(slot.value) for slot in walk(names) if is_array(slot.value)}
    program.hooks.look_at(loop.number, lambda _: {})
    try:
        exec(code, module)
    except LeftError:
        pass
    except Exception:
        program.hooks.look_away()
        restore(module, names)
        return False
    program.hooks.look_away()
    changed = []
    for slot in walk(names):
        if slot.path not in before:
            continue
        try:
            now = np.asarray(look_up(module, slot.path))
        except Exception:
            continue
        if now.shape == before[slot.path].shape and not np.array_equal(now, before[slot.path]):
            changed.append(slot)
    if find_chains(changed):
        program.scripts.append(ScriptLoop(loop, code, names))
        return True
    restore(module, names)
    return False


def copied_names(names: dict[str, Any]) -> dict[str, Any]:
    """Return copies of the data in a namespace, which share what the data share."""
    memo: dict[int, Any] = {}
    copies: dict[str, Any] = {}
    for name, value in names.items():
        if name.startswith("__") or isinstance(value, types.ModuleType | type):
            continue
        if callable(value) and not hasattr(value, "__dict__"):
            continue
        if isinstance(value, types.FunctionType):
            continue
        if isinstance(value, np.ndarray) and value.size > _LARGE:
            copies[name] = value
            continue
        try:
            copies[name] = copy.deepcopy(value, memo)
        except Exception:
            copies[name] = value
    return copies


def restore(module: dict[str, Any], names: dict[str, Any]) -> None:
    """Set a namespace's data to copies of what they were."""
    module.update(copied_names(names))


class ShortTimeError(TimeLimitError):
    """What one `time_limit` allowed is over; other things may still be tried."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `ShortTimeError` inside what takes longer."""

    def ring(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        raise ShortTimeError

    left, interval = signal.getitimer(signal.ITIMER_REAL)
    handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, interval)
