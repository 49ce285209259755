"""Worker processes end with the one that started them, and at an interrupt say nothing."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from experiments.runtime.processes import completed, tell, worker_processes

ROOT = Path(__file__).parents[3]


def _interrupt_this_process():
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def test_a_worker_leaves_interrupts_to_the_one_that_started_it():
    with worker_processes(1) as pool:
        assert pool.submit(_interrupt_this_process).result() == "went on"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_exception_ends_workers_in_the_middle_of_a_task():
    waiting = []

    def interrupted_work():
        with worker_processes(2) as pool:
            waiting.extend(pool.submit(time.sleep, 3600) for _ in range(3))
            while not waiting[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_work()
    assert all(future.done() for future in waiting)
    assert not multiprocessing.active_children()


def test_an_error_comes_back_with_where_it_arose():
    with worker_processes(1) as pool:
        with pytest.raises(ZeroDivisionError) as caught:
            pool.submit(divmod, 1, 0).result()
        assert "Traceback" in "".join(caught.value.__notes__)
        # The process serves the next.
        assert pool.submit(divmod, 7, 2).result() == (3, 1)


def test_what_cannot_be_sent_is_an_error_of_its_task():
    with worker_processes(1) as pool:
        with pytest.raises(Exception, match="pickle"):
            pool.submit(lambda: 1).result()
        assert pool.submit(divmod, 7, 2).result() == (3, 1)


def _tell_twice():
    tell("half", 0.5)
    tell("whole", 1.0)
    return "done"


def test_a_task_tells_how_it_goes():
    told = []
    with worker_processes(1) as pool:
        future = pool.schedule(_tell_twice, on_told=lambda *values: told.append(values))
        assert future.result() == "done"
    assert told == [("half", 0.5), ("whole", 1.0)]


def _ask_another(queue):
    with worker_processes(1) as pool:
        queue.put(pool.submit(divmod, 7, 2).result())


def test_a_daemon_may_have_workers():
    """As the workers of a Dask cluster are daemons."""
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    daemon = context.Process(target=_ask_another, args=(queue,), daemon=True)
    daemon.start()
    assert queue.get() == (3, 1)
    daemon.join(60)


SCRIPT = """
import os, time
from functools import partial
from experiments.runtime.beside import beside
from experiments.runtime.processes import worker_processes


def work(folder, name):
    open(f"{folder}/{name}-{os.getpid()}", "w").close()
    time.sleep(3600)


def both(folder):
    with beside([partial(os.system, f"touch {folder}/inner-$PPID; sleep 60")]):
        work(folder, "worker")


if __name__ == "__main__":
    import sys

    with worker_processes(2) as pool:
        waiting = [pool.submit(both, sys.argv[1]) for _ in range(2)]
        waiting[0].result()
"""


def _lives(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_workers_end_with_their_parent_also_where_it_cannot_say_goodbye(number, tmp_path):
    script, folder = tmp_path / "script.py", tmp_path / "found"
    folder.mkdir()
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, str(script), str(folder)], env=environment, stderr=subprocess.DEVNULL
    )
    while len(list(folder.iterdir())) < 4 and parent.poll() is None:
        time.sleep(0.05)
    workers = [int(path.name.partition("-")[2]) for path in folder.iterdir()]
    assert len(workers) == 4
    parent.send_signal(number)
    parent.wait(timeout=60)
    until = time.monotonic() + 60
    while any(map(_lives, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_lives, workers))


def test_a_start_that_is_given_is_called_first():
    with worker_processes(1, os.putenv, "STARTED", "yes") as pool:
        assert pool.submit(os.system, '[ "$STARTED" = yes ]').result() == 0


def test_futures_come_in_the_order_in_which_they_end():
    futures = [Future() for _ in range(3)]
    futures[2].set_result("before")
    ending = completed(futures)
    assert next(ending).result() == "before"
    futures[1].set_exception(ValueError("second"))
    assert isinstance(next(ending).exception(), ValueError)
    futures[0].set_result("last")
    assert [future.result() for future in ending] == ["last"]


def test_an_interrupt_as_a_future_ends_breaks_no_lock(monkeypatch):
    """Where Ctrl-C strikes while a condition takes its lock again, Python's own wait breaks."""

    def struck(condition, state):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        as_it_was(condition, state)

    as_it_was = threading.Condition._acquire_restore
    future = Future()
    ender = threading.Thread(target=lambda: (time.sleep(0.1), future.set_result("ended")))
    ender.start()
    monkeypatch.setattr(threading.Condition, "_acquire_restore", struck)
    assert [ended.result() for ended in completed([future])] == ["ended"]
    monkeypatch.undo()
    ender.join()
