"""Trials on a Dask cluster."""

import os
import signal
import threading
import time

import pytest

from experiments.trials.cluster import ClusterError, OnDask, check_address
from experiments.trials.execution import InThisProcess, execute
from experiments.trials.run_folder import StoredResults
from experiments.trials.store import Store
from experiments.trials.tables import build_tables


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://10.0.0.1:8786", "is another machine, over plain tcp"),
        ("tcp://scheduler.example:8786", "is another machine, over plain tcp"),
        ("somewhere", "expected 'local', or an address"),
        ("http://127.0.0.1:8786", "expected 'local', or an address"),
        ("tcp://127.0.0.1", "expected 'local', or an address"),
        ("tcp://127.0.0.1:port", "expected 'local', or an address"),
    ],
)
def test_an_address_over_which_anybody_could_send_code_is_refused(address, words):
    with pytest.raises(ClusterError, match=words) as caught:
        check_address(address, plain_tcp=False)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "plain_tcp"),
    [
        ("local", False),
        ("tcp://127.0.0.1:8786", False),
        ("tcp://[::1]:8786", False),
        ("tcp://localhost:8786", False),
        ("tls://10.0.0.1:8786", False),
        ("tcp://10.0.0.1:8786", True),
    ],
)
def test_an_address_of_this_machine_or_with_encryption_is_taken(address, plain_tcp):
    pytest.importorskip("distributed")
    check_address(address, plain_tcp=plain_tcp)


def test_a_scheduler_that_is_not_there_is_one_line(small_trials):
    pytest.importorskip("distributed")
    with pytest.raises(ClusterError, match="cannot be reached") as caught:
        next(OnDask("tcp://127.0.0.1:9").run(small_trials, lambda *_: None))
    assert len(str(caught.value).splitlines()) == 1


def tables(trials, folder):
    found = build_tables(trials, StoredResults(folder, {trial.name: trial for trial in trials}))
    return found.epochs.to_csv(), found.parity.to_csv()


def _kill_the_first(folder):
    """Kill whatever process of a worker is the first to be found, in the middle of its trial."""
    from distributed import get_client

    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            workers = get_client().run(os.getpid)
        except ValueError:
            time.sleep(0.2)
            continue
        if workers:
            time.sleep(5)
            os.kill(next(iter(workers.values())), signal.SIGKILL)
            (folder / "killed").write_text("")
            return


def test_here_and_on_a_cluster_that_loses_a_worker_the_numbers_are_the_same(small_trials, tmp_path):
    pytest.importorskip("distributed")
    stores = [Store.open(tmp_path / name) for name in ("here", "cluster")]
    ended = []
    killer = threading.Thread(target=_kill_the_first, args=(tmp_path,), daemon=True)
    killer.start()
    for store, executor in zip(stores, (OnDask("local", 2), InThisProcess()), strict=True):
        execute(
            small_trials,
            store,
            executor,
            on_done=lambda _, well: ended.append(well),
            on_progress=lambda *_: None,
        )
    assert (tmp_path / "killed").exists()
    assert ended == [True] * 6
    assert tables(small_trials, stores[0].folder) == tables(small_trials, stores[1].folder)
