"""The process in which the user's code runs: ``python -m experiments.check.user.child``.

Everything that is found out goes to the parent at once, message by message, so that whatever the
code does next, nothing is lost. Nothing here judges.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import struct
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from experiments.check.cases import (
    CORE,
    FAMILIES,
    HARD_CASES,
    PERTURBATIONS,
    SEVERAL_OUTPUTS,
    Case,
)
from experiments.check.user import messages
from experiments.check.user.article import ArticleForm
from experiments.check.user.forms import Form, recognise
from experiments.check.user.recorder import (
    NotRecognisedError,
    Problem,
    Recorder,
    StoppedError,
    TimeLimitError,
    raised,
    user_line,
)
from scratchnet.types import Array

Send = Callable[[dict[str, Any], dict[str, Array]], None]

_IMPORT_SHARE = 0.4
"""Share of the time that importing the file may take."""

_CASES_SHARE = 0.7
"""Share of the time after which no further case is begun."""

_HANGING_SHARE = 0.2
"""A call that has taken this share of the time is not merely slow."""


class Clock:
    """The time limit: an alarm that raises `TimeLimitError` inside the user's code.

    Parameters
    ----------
    seconds
        For everything; None for no limit.

    Attributes
    ----------
    where
        The function of the user's that was called last.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.started = time.perf_counter()
        self.where = ""
        self._called = self.started
        if seconds is not None:
            signal.signal(signal.SIGALRM, self._ring)

    @property
    def share(self) -> float:
        """Share of the time that is gone."""
        if self.seconds is None:
            return 0.0
        return (time.perf_counter() - self.started) / self.seconds

    @property
    def share_of_call(self) -> float:
        """Share of the time that the last call has taken so far."""
        return (time.perf_counter() - self._called) / (self.seconds or np.inf)

    def calling(self, where: str) -> None:
        """Remember what is about to be called."""
        self.where = where
        self._called = time.perf_counter()

    def ring_at(self, share: float) -> None:
        """Set the alarm to a share of the time."""
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, (share - self.share) * self.seconds))

    def silence(self) -> None:
        """Unset the alarm."""
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, _: int, frame: types.FrameType | None) -> None:
        # Halfway through importing a library, as TensorFlow, is no place to stop.
        if self.share < 1 and _inside_library_import(frame):
            self.ring_at(self.share + 0.05)
            return
        # Whoever swallows the first is rung again.
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        raise TimeLimitError


def examine(path: Path, name: str | None, send: Send, clock: Clock) -> None:
    """Load the user's file, find the network in it, and try it on every case.

    Parameters
    ----------
    path, name
        The file, and the class in it or None.
    send
        Takes each message: a dict for JSON, and arrays by name.
    clock
        The time limit.
    """

    def progress(where: str) -> None:
        clock.calling(where)
        send({"kind": "calling", "where": where}, {})

    progress(f"importing {path.name}")
    before = set(sys.modules)
    module, trouble = load(path, clock)
    if trouble is not None:
        send({"kind": "import", "problem": asdict(trouble)}, {})
    try:
        form = recognise(module, name)
    except NotRecognisedError as error:
        send({"kind": "not_recognised", "sentence": str(error)}, {})
        return
    send({"kind": "found", "form": form.kind, "found": form.found, "missing": form.missing}, {})
    words = _words(path, set(sys.modules) - before)
    recorder = Recorder(path, progress)
    try:
        clock.ring_at(1.0)
        form.prepare(recorder)
    except NotRecognisedError as error:
        send({"kind": "not_recognised", "sentence": str(error)}, {})
        return
    except StoppedError as stopped:
        recorder.problems.append(stopped.problem)
    except TimeLimitError as error:
        recorder.problems.append(timed_out(clock.where, error, path))
        send(_message("prepared", recorder), {})
        return
    send(_message("prepared", recorder), {})
    try:
        _try_cases(form, words, path, progress, send, clock)
    except TimeLimitError as error:
        if clock.share_of_call < _HANGING_SHARE:
            send({"kind": "slow"}, {})
        else:
            send({"kind": "time", "problem": asdict(timed_out(clock.where, error, path))}, {})
    finally:
        clock.silence()


