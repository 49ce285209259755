"""Work on cases: here, or in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from experiments.fuzz.results import CaseResult
from experiments.runtime.processes import completed, worker_processes

if TYPE_CHECKING:
    from experiments.fuzz.judge import Judge

Task = Callable[[], list[CaseResult]]
"""A partial of `examined`, `shrunk` or `climbed`: what a process can be handed."""

Run = Callable[[Sequence[Task]], Iterator[list[CaseResult]]]
"""Runs tasks and yields what each returns, as it ends."""


def examined(seed: int, first: int, last: int, backend: str) -> list[CaseResult]:
    """Draw the cases from number `first` to before `last`, and judge them."""
    from experiments.fuzz.cases import draw_case

    with _judge() as judge:
        return [judge(draw_case(seed, index, backend)) for index in range(first, last)]


def shrunk(failure: CaseResult) -> list[CaseResult]:
    """Return the smallest case found that fails as a given one does."""
    from experiments.fuzz.shrink import shrink

    with _judge() as judge:
        smallest = shrink(failure.trial, lambda t: judge(t).signature == failure.signature)
        return [judge(smallest)]


def climbed(start: CaseResult, steps: int, seed: int) -> list[CaseResult]:
    """Return where a climb from a case ends."""
    from experiments.fuzz.climb import climb

    with _judge() as judge:
        return [climb(start, judge, steps, seed)]


@contextmanager
def _judge() -> Iterator[Judge]:
    """Give a judge, and take its memory back."""
    from experiments.fuzz.judge import Judge
    from keras_baseline.backends import forget

    yield Judge()
    forget()


@contextmanager
def workers(jobs: int, backend: str) -> Iterator[Run]:
    """Start Keras, in this process for one job and in others for more; give what runs tasks."""
    if jobs == 1:
        _start(backend)
        yield lambda tasks: (task() for task in tasks)
        return
    with worker_processes(jobs, _start, backend) as pool:

        def run(tasks: Sequence[Task]) -> Iterator[list[CaseResult]]:
            for future in completed([pool.submit(task) for task in tasks]):
                yield future.result()

        yield run


def _start(backend: str) -> None:
    import warnings

    from experiments.runtime.keras_start import start_keras

    # What is of little use is among the cases: a softmax of one unit, logits that are none.
    warnings.filterwarnings("ignore", "You are using a softmax")
    warnings.filterwarnings("ignore", ".*received `from_logits=True`")
    start_keras(backend)
