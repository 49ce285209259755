"""Every file that the documentation names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.ipynb")]
FOLDERS = "experiments|keras_baseline|scratchnet|tests|docs|examples|plans|results/example"
NAMED = re.compile(rf"(?<![\w/.])(?:\.\./)?((?:{FOLDERS})/[\w./-]*\w)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
MODULE = re.compile(r"(?:-m |`)((?:experiments|keras_baseline|scratchnet)(?:\.[a-z_]+)+)")
TEST = re.compile(r"`(test_\w+)`")


def found_by(pattern, page):
    return sorted(set(pattern.findall(page.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_and_links_lead_somewhere(page):
    missing = [name for name in found_by(NAMED, page) if not (ROOT / name).exists()]
    missing += [name for name in found_by(LINK, page) if not (page.parent / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_are_there_and_have_what_is_named(page):
    for name in found_by(MODULE, page):
        *parts, last = name.split(".")
        path = ROOT.joinpath(*parts)
        if any((path / f"{last}{end}").exists() for end in (".py", "/__init__.py")):
            continue
        files = [path.with_suffix(".py"), path / "__init__.py"]
        text = "".join(file.read_text(encoding="utf-8") for file in files if file.exists())
        assert re.search(rf"\b{last}\b", text), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_exist(page):
    names = set(found_by(TEST, page)) - {"test_fraction"}
    if names:
        sources = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("*.py"))
        assert {name for name in names if f"def {name}(" not in sources} == set()
