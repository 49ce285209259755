import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from experiments.plan import Plan
from experiments.results import RunError, RunResult
from experiments.store import Store


@pytest.fixture(scope="module")
def folder(small_trials, moons_result, blobs_result, tmp_path_factory):
    """A run of three trials, one of which crashed."""
    folder = tmp_path_factory.mktemp("run") / "small"
    store = Store(folder)
    store.save(moons_result)
    store.save(blobs_result)
    store.save_crash(small_trials[2], "ValueError: why\n\nTraceback: ...")
    store.write_text("plan.toml", Plan("small", "", tuple(small_trials)).to_toml())
    store.write_text("environment.json", json.dumps({"cores": 2}))
    return folder


def countable(rows):
    """The same rows without what is not a number, which is unequal to itself."""
    return [replace(row, expected_ratio=0.0) for row in rows]


def test_a_run_is_read_as_it_was_stored(folder, moons_result):
    run = RunResult.load(folder)
    assert list(run.results) == ["moons", "blobs"]
    assert countable(run.results["moons"].parity) == countable(moons_result.parity)
    assert run.environment == {"cores": 2}
    assert list(run.tables.trials["status"]) == ["finished", "finished", "crashed"]


def test_what_crashed_says_why(folder):
    missing = RunResult.load(folder).missing
    assert list(missing) == ["table"]
    assert missing["table"].status == "crashed"
    assert missing["table"].reason == "ValueError: why"
    assert missing["table"].details == "Traceback: ..."


def test_what_was_not_run_is_missing_too(folder, tmp_path):
    unfinished = tmp_path / "unfinished"
    shutil.copytree(folder, unfinished)
    shutil.rmtree(unfinished / "trials")
    (unfinished / "environment.json").unlink()
    run = RunResult.load(unfinished)
    assert {why.status for why in run.missing.values()} == {"not run"}
    assert run.environment == {}


def test_tables_alone_give_the_same_results(folder, tmp_path, blobs_result):
    published = tmp_path / "published"
    published.mkdir()
    for name, table in vars(RunResult.load(folder).tables).items():
        table.to_csv(published / f"{name}.csv", index=False)
    shutil.copy(folder / "plan.toml", published)
    run = RunResult.load(published)
    assert list(run.results) == ["moons", "blobs"]
    assert run.missing["table"].status == "crashed"
    found = run.results["blobs"]
    np.testing.assert_allclose(found.keras.val_loss, blobs_result.keras.val_loss, rtol=1e-15)
    assert found.seconds_per_epoch == blobs_result.seconds_per_epoch
    assert countable(found.parity) == countable(blobs_result.parity)
    assert found.boundary is None


def test_a_notebook_shows_the_verdict_and_a_row_per_trial(folder):
    shown = RunResult.load(folder)._repr_html_()
    assert "Is it right?" in shown
    assert shown.count("<tr>") == 4
    assert "crashed" in shown


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: shutil.rmtree(f), "no such folder"),
        (lambda f: (f / "plan.toml").unlink(), "has no plan.toml"),
        (lambda f: (f / "plan.toml").write_text("name = "), "cannot be read as a run's plan"),
        (lambda f: (f / "plan.toml").write_text("name = 'x'"), "'trials' is missing"),
        (
            lambda f: (f / "plan.toml").write_text("name = 'x'\ntrials = [1]"),
            "expected tables under trials",
        ),
        (lambda f: (f / "environment.json").write_text("{"), "environment.json: cannot be read"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(folder, tmp_path, spoil, words):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    spoil(copy)
    with pytest.raises(RunError, match=words) as caught:
        RunResult.load(copy)
    assert len(str(caught.value).splitlines()) == 1
