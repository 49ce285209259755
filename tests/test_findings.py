"""Every program in docs/findings.md prints what stands below it."""

import contextlib
import importlib.util
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "findings.md").read_text(encoding="utf-8")
FINDINGS = dict(re.findall(r"^## (\d+)\.(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
PROGRAMS = {
    f"{number}.{place}": found
    for number, text in FINDINGS.items()
    for place, found in enumerate(
        re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL),
        start=1,
    )
}


def test_every_finding_has_a_program():
    assert {name.split(".")[0] for name in PROGRAMS} == FINDINGS.keys()


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_prints_what_the_page_says(name):
    program, output = PROGRAMS[name]
    backend = re.search(r'"KERAS_BACKEND"\] = "(\w+)"', program)
    if backend is None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, "docs/findings.md", "exec"), {})
        assert printed.getvalue() == output
        return
    # A process has one backend.
    if importlib.util.find_spec(backend[1]) is None:
        pytest.skip(f"{backend[1]} is not installed (pip install '.[peers]')")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == output
