import json
import tomllib
import warnings
from pathlib import Path

import pytest

from experiments.check.conclusion import conclude
from experiments.check.examination import Examination
from experiments.check.source import Source
from experiments.check.user.child import Answers
from experiments.check.user.clock import Alarm
from experiments.check.user.messages import pack, unpack

UNLIMITED = 1e6
"""Seconds."""

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"


def read_network(name):
    """The source of an example, or of a network beside this file."""
    folder = EXAMPLES if (EXAMPLES / f"{name}.py").exists() else HERE / "networks"
    return (folder / f"{name}.py").read_text()


def patched(entry):
    source = read_network(entry["network"])
    for patch in entry.get("patch", []):
        assert patch["old"] in source, patch["old"]
        source = source.replace(patch["old"], patch["new"])
    return source


def read_entries(file, table):
    """The entries of a table; those marked slow tell little that the others do not."""
    entries = tomllib.loads((HERE / file).read_text())[table]
    return [
        pytest.param(
            entry,
            id=f"{entry['network']}: {entry['label']}",
            marks=[pytest.mark.slow] if entry.get("slow") else [],
        )
        for entry in entries
    ]


def pytest_generate_tests(metafunc):
    for fixture, file, table in (
        ("mistake", "mistakes.toml", "mistake"),
        ("right_network", "right.toml", "network"),
    ):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, read_entries(file, table))


@pytest.fixture
def check(tmp_path):
    """Check a network in this process, against the reference alone."""

    def checked(source, name=None, suffix=".py", expressions=None):
        path = tmp_path / f"network_of_a_user{suffix}"
        path.write_text(source)
        source_file = Source.read(path)
        answers = Answers(path, name, lambda _: None, Alarm(None))

        def ask(question, arrays, _):
            return unpack(pack(*answers.answer(*unpack(pack(question, arrays)))))

        examination = Examination(
            ask,
            source_file.words,
            UNLIMITED,
            names=source_file.names,
            expressions=expressions,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            if examination.recognise():
                examination.try_cases()
        report = conclude(examination.findings, source_file, ask_keras=None)
        json.dumps(report.to_json(), allow_nan=False)
        return report

    return checked


@pytest.fixture
def network_source():
    """The source of a network by name, with pieces replaced."""

    def source(name, *patches):
        return patched({"network": name, "patch": [{"old": o, "new": n} for o, n in patches]})

    return source


@pytest.fixture
def source_of():
    return patched