def load(path: Path, clock: Clock) -> tuple[types.ModuleType, Problem | None]:
    """Run the file as a module; return it as far as it got, and what stopped it."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    where = f"importing {path.name}"
    try:
        clock.ring_at(_IMPORT_SHARE)
        specification.loader.exec_module(module)
    except TimeLimitError as error:
        return module, timed_out(where, error, path)
    except BaseException as error:
        return module, raised(where, error, path)
    finally:
        clock.silence()
    return module, None


def timed_out(where: str, error: BaseException, path: Path) -> Problem:
    """Describe a function that had not come back when the time was over."""
    line = user_line(error.__traceback__, path)
    at = f" (it was in line {line} of {path.name})" if line else ""
    return Problem("timed_out", where, f"{where} had not come to an end in time{at}")


def plan(form: Form, words: set[str]) -> Iterator[tuple[str, Case]]:
    """Yield the cases that suit a form, and the words that its source knows.

    Each comes with its group: ``core``, ``family``, ``hard`` or ``outputs``.
    """
    yield from (("core", case) for case in CORE)
    extra: tuple[Case, ...] = FAMILIES
    if form.kind == "article":
        # The article has one loss and no choice about biases.
        extra = tuple(case for case in FAMILIES if case.words == ("tanh",))
    yield from (("family", case) for case in extra if set(case.words) <= words)
    yield from (("hard", case) for case in HARD_CASES if _suits(case, form, words))
    if form.kind == "class":
        yield from (("outputs", case) for case in SEVERAL_OUTPUTS)


def _suits(case: Case, form: Form, words: set[str]) -> bool:
    return not case.words or (form.kind == "class" and set(case.words) <= words)


def _try_cases(
    form: Form,
    words: set[str],
    path: Path,
    progress: Callable[[str], None],
    send: Send,
    clock: Clock,
) -> None:
    cases = list(plan(form, words))
    perturbations = PERTURBATIONS
    for number, (group, case) in enumerate(cases):
        if clock.share > _CASES_SHARE:
            send({"kind": "slow"}, {})
            return
        for dtype in ("float64", "float32", "longdouble"):
            if dtype != "float64" and group in ("hard", "outputs"):
                continue
            count = 1 if dtype == "longdouble" else 1 + perturbations
            began = time.perf_counter()
            recorders = [_observe(form, case, dtype, i, path, progress) for i in range(count)]
            if number == 0 and dtype == "float64" and clock.seconds is not None:
                # A slow network is perturbed less often, so that it gets through more cases.
                each = (time.perf_counter() - began) / count
                affordable = clock.seconds * _CASES_SHARE / (2.5 * each * len(cases)) - 1
                perturbations = int(np.clip(affordable, 2, PERTURBATIONS))
            header = {"group": group, "case": messages.case_key(case), "dtype": dtype}
            send(_message("case", recorders[0]) | header, _stacked(recorders))
    if isinstance(form, ArticleForm) and {"train", "init_layers"} <= set(form.found):
        _try_training(form, path, progress, send)


def _try_training(
    form: ArticleForm, path: Path, progress: Callable[[str], None], send: Send
) -> None:
    case = CORE[0]
    recorder = Recorder(path, progress)
    try:
        with np.errstate(all="ignore"):
            form.train(case, case.point("float64"), recorder)
    except StoppedError as stopped:
        recorder.problems.append(stopped.problem)
    header = {"group": "training", "case": messages.case_key(case), "dtype": "float64"}
    send(_message("training", recorder) | header, _stacked([recorder]))


def _observe(
    form: Form, case: Case, dtype: str, index: int, path: Path, progress: Callable[[str], None]
) -> Recorder:
    """Let the network take its steps from one starting point."""
    recorder = Recorder(path, progress, watchful=index == 0)
    point = case.point(dtype, index)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            form.take_step(case, point, recorder, again=index == 0)
    except StoppedError as stopped:
        recorder.problems.append(stopped.problem)
    return recorder


def _stacked(recorders: list[Recorder]) -> dict[str, Array]:
    """Return every tensor of the unperturbed point, with those of the perturbed ones behind it."""
    stacked = {}
    for key, value in recorders[0].tensors.items():
        others = [r.tensors[key] for r in recorders[1:] if key in r.tensors]
        stacked[key] = np.stack([value, *(o for o in others if o.shape == value.shape)])
    return stacked


def _message(kind: str, recorder: Recorder) -> dict[str, Any]:
    return {
        "kind": kind,
        "dtypes": recorder.dtypes,
        "internal": sorted(recorder.internal),
        "odd_shapes": recorder.odd_shapes,
        "notes": recorder.notes,
        "problems": [asdict(problem) for problem in recorder.problems],
    }


def _words(path: Path, modules: set[str]) -> set[str]:
    """Return the words by which the user's source could tell one activation from another.

    Whole strings, names of functions, and keywords, in the file and in modules of the same folder
    that it imports. That ``np.tanh`` is called says nothing: a sigmoid may be made of it.
    """
    files = {path}
    for name in modules:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and Path(file).parent == path.parent and file.endswith(".py"):
            files.add(Path(file))
    words: set[str] = set()
    for file in files:
        try:
            nodes = list(ast.walk(ast.parse(file.read_bytes())))
        except (OSError, SyntaxError, ValueError):
            continue
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
            elif isinstance(node, ast.FunctionDef):
                words.add(node.name)
            elif isinstance(node, ast.keyword) and node.arg is not None:
                words.add(node.arg)
    return words


def _inside_library_import(frame: types.FrameType | None) -> bool:
    """Whether an import statement, other than that of the user's file, is being carried out."""
    imports = 0
    while frame is not None:
        imports += frame.f_code.co_name == "_find_and_load"
        frame = frame.f_back
    return imports > 0


def main() -> None:
    """Run as ``child FILE NAME-or-empty SECONDS FILE-DESCRIPTOR``."""
    path, name, seconds, channel = sys.argv[1:]
    descriptor = int(channel)

    def send(header: dict[str, Any], arrays: dict[str, Array]) -> None:
        packed = messages.pack(header, arrays)
        # A message is written whole or not at all, whatever the alarm does.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        try:
            rest = memoryview(struct.pack(">Q", len(packed)) + packed)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    sys.argv = [path]
    sys.dont_write_bytecode = True
    try:
        examine(Path(path), name or None, send, Clock(float(seconds)))
    except Exception:
        # Ours, since the user's were turned into problems: not to be mistaken for theirs.
        send({"kind": "internal", "trace": traceback.format_exc()}, {})
    send({"kind": "done"}, {})
    # Threads that the user's code left behind are not waited for.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
