"""Every program in docs/findings.md prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "findings.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(
    r"^## (\d+)\..*?^```python\n(.*?)^```\n\n```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
)


def test_every_finding_has_a_program():
    assert [number for number, _, _ in PROGRAMS] == re.findall(r"^## (\d+)\.", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("program", "output"), [(p, o) for _, p, o in PROGRAMS], ids=[n for n, _, _ in PROGRAMS]
)
def test_program_prints_what_the_page_says(program, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "docs/findings.md", "exec"), {})
    assert printed.getvalue() == output
