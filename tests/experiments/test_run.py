"""The command, from outside: files, columns, exit statuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments import run
from experiments.plan.plan import load_plan
from experiments.runtime.places import CHECKOUT
from experiments.trials import trial as trial_module
from experiments.trials.hold import held
from experiments.trials.own_files import OwnFiles
from experiments.trials.store import Store

COMMAND = [sys.executable, "-m", "experiments.run"]
# Two trials at a time, so that an interrupt must end processes too.
TWO_JOBS = ["--jobs", "2"]


@pytest.fixture(scope="module")
def interrupted(small_plan, tmp_path_factory):
    """A run that was interrupted after its first trial: process, folder, what was finished."""
    out = tmp_path_factory.mktemp("interrupted") / "run"
    process = subprocess.Popen(
        [*COMMAND, str(small_plan), "--out", str(out), *TWO_JOBS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (finished := list(out.glob("trials/*/result.json"))) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors, out, {p: p.stat().st_mtime_ns for p in finished}


def test_an_interrupted_run_keeps_what_finished(interrupted):
    status, output, errors, out, finished = interrupted
    assert status == 130
    assert "Traceback" not in errors
    assert "interrupted: " in errors
    assert output == ""
    assert finished
    table = pd.read_csv(out / "trials.csv")
    assert (table["status"] == "finished").sum() >= 1


@pytest.fixture(scope="module")
def resumed(interrupted, small_plan):
    """The same command again, to its end."""
    out = interrupted[3]
    done = subprocess.run(
        [*COMMAND, str(small_plan), "--out", str(out)], capture_output=True, text=True, timeout=300
    )
    return done, out


def test_the_same_command_goes_on_from_there(interrupted, resumed):
    done, out = resumed
    assert done.returncode == 0, done.stderr
    for path, time_of_writing in interrupted[4].items():
        assert path.stat().st_mtime_ns == time_of_writing
    assert len(list(out.glob("trials/*/result.json"))) == 3
    assert not list(out.rglob("*.tmp"))


def test_the_report_is_the_last_line(resumed):
    done, out = resumed
    assert done.stdout.splitlines()[-1] == str(out / "report.html")
    assert "moons" in (out / "report.html").read_text()
    assert "moons" in done.stdout


def test_no_chatter_reaches_the_terminal(resumed):
    done, _ = resumed
    for word in ("tensorflow", "oneDNN", "cuda", "CUDA", "WARNING", "Warning", "E0000", "I0000"):
        assert word not in done.stderr


def test_all_files_are_there(resumed):
    _, out = resumed
    trials = pd.read_csv(out / "trials.csv")
    assert trials["trial"].tolist() == ["moons", "blobs", "table"]
    assert set(trials["status"]) == {"finished"}
    epochs = pd.read_csv(out / "epochs.csv")
    assert len(epochs) == 2 * (6 + 4 + 2)
    assert set(pd.read_csv(out / "timings.csv")["implementation"]) == {"scratchnet", "keras"}
    parity = pd.read_csv(out / "parity.csv")
    assert set(parity["mode"]) == {"layer", "step", "free"}
    assert "tensorflow" in json.loads((out / "environment.json").read_text())["packages"]
    names = {path.stem for path in (out / "plots").glob("*.png")}
    assert len(names) >= 6


def test_the_resolved_plan_means_the_same_trials(resumed, small_plan):
    _, out = resumed
    assert load_plan(out / "plan.toml").trials == load_plan(small_plan).trials


@pytest.fixture
def stubbed(moons_result, monkeypatch):
    """Replace the running of trials by what the test wants; the rest is the command's own."""

    def stub(change):
        def run_trial(trial, on_progress, **_):
            return change(replace(moons_result, trial=trial))

        monkeypatch.setattr(trial_module, "run_trial", run_trial)

    return stub


def test_a_crash_gives_status_3_and_the_others_finish(stubbed, small_plan, tmp_path, capsys):
    def change(result):
        if result.trial.name == "blobs":
            raise MemoryError("no room")
        return result

    stubbed(change)
    assert run.main([str(small_plan), "--out", str(tmp_path), "--in-process"]) == 3
    captured = capsys.readouterr()
    assert "blobs out of memory: MemoryError: no room" in captured.err
    assert captured.out.splitlines()[-1] == str(tmp_path / "report.html")
    table = pd.read_csv(tmp_path / "trials.csv")
    assert table["status"].tolist() == ["finished", "out of memory", "finished"]


def test_a_divergent_verdict_gives_status_1(stubbed, small_plan, tmp_path, capsys):
    def change(result):
        wrong = replace(result.parity[0], verdict="divergent", diagnosis="a sign is wrong")
        return replace(result, parity=[wrong, *result.parity[1:]])

    stubbed(change)
    assert run.main([str(small_plan), "--out", str(tmp_path), "--in-process"]) == 1
    assert "divergent" in capsys.readouterr().out


