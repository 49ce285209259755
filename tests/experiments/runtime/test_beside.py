import os
import time
from functools import partial

import pytest

from experiments.runtime.beside import WorkFailedError, beside


def test_results_come_back_in_order_from_other_processes():
    with beside([partial(divmod, 7, 2), partial(divmod, 9, 2), os.getpid]) as results:
        first, second, process = results()
    assert (first, second) == ((3, 1), (4, 1))
    assert process != os.getpid()


def test_a_failure_is_told_with_its_traceback():
    with (
        beside([partial(divmod, 1, 0)]) as results,
        pytest.raises(WorkFailedError, match="ZeroDivisionError"),
    ):
        results()


def test_a_process_that_dies_is_noticed():
    with (
        beside([partial(os._exit, 3)]) as results,
        pytest.raises(WorkFailedError, match="exited with status 3, before it had a result"),
    ):
        results()


def test_processes_end_with_the_block():
    started = time.monotonic()
    with beside([partial(time.sleep, 600)]):
        pass
    assert time.monotonic() - started < 60
