import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.report.run_result import RunResult
from experiments.trials.run_folder import RunError, StoredRun
from experiments.trials.store import StoreError


def countable(rows):
    """The same rows without what is not a number, which is unequal to itself."""
    return [replace(row, expected_ratio=0.0) for row in rows]


def test_a_run_is_read_as_it_was_stored(small_run, moons_result):
    run = StoredRun.load(small_run)
    assert list(run.results) == ["moons", "blobs"]
    assert countable(run.results["moons"].parity) == countable(moons_result.parity)
    assert run.environment == {"cores": 2}


def test_what_crashed_says_why(small_run):
    missing = StoredRun.load(small_run).missing
    assert list(missing) == ["table"]
    assert missing["table"].status == "crashed"
    assert missing["table"].reason == "ValueError: why"
    assert missing["table"].details == "Traceback: ..."


def test_what_was_not_run_is_missing_too(small_run, tmp_path):
    unfinished = tmp_path / "unfinished"
    shutil.copytree(small_run, unfinished)
    shutil.rmtree(unfinished / "trials")
    (unfinished / "environment.json").unlink()
    run = StoredRun.load(unfinished)
    assert {why.status for why in run.missing.values()} == {"not run"}
    assert run.environment == {}


def test_tables_alone_give_the_same_results(small_run, tmp_path, blobs_result):
    published = tmp_path / "published"
    published.mkdir()
    for name, table in vars(RunResult.load(small_run).tables).items():
        table.to_csv(published / f"{name}.csv", index=False)
    shutil.copy(small_run / "plan.toml", published)
    run = StoredRun.load(published)
    assert list(run.results) == ["moons", "blobs"]
    assert run.missing["table"].status == "crashed"
    found = run.results["blobs"]
    np.testing.assert_allclose(found.keras.val_loss, blobs_result.keras.val_loss, rtol=1e-15)
    assert found.seconds_per_epoch == blobs_result.seconds_per_epoch
    assert countable(found.parity) == countable(blobs_result.parity)
    assert found.boundary is None


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
def test_what_is_no_run_is_refused_in_one_line(small_run, tmp_path, spoil, words):
    copy = tmp_path / "copy"
    shutil.copytree(small_run, copy)
    spoil(copy)
    with pytest.raises(RunError, match=words) as caught:
        StoredRun.load(copy)
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def published(small_run, tmp_path):
    """A folder with a run's plan and tables, and nothing else."""
    folder = tmp_path / "published"
    folder.mkdir()
    shutil.copy(small_run / "plan.toml", folder)
    for name, table in vars(RunResult.load(small_run).tables).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_a_published_run_says_which_of_its_tables_are_missing(published):
    (published / "parity.csv").unlink()
    missing = StoredRun.load(published).missing
    assert missing["moons"].status == "not here"
    assert "parity.csv" in missing["moons"].reason
    assert missing["table"].status == "crashed"


def test_tables_that_hold_nonsense_are_refused(published):
    path = published / "trials.csv"
    table = pd.read_csv(path).astype({"parameters": str}).assign(parameters="many")
    table.to_csv(path, index=False)
    with pytest.raises(RunError, match="column 'parameters' has values that are not numbers"):
        StoredRun.load(published)


def test_a_table_that_holds_nonsense_makes_its_trials_unreadable(published):
    path = published / "timings.csv"
    pd.read_csv(path).assign(seconds=-1.0).to_csv(path, index=False)
    with pytest.raises(StoreError, match=r"column 'seconds' holds -1\.0; expected more than 0"):
        StoredRun.load(published).results["moons"]
