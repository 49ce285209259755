import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from experiments.trials import record as record_module
from experiments.trials import store as store_module
from experiments.trials.own_files import FolderError
from experiments.trials.record import seal
from experiments.trials.store import Failure, Store, StoreError


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
    store = Store.open(tmp_path)
    store.save(moons_result)
    monkeypatch.setattr(record_module, "origin", lambda: {"sources": "other"})
    assert store.look(moons_result.trial).state == "outdated"
    assert not store.has(moons_result.trial)
    _assert_same(store.load(moons_result.trial), moons_result)


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
    with pytest.raises(StoreError, match=r"started again, keeps it aside"):
        store.load(moons_result.trial)


def test_a_failure_is_kept_until_the_trial_finishes(moons_result, tmp_path):
    store, trial = Store.open(tmp_path), moons_result.trial
    failure = Failure("timed out", "it took longer than 5 s", "-- a line\nof a traceback")
    store.save_failure(trial, failure)
    assert store.failure(trial) == failure
    assert store.look(trial).state == "failed"
    store.save(moons_result)
    assert store.failure(trial) is None
    assert store.has(trial)


def test_a_failure_by_other_code_is_outdated(moons_result, tmp_path, monkeypatch):
    store = Store.open(tmp_path)
    store.save_failure(moons_result.trial, Failure("crashed", "ValueError: why"))
    monkeypatch.setattr(store_module, "origin", lambda: {"sources": "other"})
    assert store.look(moons_result.trial).state == "outdated"


def test_a_failure_of_before_there_were_checksums_is_read(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.write_text(f"trials/{moons_result.trial.key}/crash.txt", "ValueError: why\n\nTraceback")
    assert store.failure(moons_result.trial) == Failure("crashed", "ValueError: why", "Traceback")
    assert store.look(moons_result.trial).state == "outdated"


def test_what_runs_again_leaves_nothing_of_before(moons_result, tmp_path):
    store = Store.open(tmp_path)
    store.save(moons_result)
    store.prepare(moons_result.trial)
    assert store.look(moons_result.trial).state == "absent"
    assert not list(store.path(moons_result.trial).iterdir())


def damages(path):
    """Ways to damage a file: bits, digits, its end, and what is none of its bytes."""
    content = path.read_bytes()
    random = np.random.default_rng(len(content))
    for place in random.integers(len(content), size=12):
        yield content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
    digits = [i for i, byte in enumerate(content) if byte in b"0123456789"]
    for place in random.choice(digits, 12):
        other = b"0123456789"[(content[place] - 47) % 10]
        yield content[:place] + bytes([other]) + content[place + 1 :]
    yield from (content[:-1], content[: len(content) // 2], b"", content + b" ", b"\xff" * 99)


@pytest.fixture
def three(tmp_path, made_results):
    """A store of three trials."""
    store = Store.open(tmp_path / "run")
    for result in made_results[:3]:
        store.save(result)
    return store, [result.trial for result in made_results[:3]]


@pytest.mark.parametrize("name", ["result.json", "arrays.npz"])
def test_no_damaged_byte_is_read_as_a_result(name, three):
    store, (trial, *others) = three
    path = store.path(trial) / name
    tried = 0
    for content in damages(path):
        path.write_bytes(content)
        assert store.look(trial).state == "damaged"
        with pytest.raises(StoreError):
            store.load(trial)
        assert all(store.has(other) for other in others)
        tried += 1
    assert tried == 29


@pytest.mark.parametrize("names", [["result.json"], ["arrays.npz"], ["result.json", "arrays.npz"]])
def test_another_trials_result_is_not_read_as_ones_own(names, three):
    store, (trial, other, _) = three
    for name in names:
        shutil.copy(store.path(other) / name, store.path(trial) / name)
    assert store.look(trial).state == "damaged"
    with pytest.raises(StoreError):
        store.load(trial)
    assert store.has(other)


def test_a_table_without_its_arrays_is_no_result(three):
    store, (trial, *_) = three
    (store.path(trial) / "arrays.npz").unlink()
    assert store.look(trial).reason == "arrays.npz is not there"


def test_a_damaged_failure_is_known(three):
    store, (trial, *_) = three
    store.prepare(trial)
    store.save_failure(trial, Failure("crashed", "ValueError: why", "a traceback"))
    path = store.path(trial) / "crash.txt"
    path.write_text(path.read_text().replace("ValueError", "ValueErrer"))
    assert store.look(trial).state == "damaged"


def test_what_is_put_aside_is_kept_and_leaves_room(three, made_results):
    store, (trial, *others) = three
    path = store.path(trial) / "arrays.npz"
    for number in (1, 2):
        path.write_bytes(b"damaged")
        place = store.put_aside(trial)
        assert place == store.folder / f"damaged/{trial.key}-{number}"
        assert (place / "arrays.npz").read_bytes() == b"damaged"
        assert store.look(trial).state == "absent"
        store.save(made_results[0])
    assert all(store.has(one) for one in (trial, *others))


def test_a_result_of_before_there_were_checksums_is_read_and_not_taken_for_todays(three):
    store, (trial, other, _) = three
    path = store.path(trial) / "result.json"
    table = json.loads(path.read_text())
    for name in ("format", "key", "arrays", "checksum"):
        del table[name]
    table["origin"]["format"] = 2
    path.write_text(json.dumps(table))
    assert store.look(trial).state == "outdated"
    assert store.load(trial).trial == trial
    shutil.copy(path, store.path(other) / "result.json")
    assert store.look(other).state == "damaged"


def test_a_later_format_is_refused_by_name(three):
    store, (trial, *_) = three
    path = store.path(trial) / "result.json"
    table = json.loads(path.read_text()) | {"format": 99}
    del table["checksum"]
    path.write_bytes(seal(json.dumps(table).encode()))
    with pytest.raises(StoreError, match="has format 99; this version reads up to 3"):
        store.look(trial)


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
