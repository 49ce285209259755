import io

from experiments.runtime import progress as progress_module
from experiments.runtime.progress import Lines, progress


def test_a_log_gets_a_line_at_intervals(monkeypatch):
    now = 0.0
    monkeypatch.setattr(progress_module, "monotonic", lambda: now)
    stream = io.StringIO()
    lines = Lines(stream, 10)
    for second in range(200):
        now = float(second)
        lines.update(second / 20, f"trial {second}")
    said = stream.getvalue().splitlines()
    assert said[:2] == [
        "1 of 10 trials done after 0:30; trial 30",
        "3 of 10 trials done after 1:00; trial 60",
    ]
    assert len(said) == 6


def test_without_a_terminal_a_short_run_says_nothing(capfd):
    with progress(3) as shown:
        for done in range(4):
            shown.update(done, "a trial")
    assert capfd.readouterr().err == ""
