"""``python -m experiments.bench``: time per epoch against the peers.

The measuring protocol is described in docs/timing.md. Heavy imports wait until they are needed,
so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from experiments.bench.peers import DEFAULT_PEERS, OURS, PEERS
from experiments.runtime.arguments import seed
from experiments.runtime.exit_status import (
    ALL_WELL,
    BAD_INPUT,
    CRASHED,
    INTERRUPTED,
    REGRESSED,
    unless_interrupted,
)
from experiments.runtime.places import RESULTS
from experiments.runtime.program import program

if TYPE_CHECKING:
    from experiments.bench.protocol import Cell
    from experiments.bench.workloads import Workload

EXTRAS = ("keras", "report")


class BadInput(Exception):  # noqa: N818
    """Something the user gave is wrong; the message is one line."""


class _Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return unless_interrupted(lambda: _answer(arguments), EXTRAS)


def _answer(arguments: Sequence[str] | None) -> int:
    """List what there is, or measure; bad input is told in one line."""
    try:
        options = command_parser().parse_args(arguments)
        return _list() if options.list else _run(options)
    except BadInput as error:
        print(f"experiments.bench: {error}", file=sys.stderr)
        return BAD_INPUT


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = _Parser(
        prog=program("bench"),
        description="Time per epoch of scratchnet and of its peers, as docs/timing.md describes.",
        epilog="Exit status: 0; 1 slower than --against, or a peer computes something else; "
        "2 bad input; 3 a process crashed; 130 interrupted.",
    )
    parser.add_argument(
        "--workload",
        metavar="NAME",
        action="append",
        help="a workload, or the beginning of several, as article/full; may be repeated; 'all' "
        "(default: five with plain SGD, see --list)",
    )
    parser.add_argument(
        "--peers",
        metavar="NAME,...",
        help=f"which peers to time beside scratchnet; 'all' (default: {','.join(DEFAULT_PEERS)})",
    )
    parser.add_argument("--json", metavar="FILE", help="write everything measured to FILE")
    parser.add_argument(
        "--against", metavar="FILE", help="compare with what --json wrote; slower is exit status 1"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=RESULTS / "bench",
        help="where tables go (default: results/bench)",
    )
    parser.add_argument(
        "--threads", metavar="N,...", default="1,all", help="numbers of threads (%(default)s)"
    )
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=float,
        default=600.0,
        help="start nothing new after this time (%(default)s)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the order of processes")
    parser.add_argument(
        "--map", action="store_true", help="the crossover map over width and batch size instead"
    )
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="time and memory over samples, width, depth and batch size instead",
    )
    parser.add_argument("--list", action="store_true", help="name workloads and peers, and stop")
    return parser


def _list() -> int:
    from rich.console import Console
    from rich.table import Table

    from experiments.bench.workloads import DEFAULT_WORKLOADS, WORKLOADS

    workloads = Table("workload", "samples", "batch size", "default", box=None)
    for name, workload in WORKLOADS.items():
        default = "yes" if name in DEFAULT_WORKLOADS else ""
        workloads.add_row(name, str(workload.samples), str(workload.batch_size), default)
    peers = Table("peer", "what it is", "default", "missing here", box=None)
    for name, peer in PEERS.items():
        default = "yes" if name in (OURS, *DEFAULT_PEERS) else ""
        peers.add_row(name, peer.what, default, ", ".join(peer.missing()))
    console = Console()
    console.print(workloads)
    console.print()
    console.print(peers)
    return ALL_WELL


def _run(options: argparse.Namespace) -> int:
    """Check the input, measure, write and judge."""
    if (options.map or options.scaling) and (options.workload or options.peers):
        raise BadInput(
            "--map and --scaling have networks and peers of their own: no --workload, no --peers"
        )
    if not options.time_limit > 0:
        raise BadInput(f"--time-limit {options.time_limit:g}: expected more than 0")
    workloads = _chosen_workloads(options.workload)
    peers, skipped = _chosen_peers(options.peers)
    threads = _chosen_threads(options.threads)
    stored = _stored(options.against)
    out = _folder(options.out)
    if options.json and not Path(options.json).absolute().parent.is_dir():
        raise BadInput(f"--json {options.json}: no such folder")
    if options.json and Path(options.json).is_dir():
        raise BadInput(f"--json {options.json}: is a folder; expected the name of a file")

    from experiments.bench.protocol import Cell, run_cells
    from experiments.bench.tables import progress, show, write

    for name, missing in skipped.items():
        print(f"{name} is skipped: {missing} is not installed", file=sys.stderr)
    if options.map or options.scaling:
        return _run_studies(options, out, threads[-1])

    cells = [
        Cell(workload, count, [name for name in peers if not PEERS[name].lacks(workload)])
        for count in threads
        for workload in workloads
    ]
    interrupted = False
    with progress(options.time_limit) as on_process:
        try:
            run_cells(
                cells, time_limit=options.time_limit, seed=options.seed, on_process=on_process
            )
        except KeyboardInterrupt:
            interrupted = True
    results = _collect(cells, skipped, stored, options)
    show(results)
    write(results, out)
    _write_json(results, options.json)
    return _end(out, interrupted, _status(results))


def _run_studies(options: argparse.Namespace, out: Path, threads: int) -> int:
    """Measure the crossover map, cost against work, or both."""
    from dataclasses import asdict

    from experiments.bench import tables as report
    from experiments.bench.crossover import MapPoint, measure_map
    from experiments.bench.scaling import ScalingPoint, fit_growth, measure_scaling
    from experiments.runtime.machine import describe_environment

    points: list[MapPoint] = []
    sizes: list[ScalingPoint] = []
    failures: list[str] = []
    interrupted = False
    with report.study_progress(options.time_limit) as on_point:
        told: Any = {"threads": threads, "on_point": on_point, "on_failure": failures.append}
        try:
            if options.map:
                for point in measure_map(time_limit=options.time_limit, **told):
                    points.append(point)
            if options.scaling:
                for size in measure_scaling(time_limit=options.time_limit, **told):
                    sizes.append(size)
        except KeyboardInterrupt:
            interrupted = True
    growth = fit_growth(sizes)
    results: dict[str, Any] = {
        "environment": describe_environment(),
        "threads": threads,
        "crossover": [asdict(point) | {"speedup": point.speedup} for point in points],
        "scaling": [asdict(size) for size in sizes],
        "growth": [asdict(fitted) for fitted in growth],
    }
    if points:
        report.write_map(points, out)
    if sizes:
        report.write_scaling(sizes, growth, out)
    report.show_studies(results)
    for failure in failures:
        print(failure, file=sys.stderr)
    _write_json(results, options.json)
    return _end(out, interrupted, CRASHED if failures else ALL_WELL)


def _write_json(results: dict[str, Any], path: str | None) -> None:
    if path:
        Path(path).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _end(out: Path, interrupted: bool, status: int) -> int:
    """Name the folder as the last line, and return the exit status."""
    if interrupted:
        print("interrupted: what was measured is kept", file=sys.stderr)
    print(out)
    return INTERRUPTED if interrupted else status


def _collect(
    cells: Sequence[Cell],
    skipped: dict[str, str],
    stored: dict[str, Any] | None,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Return everything measured, as plain data."""
    from dataclasses import asdict

    from experiments.bench.against import changes
    from experiments.bench.protocol import timing_table
    from experiments.bench.tables import comparison_table, implementation_table
    from experiments.runtime.machine import describe_environment

    results: dict[str, Any] = {
        "environment": describe_environment(),
        "time_limit": options.time_limit,
        "seed": options.seed,
        "skipped": skipped,
        "failures": [asdict(f) for cell in cells for f in cell.failures.values()],
        "comparisons": comparison_table(cells),
        "implementations": implementation_table(cells),
        "timings": timing_table(cells),
    }
    found = [] if stored is None else changes(results, stored)
    return results | {"against": [asdict(change) for change in found]}


