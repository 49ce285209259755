from experiments.report.run_result import RunResult


def test_tables_have_a_row_for_each_trial_that_was_planned(small_run):
    trials = RunResult.load(small_run).tables.trials
    assert list(trials["status"]) == ["finished", "finished", "crashed"]


def test_a_notebook_shows_the_verdict_and_a_row_per_trial(small_run):
    shown = RunResult.load(small_run)._repr_html_()
    assert "Is it right?" in shown
    assert shown.count("<tr>") == 4
    assert "crashed" in shown
