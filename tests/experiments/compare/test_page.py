"""The page of two runs, opened from the disk in a real browser."""

from dataclasses import replace

import pytest

from experiments.compare import __main__ as compare
from experiments.report.run_result import RunResult


@pytest.fixture(scope="module")
def report(mixed_run, make_run, tmp_path_factory):
    """A run beside one in which a trial has gone wrong and another one has become slower."""
    before = RunResult.load(mixed_run)
    results = list(before.results.values())
    wrong = replace(results[0].parity[3], verdict="divergent", diagnosis="the sign is wrong")
    results[0] = replace(results[0], parity=[wrong, *results[0].parity])
    slow = [
        replace(row, seconds=row.seconds * (3 if row.implementation == "scratchnet" else 1))
        for row in results[1].seconds_per_epoch
    ]
    results[1] = replace(results[1], seconds_per_epoch=slow)
    folder = make_run(tmp_path_factory.mktemp("later") / "later", "mixed", results)
    assert compare.main([str(mixed_run), str(folder)]) == 1
    return folder / "compare-mixed.html"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_says_what_became_worse(open_page, report, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(report, width=width, scheme=scheme)
    page.locator(".chart svg").wait_for()
    said = page.locator(".answers").inner_text()
    assert "moons-float32: differs from Keras now" in said
    assert "moons-float64: an epoch of scratchnet takes 3.00 times as long" in said
    page.select_option("#kind", "worse")
    assert page.locator("#trials tbody tr:visible th").all_inner_texts() == [
        "moons-float32",
        "moons-float64",
    ]
    assert "Only in mixed: crashed, waiting." in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe.run(page).response["violations"] == []
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith("data:")] == [report.as_uri()]