def _status(results: dict[str, Any]) -> int:
    kinds = {failure["kind"] for failure in results["failures"]}
    slower = any(row["verdict"] == "slower" for row in results["against"])
    if slower or "differs" in kinds:
        return REGRESSED
    return CRASHED if "crashed" in kinds else ALL_WELL


def _chosen_workloads(names: list[str] | None) -> list[Workload]:
    from experiments.bench.workloads import DEFAULT_WORKLOADS, WORKLOADS

    chosen: dict[str, Workload] = {}
    for name in names or DEFAULT_WORKLOADS:
        found = {
            full: workload
            for full, workload in WORKLOADS.items()
            if name == "all" or full == name or full.startswith(f"{name}/")
        }
        if not found:
            raise BadInput(_unknown("--workload", name, list(WORKLOADS)))
        chosen |= found
    return list(chosen.values())


def _chosen_peers(names: str | None) -> tuple[list[str], dict[str, str]]:
    """Return those to be timed, and what those that are skipped need."""
    chosen = list(DEFAULT_PEERS)
    if names is not None:
        chosen = [name.strip() for name in names.split(",")]
        if "all" in chosen:
            chosen = list(PEERS)
    for name in chosen:
        if name not in PEERS:
            raise BadInput(_unknown("--peers", name, list(PEERS)))
    missing = {name: ", ".join(PEERS[name].missing()) for name in chosen}
    timed = [name for name in dict.fromkeys(chosen) if not missing[name] and name != OURS]
    return timed, {name: what for name, what in missing.items() if what}


def _chosen_threads(text: str) -> list[int]:
    from experiments.bench.protocol import processors

    available = len(processors())
    counts = []
    for word in text.split(","):
        count = available if word.strip() == "all" else int(word) if word.strip().isdigit() else 0
        if not 1 <= count <= available:
            raise BadInput(f"--threads {word.strip()}: expected 1 to {available}, or all")
        counts.append(count)
    return list(dict.fromkeys(counts))


def _stored(path: str | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        stored = json.loads(Path(path).read_text())
    except OSError as error:
        raise BadInput(f"--against {path}: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"--against {path}: not JSON; expected what --json wrote") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("timings"), list):
        raise BadInput(f"--against {path}: has no timings; expected what --json wrote")
    expected = {"workload", "threads", "peer", "round", "seconds"}
    if not all(isinstance(row, dict) and expected <= row.keys() for row in stored["timings"]):
        raise BadInput(
            f"--against {path}: a timing lacks one of {', '.join(sorted(expected))}; "
            "expected what --json wrote"
        )
    return stored


def _folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Better to know now than after ten minutes.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(f"--out {folder}: cannot be written ({error.strerror})") from None
    return folder


def _unknown(option: str, name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{option} {name}: unknown{hint}; --list names them all"


if __name__ == "__main__":
    # Being told to end is an interrupt too: what was measured is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
