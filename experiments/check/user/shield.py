"""No signals to the check: Linux lets a process give up calls for itself and all that it starts.

After `give_up_signals_to`, signals, tracing and limits for the processes named are refused with
EPERM, whatever the user's code does. It takes no rights. Where it is not to be had (another
system, another processor) nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

# Instructions of the classic packet filter, linux/filter.h, and what a filter returns,
# linux/seccomp.h.
_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 1  # EPERM

_CALL_NUMBER = 0
_PROCESSOR = 4
_FIRST_ARGUMENT = 16

# linux/audit.h; and by asm/unistd.h the calls kill, tkill, tgkill, rt_sigqueueinfo,
# rt_tgsigqueueinfo, process_vm_writev, pidfd_open, prlimit64 (first argument: a process), ptrace.
_PROCESSORS: dict[str, tuple[int, tuple[int, ...], int]] = {
    "x86_64": (0xC000003E, (62, 200, 234, 129, 297, 311, 434, 302), 101),
    "aarch64": (0xC00000B7, (129, 130, 131, 138, 240, 271, 434, 261), 117),
}

Instruction = tuple[int, int, int, int]


def give_up_signals_to(processes: Iterable[int]) -> None:
    """Refuse this process, and all that it will start, signals to others and to their groups."""
    if sys.platform != "linux" or platform.machine() not in _PROCESSORS:
        return
    # -1 is everybody.
    targets = {-1, *processes}
    for process in targets - {-1}:
        with contextlib.suppress(OSError):
            targets.add(-os.getpgid(process))
    # 0 means the caller's own, and stands for whoever lives outside of a container.
    program = _filter(sorted(targets - {0}))
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    kept = ctypes.create_string_buffer(packed)
    described = ctypes.create_string_buffer(
        struct.pack(
            "HL" if sys.maxsize < 2**32 else "HxxxxxxQ", len(program), ctypes.addressof(kept)
        )
    )
    library = ctypes.CDLL(None)
    arguments = (ctypes.c_ulong(n) for n in (1, 0, 0, 0))
    if library.prctl(_PR_SET_NO_NEW_PRIVS, *arguments) == 0:
        mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
        library.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(described))


def ancestors(process: int) -> list[int]:
    """Return a process, its parent, and so on, but not the system's first; Linux only."""
    found = []
    while process > 1 and process not in found:
        found.append(process)
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                process = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return found


def _filter(targets: Sequence[int]) -> list[Instruction]:
    processor, calls, trace = _PROCESSORS[platform.machine()]
    program: list[Instruction] = [(_LOAD, 0, 0, _PROCESSOR)]
    # A jump counts the instructions that it leaps over: `rest` are those up to the last two.
    look_at_target = [(_LOAD, 0, 0, _FIRST_ARGUMENT)] + [
        (_JUMP_IF_EQUAL, len(targets) - i, 0, target & 0xFFFFFFFF)
        for i, target in enumerate(targets)
    ]
    # Laid out as: processor? | number | trace? | calls? | allow | target? ... | allow | refuse
    after = len(look_at_target)
    program.append((_JUMP_IF_EQUAL, 0, 2 + len(calls), processor))
    program.append((_LOAD, 0, 0, _CALL_NUMBER))
    program.append((_JUMP_IF_EQUAL, len(calls) + 1 + after + 1, 0, trace))
    program += [(_JUMP_IF_EQUAL, len(calls) - i, 0, call) for i, call in enumerate(calls)]
    program.append((_RETURN, 0, 0, _ALLOW))
    program += look_at_target
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return program
