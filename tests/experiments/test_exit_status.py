"""The words and the status with which every command ends when Ctrl-C strikes."""

from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("command", "work", "arguments"),
    [
        ("run", "_run", []),
        ("check", "_check", ["network.py"]),
        ("bench", "_run", []),
        ("fuzz", "_fuzz", []),
        ("backends", "_run", []),
        ("compare", "_compare", ["one", "other"]),
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
