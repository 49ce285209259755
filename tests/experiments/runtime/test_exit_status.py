"""The words and the status with which every command ends when Ctrl-C strikes."""

import os
import subprocess
import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("command", "work", "arguments"),
    [
        ("run", "_run", []),
        ("check.__main__", "_check", ["network.py"]),
        ("bench.__main__", "_run", []),
        ("fuzz.__main__", "_fuzz", []),
        ("backends", "_run", []),
        ("compare.__main__", "_compare", ["one", "other"]),
        ("mutants.__main__", "_judge", []),
        ("report.__main__", "_report", ["run"]),
    ],
)
def test_an_interrupted_command_says_so(command, work, arguments, monkeypatch, capsys):
    def struck(*_, **__):
        raise KeyboardInterrupt

    module = import_module(f"experiments.{command}")
    monkeypatch.setattr(module, work, struck)
    assert module.main(arguments) == 130
    said = capsys.readouterr()
    assert said.err == "interrupted\n"
    assert said.out == ""


@pytest.mark.parametrize(
    ("output", "status", "said"),
    [
        ("closed", 141, ""),
        ("/dev/full", 2, "the output cannot be written: No space left on device\n"),
    ],
)
@pytest.mark.parametrize("work", ["print('x' * 100_000)", r"Console().print('x\n' * 20_000)"])
def test_output_that_nobody_takes_is_no_verdict(output, status, said, work):
    """1 would mean that something diverges."""
    script = (
        "import sys; from rich.console import Console;"
        "from experiments.runtime.exit_status import unless_interrupted;"
        f"sys.exit(unless_interrupted(lambda: {work} or 0))"
    )
    if output == "closed":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(output, os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert done.returncode == status
    assert done.stderr == said
