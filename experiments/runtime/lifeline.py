"""Processes that end with the one that started them, also where that one is killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Let this process end as soon as its parent is gone, whatever it is doing.

    On Linux the system sees to it, also where the parent is killed by SIGKILL and this process is
    deep in a matrix product. Elsewhere a thread looks twice a second.

    Parameters
    ----------
    parent
        Number of the process that started this one.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # It may have gone before.
        if os.getppid() != parent:
            os._exit(1)
        return
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