def test_finished_trials_are_run_again_only_if_asked_to(stubbed, small_plan, tmp_path, capsys):
    started = []
    stubbed(lambda result: started.append(result.trial.name) or result)
    arguments = [str(small_plan), "--out", str(tmp_path), "--in-process"]
    assert run.main(arguments) == run.main(arguments) == 0
    assert started == ["moons", "blobs", "table"]
    assert "replaced" not in capsys.readouterr().err
    assert run.main([*arguments, "--fresh", "--set", "seed=5"]) == 0
    assert started == ["moons", "blobs", "table"] * 2
    assert "tables and report are replaced" in capsys.readouterr().err


def test_the_list_of_trials_runs_none(small_plan, tmp_path, capsys):
    assert run.main([str(small_plan), "--out", str(tmp_path / "none"), "--list"]) == 0
    listed = capsys.readouterr().out
    assert "2-5-3 tanh, softmax" in listed
    assert not (tmp_path / "none").exists()


def test_other_programs_read_the_outcome(stubbed, small_plan, tmp_path, capsys, monkeypatch):
    stubbed(lambda result: result)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    arguments = [str(small_plan), "--out", str(tmp_path / "run"), "--in-process"]
    wanted = ["--json", "--github", "--junit", str(tmp_path / "junit.xml")]
    assert run.main([*arguments, *wanted]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["exit_status"], len(found["trials"])) == (0, 3)
    assert 'tests="3"' in (tmp_path / "junit.xml").read_text()
    assert "3 of 3 trials equal Keras" in (tmp_path / "summary.md").read_text()


def test_what_failed_runs_again_only_if_asked_to(stubbed, small_plan, tmp_path, capsys):
    started = []

    def change(result):
        started.append(result.trial.name)
        if result.trial.name == "blobs":
            raise ValueError("a bug")
        return result

    stubbed(change)
    arguments = [str(small_plan), "--out", str(tmp_path), "--in-process"]
    assert run.main(arguments) == run.main(arguments) == 3
    assert started == ["moons", "blobs", "table"]
    said = capsys.readouterr().err
    assert "blobs crashed: ValueError: a bug" in said
    assert "run again only with --retry-failed: 1 trials" in said
    stubbed(lambda result: result)
    assert run.main([*arguments, "--retry-failed"]) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_a_status_with_its_epoch(
    value, stubbed, small_plan, tmp_path, capsys
):
    def change(result):
        loss = [*result.keras.loss[:3], value, *result.keras.loss[4:]]
        if result.trial.name != "moons":
            return result
        return replace(result, keras=replace(result.keras, loss=loss))

    stubbed(change)
    assert run.main([str(small_plan), "--out", str(tmp_path), "--in-process"]) == 0
    table = pd.read_csv(tmp_path / "trials.csv")
    assert table["status"].tolist() == ["not finite", "finished", "finished"]
    assert table["not_finite_epoch"].tolist()[0] == 4
    assert table["not_finite_epoch"].isna().tolist() == [False, True, True]
    assert "moons not finite: the loss is NaN or infinite from epoch 4" in capsys.readouterr().err


