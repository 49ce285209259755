"""Stands between the check and the user's process, and ends all that the latter started.

``python -m experiments.check.user.keeper STATUS LINE COMMAND ...``, with the numbers of two file
descriptors, runs a command that inherits the second, writes the command's number and later its
exit status to the first, and ends when the command does, or when standard input is closed. On
Linux it is the one that processes fall to whose parent has died, so that none escapes by a second
fork or a session of its own; elsewhere it ends the session of the command. It loads the standard
library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
FLOOD = 98
"""Exit status that stands for a command that was ended because it started ever more processes."""

_MOST_PROCESSES = 200
"""More than any network of one step needs, and few enough to be ended at once."""

_LOOK = 0.2
"""Seconds after which they are counted."""

_PATIENCE = 5.0
"""Seconds after which what cannot be ended is left."""


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies; Linux only."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(process: int) -> list[int]:
    """Return every process below another, the nearest first; Linux only, else none."""
    children: dict[int, list[int]] = {}
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for number in numbers:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{number}/stat", "rb") as file:
                # The name, in parentheses, may hold anything.
                parent = int(file.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(number)
    found = []
    waiting = [process]
    while waiting:
        below = children.get(waiting.pop(0), [])
        found += below
        waiting += below
    return found


def end_session(leader: int) -> None:
    """Kill the process group of a session's first process."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_descendants(process: int) -> None:
    """Kill every process below another."""
    # Stopped first: what stands still starts nothing.
    stopped: set[int] = set()
    while new := set(descendants(process)) - stopped:
        for number in new:
            _signal(number, signal.SIGSTOP)
        stopped |= new
    for number in stopped:
        _signal(number, signal.SIGKILL)


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


def _end_all(leader: int) -> None:
    """Kill and bury everything, until there are no children left."""
    until = time.monotonic() + _PATIENCE
    end_session(leader)
    while time.monotonic() < until:
        end_descendants(os.getpid())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def main() -> None:
    """Run the command; see the module."""
    status, line, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    adopt_orphans()
    # Whoever stops or interrupts the terminal's processes means the check, which then ends us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    wake_reading, wake_writing = os.pipe()
    os.set_blocking(wake_writing, False)
    signal.set_wakeup_fd(wake_writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    process = subprocess.Popen(
        command, pass_fds=(line,), stdin=subprocess.DEVNULL, start_new_session=True
    )
    os.close(line)
    os.write(status, b"%d\n" % process.pid)
    ended: int | None = None
    while ended is None:
        readable, _, _ = select.select([sys.stdin.fileno(), wake_reading], [], [], _LOOK)
        if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 1):
            break
        if wake_reading in readable:
            os.read(wake_reading, 4096)
        ended = _buried(process.pid)
        if ended is None and len(descendants(os.getpid())) > _MOST_PROCESSES:
            ended = FLOOD
    _end_all(process.pid)
    if ended is not None:
        os.write(status, b"%d\n" % ended)


def _buried(process: int) -> int | None:
    """Bury the dead, and return the exit status of a process if it is among them."""
    ended = None
    with contextlib.suppress(ChildProcessError):
        while True:
            number, status = os.waitpid(-1, os.WNOHANG)
            if not number:
                break
            if number == process:
                ended = os.waitstatus_to_exitcode(status)
    return ended


if __name__ == "__main__":
    main()
