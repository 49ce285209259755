"""Pieces of work in processes beside this one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from experiments.runtime.lifeline import end_with
from experiments.runtime.processes import ended

T = TypeVar("T")


class WorkFailedError(Exception):
    """Work in another process failed; the message holds its traceback."""


@contextmanager
def beside(works: Sequence[Callable[[], T]]) -> Iterator[Callable[[], list[T]]]:
    """Start each piece of work in a new process, and give a function that waits for the results.

    Unlike `multiprocessing`, this does not import the caller's main module, so it serves scripts
    and notebooks too. Each process has one BLAS thread. At the end of the block they end, whatever
    they are doing, and also where this process is killed.

    Parameters
    ----------
    works
        Functions that can be pickled, as a `functools.partial` of one in a module.

    Yields
    ------
    callable
        Returns what each returned, in order; raises `WorkFailedError` if one failed, and its
        `OSError` where that is what it was.
    """
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from experiments.runtime.beside import serve; serve({os.getpid()})",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A key that interrupts this process is not for that one.
            start_new_session=True,
            # Processes whose BLAS threads wait for each other's cores are many times slower.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        for _ in works
    ]
    try:
        for work, process in zip(works, processes, strict=True):
            assert process.stdin is not None
            with process.stdin as send:
                pickle.dump(work, send)
        yield lambda: [_receive(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _receive(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    try:
        value, failure, error = pickle.load(process.stdout)
    except EOFError:
        raise WorkFailedError(f"{ended(process.wait())}, before it had a result") from None
    if isinstance(error, OSError):
        # As of a full disk: the user can do something about it.
        raise error
    if failure:
        raise WorkFailedError(f"work in another process failed:\n{failure}")
    return value


def serve(parent: int) -> None:
    """Do the work that comes on standard input, and write its result to standard output."""
    end_with(parent)
    try:
        outcome: tuple[Any, str, OSError | None] = (pickle.load(sys.stdin.buffer)(), "", None)
    except OSError as error:
        outcome = (None, traceback.format_exc(), error)
    except Exception:
        outcome = (None, traceback.format_exc(), None)
    # Nobody may be waiting any more.
    try:
        pickle.dump(outcome, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stdout = None
