"""What makes a stored result stale: the code that computes, by what it says."""

import pytest

from experiments.trials import sources
from experiments.trials.sources import code_hash

CODE = '''
"""A module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = 0.1  # of learning


class Line:
    """A line."""

    def at(self, x):
        """Return its height."""
        # Rounded once.
        return RATE * x
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""A module."""', '"""Another sentence."""'),
        ('"""A module."""\n', ""),
        ('"""Return its height."""', '"""Its height."""'),
        ("  # of learning", ""),
        ("        # Rounded once.\n", ""),
        ("import numpy as np", "import numpy as np\nfrom experiments.moved import Other"),
        ("    from collections.abc import Sequence", "    from collections.abc import Mapping"),
        ("RATE * x", "(RATE\n            * x)"),
        ("class Line:", "class Line:  # noqa"),
    ],
)
def test_what_only_readers_see_changes_no_hash(before, after):
    assert before in CODE
    assert code_hash(CODE.replace(before, after)) == code_hash(CODE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.1", "0.2"),
        ("RATE * x", "RATE + x"),
        ("RATE * x", "x * RATE"),
        ("def at", "def height"),
        ("class Line:", "class Line(list):"),
        ("return RATE * x", "return 'RATE * x'"),
    ],
)
def test_what_changes_what_is_computed_changes_the_hash(before, after):
    assert before in CODE
    assert code_hash(CODE.replace(before, after)) != code_hash(CODE)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two modules that compute."""
    for room in sources.ROOMS:
        (tmp_path / room).mkdir(parents=True)
    (tmp_path / "experiments/trials").mkdir()
    for name in sources.MODULES:
        (tmp_path / "experiments/trials" / name).write_text("")
    (tmp_path / "scratchnet/line.py").write_text(CODE)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    return tmp_path


def test_a_module_that_moves_makes_no_result_stale(project):
    before = sources.sources_hash()
    (project / "scratchnet/layers").mkdir()
    (project / "scratchnet/line.py").rename(project / "scratchnet/layers/straight.py")
    (project / "scratchnet/layers/__init__.py").write_text(
        '"""Layers."""\n\nfrom scratchnet.layers.straight import Line\n'
    )
    assert sources.sources_hash() == before
    (project / "scratchnet/layers/straight.py").write_text(CODE.replace("0.1", "0.2"))
    assert sources.sources_hash() != before


def test_todays_code_counts():
    assert sources.sources_hash() == sources.origin()["sources"]
    assert {"numpy", "keras", "tensorflow", "scikit-learn"} < sources.origin().keys()


def test_layers_of_the_users_own_count(project, monkeypatch):
    before = sources.sources_hash()
    (project / "my_layers.py").write_text("RATE = 1")
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setenv("SCRATCHNET_EXTENSIONS", "my_layers")
    extended = sources.sources_hash()
    assert extended != before
    (project / "my_layers.py").write_text("RATE = 2")
    assert sources.sources_hash() not in (before, extended)
