"""The one command: it lists the others, knows its version and names what is missing."""

import subprocess
import sys

import pytest

from experiments.__main__ import COMMANDS, main
from experiments.runtime import extras, places
from experiments.runtime.exit_status import BAD_INPUT, unless_interrupted
from scratchnet import __version__


def test_it_lists_every_command_without_starting_anything():
    program = (
        "import sys\n"
        "from experiments.__main__ import main\n"
        "try:\n    main([])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print('loaded', {'numpy', 'tensorflow', 'pandas', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert done.stdout.endswith("loaded set()\n")


def test_it_says_its_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"scratchnet {__version__}\n"


def test_a_command_that_there_is_not_is_named_with_the_nearest(capsys):
    assert main(["chek", "net.py"]) == BAD_INPUT
    assert capsys.readouterr().err.endswith("'chek': no such command; did you mean check?\n")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_has_a_parser_and_a_main(command):
    module = command.load()
    assert module.command_parser().format_help().startswith("usage: ")
    assert callable(module.main)


def test_what_is_not_installed_is_told_in_a_line(monkeypatch, capsys):
    monkeypatch.setitem(extras.MODULES, "keras", ("keras_that_is_not_here", "nor_this"))
    assert unless_interrupted(lambda: pytest.fail("it must not run"), ("keras",)) == BAD_INPUT
    error = capsys.readouterr().err
    assert error.startswith("keras_that_is_not_here and 1 more are not installed for ")
    assert error.count("\n") == 1


def test_a_plan_of_the_project_is_found_by_its_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("quick", "plans/quick.toml"):
        assert places.plan_path(given) == places.PLANS / "quick.toml"
    (tmp_path / "quick").touch()
    assert str(places.plan_path("quick")) == "quick"
    assert str(places.plan_path("mine.toml")) == "mine.toml"
