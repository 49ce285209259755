"""How much memory a process and all that it started hold."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

MEASURABLE = Path("/proc/self/stat").exists()
"""Whether this system tells."""


def used_bytes(process: int) -> int:
    """Return the bytes of memory that a process and its descendants hold now; 0 if it is gone."""
    children, pages = defaultdict(list), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of the program, in brackets, may hold spaces and brackets.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It ended meanwhile.
        number, parent, resident = int(folder.name), int(fields[1]), int(fields[21])
        children[parent].append(number)
        pages[number] = resident
    total, waiting = 0, [process]
    while waiting:
        number = waiting.pop()
        total += pages.get(number, 0)
        waiting += children[number]
    return total * os.sysconf("SC_PAGE_SIZE")