def test_two_starts_in_one_folder_do_not_meet(small_plan, tmp_path, capsys):
    with held(OwnFiles.open(tmp_path), wait=False, say=print):
        assert run.main([str(small_plan), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"another process works there, process {os.getpid()} on" in said
    assert not (tmp_path / "plan.toml").exists()


def test_damaged_results_are_named_put_aside_and_run_again_alone(
    stubbed, small_plan, tmp_path, capsys
):
    started = []
    stubbed(lambda result: started.append(result.trial.name) or result)
    arguments = [str(small_plan), "--out", str(tmp_path), "--in-process"]
    assert run.main(arguments) == 0
    moons, blobs, _ = (tmp_path / "trials" / t.key for t in load_plan(small_plan).trials)
    shutil.copy(blobs / "result.json", moons / "result.json")
    with (blobs / "arrays.npz").open("r+b") as file:
        file.seek(500)
        byte = file.read(1)
        file.seek(500)
        file.write(bytes([byte[0] ^ 1]))
    capsys.readouterr()
    assert run.main(arguments) == 0
    assert started == ["moons", "blobs", "table", "moons", "blobs"]
    said = capsys.readouterr().err
    assert "moons: its stored result is damaged (it is the result of another trial)" in said
    assert "blobs: its stored result is damaged (arrays.npz is not what was stored" in said
    assert len(list((tmp_path / "damaged").glob("*-1/arrays.npz"))) == 2


def test_trials_removed_in_the_middle_are_no_success(stubbed, small_plan, tmp_path, capsys):
    def change(result):
        if result.trial.name == "table":
            shutil.rmtree(tmp_path / "trials")
        return result

    stubbed(change)
    arguments = [str(small_plan), "--out", str(tmp_path), "--in-process"]
    assert run.main(arguments) == 3
    assert "moons, blobs: ran, but its stored result is missing" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "trials.csv")["status"].tolist() == [
        "not run",
        "not run",
        "finished",
    ]


def test_an_internal_error_is_no_verdict(small_plan, tmp_path, monkeypatch, capsys):
    """1 would mean that something diverges."""

    def no_memory(*_, **__):
        raise ImportError("libopenblas.so: cannot allocate memory in static TLS block")

    monkeypatch.setattr(run, "_run_trials", no_memory)
    assert run.main([str(small_plan), "--out", str(tmp_path)]) == 3
    assert "cannot allocate memory" in capsys.readouterr().err


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

from experiments import run
from experiments.plan.plan import load_plan
from experiments.runtime.places import CHECKOUT
from experiments.trials import execution
from experiments.trials import trial as trial_module
from experiments.trials.store import Store

plan, made, out = map(Path, sys.argv[1:])
trials = load_plan(plan).trials
result = Store(made).load(trials[0])
trial_module.run_trial = lambda trial, *_, **__: replace(result, trial=trial)
execution.start = run._write_report = lambda store: "report.html"
sys.exit(run.main([str(plan), "--out", str(out), "--in-process"]))
"""
"""The command without its trainings and without its page."""


def run_without_training(small_plan, small_run, out, redirection):
    """Run the command in a shell, with some redirection of its output."""
    script = out.parent / "script.py"
    script.write_text(SCRIPT)
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} {script} {small_plan} {small_run} {out} {redirection}"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


@pytest.mark.parametrize(
    ("redirection", "status", "words"),
    [
        (">/dev/full", 2, "the output cannot be written: No space left on device"),
        (">&-", 141, ""),
        ("2>&-", 0, None),
        ("2>/dev/full", 0, None),
        ("2> >(exit)", 0, None),
        (">&- 2>&- <&-", 141, None),
    ],
)
def test_whatever_becomes_of_the_output_the_run_is_whole(
    redirection, status, words, small_plan, small_run, tmp_path
):
    done = run_without_training(small_plan, small_run, tmp_path / "out", redirection)
    assert done.returncode == status
    if words is not None:
        assert words in done.stderr
        assert str(tmp_path) not in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    table = pd.read_csv(tmp_path / "out/trials.csv")
    assert table["status"].tolist() == ["finished"] * 3


@pytest.fixture
def tiny_disk(tmp_path):
    """A folder on a disk that holds 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_the_run_at_once_and_keeps_what_there_is(
    small_plan, small_run, tiny_disk
):
    done = run_without_training(small_plan, small_run, tiny_disk / "out", "")
    assert done.returncode == 2
    (last,) = [line for line in done.stderr.splitlines() if line.startswith("experiments.run")]
    assert "cannot be written (No space left on device)" in last
    assert "the trials that finished are kept" in last
    assert "Traceback" not in done.stderr
    store = Store(tiny_disk / "out")
    states = [store.look(trial).state for trial in load_plan(small_plan).trials]
    assert states[0] == "finished"
    assert states[-1] == "absent"
    assert not list((tiny_disk / "out").rglob(".*.[0-9]*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.toml"], "nowhere.toml: no such plan"),
        (["PLAN", "--set", "epoch=3"], "did you mean 'epochs'?"),
        (["PLAN", "--set", "epochs"], "expected key=value"),
        (["PLAN", "--set", "dataset=moos"], "did you mean 'moons'?"),
        (["PLAN", "--out", "PLAN"], "cannot write results there"),
        (["PLAN", "--out", "PLAN/below"], "cannot write results there"),
        (["PLAN", "--out", "/proc/nowhere"], "cannot write results there"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, small_plan, capsys):
    arguments = [argument.replace("PLAN", str(small_plan)) for argument in arguments]
    assert run.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--jobs", "0"],
        ["--jobs", "two"],
        ["--nonsense"],
        ["--trial-timeout", "soon"],
        ["--trial-memory", "much"],
        ["--in-process", "--trial-timeout", "9s"],
        ["--junit", "/nowhere/junit.xml"],
    ],
)
def test_a_wrong_option_gives_status_2(arguments):
    with pytest.raises(SystemExit) as caught:
        run.main(arguments)
    assert caught.value.code == 2


def test_the_default_plan_is_found_from_anywhere(tmp_path):
    done = subprocess.run(
        [*COMMAND, "--list"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "notebook-float32" in done.stdout


def finished_in(out):
    return len(list(out.glob("trials/*/result.json")))


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_runs_that_are_killed_leave_the_same_tables(kills, resumed, small_plan, tmp_path):
    """Killed at moments by chance; the tables are those of a run that nobody killed."""
    random = np.random.default_rng(kills)
    out, killed = tmp_path / "run", 0
    command = [*COMMAND, str(small_plan), "--out", str(out), *TWO_JOBS]
    while killed < kills:
        if finished_in(out) == 3:
            shutil.rmtree(out)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while not (out / "plan.toml").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(float(random.uniform(0, 12)))
        process.kill()
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "damaged" not in done.stderr
    for name in ("epochs.csv", "parity.csv"):
        assert (out / name).read_bytes() == (resumed[1] / name).read_bytes()
    assert not [path for path in out.rglob(".*") if path.is_file()]
