import os
import signal
import subprocess
import sys

import pytest

from experiments.runtime.ending import interrupted_by_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_asks_to_end_interrupts(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():  # noqa: PT012 - waits for it
        os.kill(os.getpid(), number)
        signal.sigtimedwait([], 10)
    assert signal.getsignal(number) == before


def test_under_nohup_a_lost_terminal_ends_nothing():
    script = (
        "import os, signal; from experiments.runtime.ending import interrupted_by_signals\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with interrupted_by_signals():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('went on')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "went on\n"
