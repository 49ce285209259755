"""The page's text, and the command that writes it; `test_page` opens it in a browser."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from experiments.plan.plan import Trial, load_plan
from experiments.report import html
from experiments.report.__main__ import main
from experiments.report.charts import chart_library
from experiments.report.run_result import RunResult
from experiments.report.trial_section import as_script
from experiments.runtime.places import CHECKOUT
from experiments.trials.own_files import OwnFiles


@pytest.fixture(scope="module")
def page(mixed_run):
    return html.render_report(RunResult.load(mixed_run), OwnFiles.open(mixed_run))


def test_the_page_is_small_and_holds_all_that_it_needs(page):
    assert len(page.encode()) < 3_000_000
    own = page.replace(chart_library(), "")
    assert own != page
    for outside in ('<link rel="stylesheet', "<script src", "<img src", "@import", "url(http"):
        assert outside not in own


def test_every_trial_has_a_row_and_a_part(page, summaries):
    for summary in summaries:
        assert f'<a href="#trial-{summary.name}">' in page
        assert page.count(f'id="trial-{summary.name}"') == 1


def test_what_comes_from_a_run_cannot_end_a_script():
    text = as_script({"name": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": "</script><!-- & \u2028"}


def test_just_one_trial_can_be_run_again(page, mixed_run):
    run = RunResult.load(mixed_run)
    for trial in run.plan.trials:
        path = mixed_run / "trials" / trial.key / "plan.toml"
        plan = load_plan(path)
        assert [again.key for again in plan.trials] == [trial.key]
        # Elsewhere than the run itself, whose tables it must not overwrite.
        assert plan.name == f"mixed-{trial.name}"
        near = os.path.relpath(path, CHECKOUT)
        assert f"python -m experiments.run {near} --fresh" in page


def test_explanations_are_linked_where_they_exist(page):
    for name in ("results.md", "timing.md"):
        assert f'docs/{name}">' in page
    assert "nowhere.md" not in page


def test_a_thousand_trials_fit(make_run, mixed_run, tmp_path, capsys):
    """300 of them here, which is enough to need all that a thousand need."""
    (result,) = [r for r in RunResult.load(mixed_run).results.values() if r.trial.name == "kink"]
    table = result.trial.to_dict()
    trials = [Trial.from_dict(table | {"name": f"t{i}", "seed": i}) for i in range(300)]
    folder = make_run(tmp_path / "many", "many", [replace(result, trial=trials[0])], trials=trials)
    first = folder / "trials" / trials[0].key
    for trial in trials[1:]:
        shutil.copytree(first, folder / "trials" / trial.key, copy_function=os.link)
    assert main([str(folder), "--plots", "none"]) == 0
    report = folder / "report.html"
    assert capsys.readouterr().out == f"{report}\n"
    assert report.stat().st_size < 3_000_000
    text = report.read_text()
    beside = {path.stem for path in (folder / "report-parts").iterdir()}
    assert 0 < len(beside) < 300
    for trial in trials:
        assert (f'data-source="report-parts/{trial.name}.js"' in text) == (trial.name in beside)


def test_a_run_of_nothing_yet_has_a_page(make_run, mixed_run, tmp_path, capsys):
    trials = RunResult.load(mixed_run).plan.trials
    folder = make_run(tmp_path / "new", "new", [], trials=trials, environment=None)
    assert main([str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("not run") == len(trials)
    text = (folder / "report.html").read_text()
    assert "No trial has finished" in text
    assert "environment.json is missing" in text


def test_a_result_that_cannot_be_read_is_named(make_run, mixed_run, tmp_path):
    results = list(RunResult.load(mixed_run).results.values())[:2]
    folder = make_run(tmp_path / "spoilt", "spoilt", results)
    (folder / "trials" / results[0].trial.key / "arrays.npz").write_bytes(b"cut off")
    assert main([str(folder), "--plots", "none"]) == 0
    text = (folder / "report.html").read_text()
    assert "1 of 2 trials have no result (1 unreadable)" in text
    assert "cannot be read as a result" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["NOWHERE"], "no such folder"), (["EMPTY"], "has no plan.toml")],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, tmp_path, capsys):
    (tmp_path / "EMPTY").mkdir()
    assert main([str(tmp_path / argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err


def test_the_command_answers_for_help():
    done = subprocess.run(
        [sys.executable, "-m", "experiments.report", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "finished or" in done.stdout or "interrupted" in done.stdout
