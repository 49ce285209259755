from pathlib import Path

import pytest

FORWARD = "    A_curr = X\n"


@pytest.fixture
def run(run_alone, network_source):
    """Run a patched article network in a process of its own."""

    def ran(*patches, before="", after="", seconds=8.0):
        return run_alone(before + network_source("article_network", *patches) + after, seconds)

    return ran


def line_of(tmp_path, text):
    lines = (tmp_path / "mine.py").read_text().splitlines()
    return lines.index(text) + 1


def test_an_endless_loop_is_ended_and_its_line_named(run, tmp_path):
    _, report = run((FORWARD, FORWARD + "    while True:\n        X = X + 0\n"), seconds=2.0)
    assert report.verdict == "not judged"
    assert report.diagnosis.code == "timed_out"
    assert report.diagnosis.sentence.startswith("full_forward_propagation had not come to an end")
    lines = [line_of(tmp_path, text) for text in ("    while True:", "        X = X + 0")]
    assert any(f"line {line} of mine.py" in report.diagnosis.sentence for line in lines)


def test_a_loop_that_swallows_everything_is_killed(run):
    loop = "    while 1:\n        try: pass\n        except BaseException: pass\n"
    _, report = run((FORWARD, FORWARD + loop), seconds=1.0)
    assert report.diagnosis.code == "timed_out"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import os; os._exit(3)", "ended the process with status 3"),
        ("import os; os.abort()", "SIGABRT"),
        ("raise SystemExit('bye')", "SystemExit(bye)"),
    ],
)
def test_a_process_that_ends_early_is_told_where(run, line, told):
    _, report = run((FORWARD, f"{FORWARD}    {line}\n"))
    assert report.verdict == "not judged"
    assert report.diagnosis.code == "exited"
    assert "full_forward_propagation" in report.diagnosis.sentence
    assert told in report.diagnosis.sentence


def test_what_is_printed_is_kept_away_and_told(run):
    findings, report = run((FORWARD, FORWARD + "    print('rubbish')\n"))
    assert report.verdict == "rounding"
    assert findings.printed[0] > 1000
    assert any("rubbish" in remark for remark in report.remarks)


def test_a_file_that_exits_after_its_functions_is_judged_by_them(run):
    _, report = run(after="\nimport sys\nsys.exit(1)\n")
    assert report.verdict == "rounding"
    assert any("SystemExit(1)" in remark for remark in report.remarks)


def test_a_file_that_trains_for_hours_when_imported_is_judged_by_its_functions(run):
    forever = "\nX = np.ones((2, 9))\ntrain(X, X[:1], NN_ARCHITECTURE, 10**9, 0.0)\n"
    _, report = run(after=forever, seconds=4.0)
    assert report.verdict in ("rounding", "identical")
    assert any("importing mine.py had not come to an end" in remark for remark in report.remarks)


def test_a_file_that_asks_for_input_is_judged_by_its_functions(run):
    _, report = run(after="\nepochs = int(input('epochs? '))\n")
    assert report.verdict == "rounding"
    assert any("EOFError" in remark for remark in report.remarks)


def test_a_file_that_cannot_be_imported_is_not_judged(run):
    _, report = run(before="import no_such_module_anywhere\n")
    assert report.verdict == "not judged"
    assert report.not_judged.code == "missing_module"
    assert "line 1 of mine.py" in report.not_judged.reason
    assert "no_such_module_anywhere" in report.not_judged.reason


def test_processes_and_threads_left_behind_are_not_waited_for(run):
    left = (
        "\nimport subprocess, threading, time\n"
        "child = subprocess.Popen(['sleep', '100'])\n"
        "print(child.pid, flush=True)\n"
        "threading.Thread(target=time.sleep, args=(100,)).start()\n"
    )
    findings, report = run(after=left)
    assert report.verdict == "rounding"
    assert findings.end is None
    # Gone, or dead and waiting for a parent that will never ask.
    status = Path("/proc") / findings.printed[1].split()[0] / "stat"
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_nothing_is_written_beside_the_users_file(run, tmp_path):
    run()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
