"""Two starts in one folder."""

import os
import signal
import subprocess
import sys

import pytest

from experiments.trials.hold import HeldError, held
from experiments.trials.own_files import OwnFiles

HOLD = """
import sys, time
from pathlib import Path
from experiments.trials.hold import held
from experiments.trials.own_files import OwnFiles

with held(OwnFiles.open(Path(sys.argv[1])), wait=False, say=print):
    print("held", flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_told_who_holds_the_folder(holder, tmp_path):
    own = OwnFiles.open(tmp_path / "run")
    with (
        pytest.raises(HeldError, match=f"process {holder.pid} on .* since 20") as caught,
        held(own, wait=False, say=print),
    ):
        pass
    assert len(str(caught.value).splitlines()) == 1


def test_a_killed_start_holds_nothing(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with held(OwnFiles.open(tmp_path / "run"), wait=False, say=print):
        pass


def test_whoever_waits_comes_next(holder, tmp_path):
    said = []

    def say(line):
        said.append(line)
        # Only now does the other one end.
        holder.kill()

    with held(OwnFiles.open(tmp_path / "run"), wait=True, say=say):
        assert str(holder.pid) in said[0]
    assert len(said) == 1


def test_the_folder_is_free_after_the_block(tmp_path):
    own = OwnFiles.open(tmp_path / "run")
    for _ in range(2):
        with held(own, wait=False, say=print):
            pass
