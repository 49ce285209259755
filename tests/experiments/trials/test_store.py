import json
from dataclasses import replace

import numpy as np
import pytest

from experiments.trials import store as store_module
from experiments.trials.own_files import FolderError
from experiments.trials.store import Store, StoreError


def _assert_same(a, b):
    for name, value in vars(a).items():
        other = getattr(b, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other)
            assert value.dtype == other.dtype
        elif name == "envelope":
            assert value.keys() == other.keys()
            for key in value:
                np.testing.assert_array_equal(value[key], other[key])
        elif name == "boundary":
            _assert_same(value, other)
        elif name == "parity":
            # As text, because NaN is not equal to itself.
            assert [str(row) for row in value] == [str(row) for row in other]
        else:
            assert value == other


@pytest.mark.parametrize("fixture", ["moons_result", "blobs_result"])
def test_a_result_comes_back_to_the_last_bit(fixture, tmp_path, request):
    result = request.getfixturevalue(fixture)
    store = Store.open(tmp_path)
    assert not store.has(result.trial)
    store.save(result)
    assert store.has(result.trial)
    _assert_same(store.load(result.trial), result)


def test_a_result_is_found_by_what_was_run_and_not_by_its_name(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    assert store.load(replace(moons_result.trial, name="other")).trial.name == "other"
    assert not store.has(replace(moons_result.trial, epochs=7))


def test_nothing_but_whole_files_stays_behind(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    names = sorted(path.name for path in store.path(moons_result.trial).iterdir())
    assert names == ["arrays.npz", "result.json"]


def test_a_result_by_other_code_is_not_taken_for_todays(moons_result, tmp_path, monkeypatch):
    Store.open(tmp_path).save(moons_result)
    monkeypatch.setattr(store_module, "_sources", lambda: "other")
    assert not Store.open(tmp_path).has(moons_result.trial)


def test_editing_a_source_during_a_run_loses_nothing(moons_result, tmp_path, monkeypatch):
    store = Store.open(tmp_path)
    monkeypatch.setattr(store_module, "_sources", lambda: "edited")
    store.save(moons_result)
    assert store.has(moons_result.trial)


@pytest.mark.parametrize("text", ["", "{", "[]", "nonsense"])
def test_a_broken_result_counts_as_none(text, moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    (store.path(moons_result.trial) / "result.json").write_text(text)
    assert not store.has(moons_result.trial)


def test_a_broken_result_cannot_be_loaded_and_says_what_to_do(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    (store.path(moons_result.trial) / "arrays.npz").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"run with --fresh"):
        store.load(moons_result.trial)


def test_a_crash_is_kept_until_the_trial_finishes(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save_crash(moons_result.trial, "ValueError: why\n\nTraceback ...")
    assert store.crash(moons_result.trial).startswith("ValueError: why")
    assert not store.has(moons_result.trial)
    store.save(moons_result)
    assert store.crash(moons_result.trial) is None


def test_discarding_removes_all_traces(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    store.discard(moons_result.trial)
    assert not store.has(moons_result.trial)
    assert not store.path(moons_result.trial).exists()


def test_the_trial_stands_in_its_result_as_it_would_in_a_plan(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    table = json.loads((store.path(moons_result.trial) / "result.json").read_text())
    assert table["trial"] == moons_result.trial.to_dict()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        with pytest.raises(FolderError, match=f"{folder}: cannot write results there"):
            Store.open(folder)
