"""``python -m experiments.bench.many_trials``: what very many trials cost beside their trainings.

One trial is trained; its result then stands for that of every trial of a plan. What is left is
the overhead: reading the plan, storing, looking at what is stored, tables, the report.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from experiments.runtime.arguments import named_path, positive_integer
from experiments.runtime.exit_status import ALL_WELL, BAD_INPUT, unless_interrupted
from experiments.runtime.memory import used_bytes
from experiments.runtime.program import program

if TYPE_CHECKING:
    from experiments.plan.plan import Plan, Trial
    from experiments.trials.execution import OnProgress, Outcome
    from experiments.trials.store import Store
    from experiments.trials.trial import TrialResult

PLAN = """
name = "scale"

[[trials]]
name = "table"
dataset = "breast_cancer"
architecture = { units = [30, 4, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }
epochs = 3
seed = {seeds}
"""

EXTRAS = ("keras", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = command_parser().parse_args(arguments)
    return unless_interrupted(lambda: _measure(options), EXTRAS)


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=program("bench.many_trials"),
        description="Measure what a run of very many trials costs beside their trainings: one "
        "trial is trained, and its result stands for all.",
    )
    parser.add_argument("--trials", type=positive_integer, default=10_000, metavar="N")
    parser.add_argument(
        "--out",
        type=named_path,
        metavar="DIR",
        help="where the run goes, and stays (default: a temporary folder)",
    )
    return parser


def _measure(options: argparse.Namespace) -> int:
    from experiments.trials.own_files import FolderError

    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "scale.toml"
        path.write_text(PLAN.replace("{seeds}", str(list(range(options.trials)))))
        try:
            _measure_all(path, options.out or Path(temporary) / "run")
        except FolderError as error:
            print(f"experiments.bench.many_trials: {error}", file=sys.stderr)
            return BAD_INPUT
    return ALL_WELL


def _measure_all(path: Path, folder: Path) -> None:
    from experiments.plan.plan import load_plan
    from experiments.report.run_result import RunResult
    from experiments.trials.store import Store

    store = Store.open(folder)
    plan = _timed("reading and checking the plan", lambda: load_plan(path))
    command = [sys.executable, "-m", "experiments.run", str(path), "--list"]
    seconds = _seconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
    _say("listing its trials", f"{seconds:.2f} s")

    result = _trained(plan.trials[0])
    store.write_text("plan.toml", plan.to_toml())
    _store_all(plan, store, result)
    _timed("looking at every byte that is stored", lambda: _look(plan, store))
    loaded = RunResult.load(folder)
    tables = _timed("building the tables", lambda: loaded.tables)
    _timed("writing them", lambda: _write(tables, store))
    page = _timed("writing the report", loaded.write_report)
    _say("report.html", f"{page.stat().st_size / 1e6:.2f} MB")
    stored = sum(file.stat().st_size for file in store.trials.rglob("*"))
    _say("stored for each trial", f"{stored / len(plan.trials) / 1e3:.1f} kB")


def _trained(trial: Trial) -> TrialResult:
    from experiments.runtime.keras_start import start_keras
    from experiments.trials.trial import run_trial

    start_keras(trial.backend)
    return run_trial(trial, timing_budget=0.1)


def _store_all(plan: Plan, store: Store, result: TrialResult) -> None:
    from experiments.trials.execution import execute

    executor = Replayed(result)
    memory: list[int] = []

    def on_done(trial: Trial, well: bool) -> None:  # noqa: ARG001
        if len(memory) * len(plan.trials) <= 10 * executor.done:
            memory.append(used_bytes(os.getpid()))

    def work() -> None:
        store.prepare(*plan.trials)
        execute(plan.trials, store, executor, on_done=on_done, on_progress=lambda *_: None)

    seconds = _seconds(work) - executor.seconds
    _say("storing a trial", f"{seconds / len(plan.trials) * 1e3:.2f} ms")
    _say(
        "memory of the command, first and last tenth",
        f"{memory[0] / 2**20:.0f} MiB, {memory[-1] / 2**20:.0f} MiB",
    )


@dataclass
class Replayed:
    """An executor that gives one result for every trial.

    Attributes
    ----------
    result
        Of one of them.
    seconds
        What it took to make the records, which is the workers' part.
    done
        How many were made.
    """

    result: TrialResult
    seconds: float = field(default=0.0)
    done: int = field(default=0)

    def run(
        self,
        trials: Sequence[Trial],
        on_progress: OnProgress,  # noqa: ARG002
    ) -> Generator[tuple[Trial, Outcome], None, None]:
        """Yield the result under each trial's key."""
        from experiments.trials.record import record

        for trial in trials:
            began = perf_counter()
            found = record(replace(self.result, trial=trial))
            self.seconds += perf_counter() - began
            self.done += 1
            yield trial, found


def _look(plan: Plan, store: Store) -> None:
    missing = [trial.name for trial in plan.trials if not store.has(trial)]
    if missing:
        raise RuntimeError(f"{len(missing)} trials are not finished, {missing[0]} among them")


def _write(tables: Any, store: Store) -> None:
    for name, table in vars(tables).items():
        store.write_text(f"{name}.csv", table.to_csv(index=False))


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def _timed(what: str, work: Callable[[], Any]) -> Any:
    began = perf_counter()
    found = work()
    _say(what, f"{perf_counter() - began:.2f} s")
    return found


def _say(what: str, figure: str) -> None:
    print(f"{what:<48} {figure}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
