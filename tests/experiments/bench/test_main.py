import csv
import json
import subprocess
import sys

import pytest

from experiments.bench import __main__ as bench
from experiments.bench import protocol as timing
from experiments.bench.protocol import ProcessError

SECONDS = {"scratchnet": 1e-3, "article_numpy": 3e-3, "gemm_floor": 5e-4}
QUICK = ["--workload", "article/full/sgd", "--peers", "article_numpy,gemm_floor", "--threads", "1"]


@pytest.fixture
def processes(monkeypatch):
    """Stand-ins for timed processes: seconds per epoch by peer, or an exception."""
    outcomes = dict(SECONDS)

    def run_process(job, variables):
        outcome = outcomes[job["peer"]]
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, str):
            return {"difference": outcome}
        return {
            "difference": "",
            "import_seconds": 0.1,
            "build_seconds": 0.2,
            "first_epoch_seconds": 0.3,
            "epochs_per_segment": 200,
            "seconds": [outcome, outcome * 1.01],
            "cpu_seconds": [outcome, outcome],
        }

    monkeypatch.setattr(timing, "run_process", run_process)
    return outcomes


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_its_tables_and_names_their_folder_last(processes, tmp_path, capsys):
    out, file = tmp_path / "out", tmp_path / "bench.json"
    assert bench.main([*QUICK, "--out", str(out), "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == str(out)
    assert "faster" in printed

    comparisons = {row["peer"]: row for row in rows(out / "comparisons.csv")}
    assert comparisons["article_numpy"]["verdict"] == "faster"
    assert float(comparisons["article_numpy"]["speedup"]) == pytest.approx(3.0)
    assert comparisons["gemm_floor"]["verdict"] == "slower"
    assert float(comparisons["gemm_floor"]["ratio"]) == pytest.approx(2.0)
    assert {row["implementation"] for row in rows(out / "implementations.csv")} == set(SECONDS)
    assert len(rows(out / "timings.csv")) == 3 * 3 * 2
    assert json.loads(file.read_text()) == json.loads((out / "bench.json").read_text())


def test_start_up_is_reported_apart(processes, tmp_path):
    bench.main([*QUICK, "--out", str(tmp_path)])
    row = rows(tmp_path / "implementations.csv")[0]
    assert row["import_seconds"], row["build_seconds"] == ("0.1", "0.2")
    assert row["first_epoch_seconds"] == "0.3"


def test_a_crash_is_named_and_the_others_finish(processes, tmp_path, capsys):
    processes["article_numpy"] = ProcessError("exit status 1: MemoryError")
    assert bench.main([*QUICK, "--out", str(tmp_path)]) == 3
    assert "article_numpy crashed: exit status 1: MemoryError" in capsys.readouterr().out
    assert [row["peer"] for row in rows(tmp_path / "comparisons.csv")] == ["gemm_floor"]


def test_a_peer_that_computes_something_else_is_named_and_not_timed(processes, tmp_path, capsys):
    processes["article_numpy"] = "dense_1/bias is 3 off"
    assert bench.main([*QUICK, "--out", str(tmp_path)]) == 1
    assert "article_numpy differs: dense_1/bias is 3 off" in capsys.readouterr().out
    assert [row["peer"] for row in rows(tmp_path / "comparisons.csv")] == ["gemm_floor"]


def test_an_interrupt_keeps_what_was_measured(processes, tmp_path, capsys):
    processes["gemm_floor"] = KeyboardInterrupt()
    assert bench.main([*QUICK, "--out", str(tmp_path), "--seed", "1"]) == 130
    assert (tmp_path / "bench.json").stat().st_size > 0
    assert "interrupted" in capsys.readouterr().err


def test_a_regression_is_named_and_sets_the_status(processes, tmp_path, capsys):
    before = tmp_path / "before.json"
    bench.main([*QUICK, "--out", str(tmp_path / "a"), "--json", str(before)])
    again = [*QUICK, "--out", str(tmp_path / "b"), "--against", str(before)]
    assert bench.main(again) == 0
    processes["scratchnet"] = 1.3e-3
    capsys.readouterr()
    assert bench.main(again) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "article/full/sgd, 1 thread: scratchnet is slower against before" in printed


def test_what_is_not_installed_is_skipped_by_name(processes, tmp_path, capsys, monkeypatch):
    import dataclasses

    from experiments.bench.peers import PEERS

    absent = dataclasses.replace(PEERS["jax_step"], needs=("no_such_library",))
    monkeypatch.setitem(PEERS, "jax_step", absent)
    peers = ["--peers", "article_numpy,jax_step"]
    assert bench.main([*QUICK, *peers, "--out", str(tmp_path)]) == 0
    assert "jax_step is skipped: no_such_library" in capsys.readouterr().err
    assert json.loads((tmp_path / "bench.json").read_text())["skipped"] == {
        "jax_step": "no_such_library"
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workload", "artcle/full/sgd"], "did you mean article/full/sgd"),
        (["--workload", "art"], "unknown"),
        (["--peers", "keras_fti"], "did you mean keras_fit"),
        (["--peers", ""], "unknown"),
        (["--threads", "0"], "expected 1 to"),
        (["--threads", "1000"], "expected 1 to"),
        (["--threads", "two"], "expected 1 to"),
        (["--time-limit", "-3"], "more than 0"),
        (["--time-limit", "nan"], "more than 0"),
        (["--time-limit", "soon"], "invalid float"),
        (["--no-such-option"], "unrecognized"),
        (["--against", "no/such/file.json"], "No such file"),
        (["--json", "no/such/folder/file.json"], "no such folder"),
        (["--out", "/dev/null/bench"], "cannot be written"),
    ],
)
def test_bad_input_gets_one_line_and_status_2(arguments, words, tmp_path, capsys):
    assert bench.main(["--out", str(tmp_path), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert words in line
    assert arguments[0] in line


@pytest.mark.parametrize("content", ["not JSON", "[1]", '{"no": 1}', '{"timings": [{}]}'])
def test_a_file_that_no_bench_wrote_is_refused(content, tmp_path, capsys):
    file = tmp_path / "stored.json"
    file.write_text(content)
    assert bench.main(["--against", str(file), "--out", str(tmp_path)]) == 2
    assert "expected what --json wrote" in capsys.readouterr().err


def test_the_beginning_of_a_name_chooses_several():
    chosen = bench._chosen_workloads(["article", "notebook/full/sgd"])
    names = [workload.name for workload in chosen]
    assert len(names) == 7
    assert "article/32/adam" in names
    assert len(bench._chosen_workloads(["all"])) == 21


def test_everything_is_listed(capsys):
    assert bench.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for name in ("article/full/sgd", "784-512-512-10/128/adam", "keras_best", "dispatch_floor"):
        assert name in printed


def test_the_command_imports_nothing_heavy_before_it_is_needed():
    code = (
        "import sys, experiments.bench\n"
        "print({'numpy', 'rich', 'pandas', 'matplotlib', 'keras', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_whole_command_runs_in_real_processes(tmp_path):
    options = [*QUICK, "--peers", "article_numpy", "--time-limit", "0.1", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "experiments.bench", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(tmp_path)
    (row,) = rows(tmp_path / "comparisons.csv")
    assert (row["peer"], row["pairs"], row["verdict"]) == ("article_numpy", "1", "inconclusive")


def test_an_interrupted_study_keeps_its_points(monkeypatch, tmp_path, capsys):
    from experiments.bench import crossover

    outcomes = [{"seconds": [1.0]}] * 6

    def run_process(job, variables):
        if not outcomes:
            raise KeyboardInterrupt
        return outcomes.pop()

    monkeypatch.setattr(crossover, "run_process", run_process)
    assert bench.main(["--map", "--out", str(tmp_path)]) == 130
    assert len(rows(tmp_path / "crossover.csv")) == 3
    assert "interrupted" in capsys.readouterr().err


def test_the_studies_leave_tables_and_pictures(monkeypatch, tmp_path, capsys):
    from experiments.bench import crossover, scaling

    def run_process(job, variables):
        if job["memory"]:
            return {"peak_bytes": 1000}
        return {"seconds": [1.0 if job["peer"] == "scratchnet" else 2.0]}

    monkeypatch.setattr(crossover, "run_process", run_process)
    monkeypatch.setattr(scaling, "run_process", run_process)
    assert bench.main(["--map", "--scaling", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {
        "crossover.csv",
        "crossover.png",
        "scaling.csv",
        "growth.csv",
        "scaling.png",
    }
    assert {float(row["speedup"]) for row in rows(tmp_path / "crossover.csv")} == {2.0}
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path)
