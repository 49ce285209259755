"""Files that appear whole or not at all, and files that are only read if they are files."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside a file, and put it in the file's place at the end.

    Raises
    ------
    OSError
        With the name of a file, as where the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # What fails in the middle of writing does not know to which file.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


_TEMPORARY = re.compile(r"\.(.+)\.(\d+)")


def left_behind(path: Path) -> str | None:
    """Return the name of the file that a temporary one was to become, if its writer is dead.

    None where the path is no temporary file of `whole_file`, or where its process still runs.
    """
    found = _TEMPORARY.fullmatch(path.name)
    return found[1] if found and not _lives(int(found[2])) else None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def read_file(path: Path) -> bytes:
    """Return what a file holds; of a pipe or a device nothing is read, as it may never end.

    Raises
    ------
    OSError
        If it cannot be read, or is no ordinary file.
    """
    # Without O_NONBLOCK the opening of a pipe waits for somebody who writes.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, as `read_file` reads it.

    Raises
    ------
    OSError
        As `read_file`.
    UnicodeDecodeError
        If it is not UTF-8.
    """
    return read_file(path).decode("utf-8")
