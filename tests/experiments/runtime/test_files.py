import os
import subprocess
import sys

import pytest

from experiments.runtime.files import left_behind, read_file, whole_file


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_temporary_file_is_left_behind_once_its_writer_is_dead(tmp_path):
    with whole_file(tmp_path / "trials.csv") as temporary:
        temporary.write_text("")
        assert left_behind(temporary) is None
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    ).stdout.strip()
    assert left_behind(tmp_path / f".trials.csv.{dead}") == "trials.csv"
    assert left_behind(tmp_path / "trials.csv") is None


def test_of_a_pipe_nothing_is_read(tmp_path):
    """Whoever opens a pipe to read waits, for ever, until somebody writes."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"content")
    assert read_file(tmp_path / "file") == b"content"
    for name in ("pipe", "folder", "none"):
        with pytest.raises(OSError, match=name):
            read_file(tmp_path / name)
