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

T = TypeVar("T")


@contextmanager
def beside(works: Sequence[Callable[[], T]]) -> Iterator[Callable[[], list[T]]]:
    """Start each piece of work in a new process, and give a function that waits for the results.

    Unlike `multiprocessing`, this does not import the caller's main module, so it serves scripts
    and notebooks too. Each process has one BLAS thread. At the end of the block they end, whatever
    they are doing.

    Parameters
    ----------
    works
        Functions that can be pickled, as a `functools.partial` of one in a module.

    Yields
    ------
    callable
        Returns what each returned, in order; raises `ChildProcessError` if one failed.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", "from experiments.runtime.beside import serve; serve()"],
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
        value, failure = pickle.load(process.stdout)
    except EOFError:
        raise ChildProcessError("a process ended without a result: killed?") from None
    if failure:
        raise ChildProcessError(f"work in another process failed:\n{failure}")
    return value


def serve() -> None:
    """Do the work that comes on standard input, and write its result to standard output."""
    try:
        outcome = (pickle.load(sys.stdin.buffer)(), "")
    except Exception:
        outcome = (None, traceback.format_exc())
    # Nobody may be waiting any more.
    try:
        pickle.dump(outcome, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stdout = None
