"""Every program in docs/findings.md prints what stands below it."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "findings.md").read_text(encoding="utf-8")
FINDINGS = dict(re.findall(r"^## (\d+)\.(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
# A program, and what it prints: a sentence may stand before each output, where there are several.
EXAMPLE = r"^```python\n(.*?)^```\n((?:\n(?:[A-Z][^\n]*:\n\n)?```text\n.*?^```\n)+)"
OUTPUT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = {
    f"{number}.{place}": (program, OUTPUT.findall(outputs))
    for number, text in FINDINGS.items()
    for place, (program, outputs) in enumerate(
        re.findall(EXAMPLE, text, re.MULTILINE | re.DOTALL), start=1
    )
}


def test_every_finding_has_a_program():
    assert {name.split(".")[0] for name in PROGRAMS} == FINDINGS.keys()
    assert len(PROGRAMS) == PAGE.count("```python")
    assert sum(len(outputs) for _, outputs in PROGRAMS.values()) == PAGE.count("```text")


def test_several_outputs_are_said_to_depend_on_the_processor():
    several = {name.split(".")[0] for name, (_, outputs) in PROGRAMS.items() if len(outputs) > 1}
    assert several == {number for number, text in FINDINGS.items() if "depends on the p" in text}


def backend_of(program):
    """The backend that a program runs on, where it is not TensorFlow."""
    found = re.search(r'"KERAS_BACKEND"\] = "(\w+)"', program)
    return found and found[1]


def marked(name):
    backend = backend_of(PROGRAMS[name][0])
    return pytest.param(name, marks=[getattr(pytest.mark, backend)] if backend else [])


@pytest.mark.parametrize("name", [marked(name) for name in PROGRAMS])
def test_program_prints_what_the_page_says(name):
    program, outputs = PROGRAMS[name]
    if backend_of(program) is None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, "docs/findings.md", "exec"), {})
        assert printed.getvalue() in outputs
        return
    # A process has one backend.
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in outputs
