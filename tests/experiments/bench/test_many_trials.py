"""The command that measures what very many trials cost; one real result stands for all."""

from experiments.bench import many_trials
from experiments.plan.plan import load_plan
from experiments.report.run_result import RunResult
from experiments.trials.store import Store


def test_every_trial_is_stored_and_every_figure_told(moons_result, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(many_trials, "_trained", lambda _: moons_result)
    assert many_trials.main(["--trials", "12", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    for figure in ("reading and checking", "storing a trial", "looking at", "tables", "report"):
        assert figure in said
    plan = RunResult.load(tmp_path / "run").plan
    assert len(plan.trials) == 12
    assert all(Store(tmp_path / "run").has(trial) for trial in plan.trials)
    assert (tmp_path / "run" / "report.html").exists()


def test_a_folder_that_is_no_runs_is_refused(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert many_trials.main(["--trials", "2", "--out", str(tmp_path)]) == 2
    assert "thesis.txt, which no run made" in capsys.readouterr().err


def test_the_plan_is_one_that_a_run_takes(tmp_path):
    path = tmp_path / "many_trials.toml"
    path.write_text(many_trials.PLAN.replace("{seeds}", "[0, 1]"))
    assert [trial.seed for trial in load_plan(path).trials] == [0, 1]
