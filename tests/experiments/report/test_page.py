"""The page, opened from the disk in a real browser."""

from dataclasses import replace

import pytest

from experiments.report import html
from experiments.report.run_result import RunResult

EVERY_CHART_DRAWN = "[...document.querySelectorAll('.chart')].every(c => c.querySelector('svg'))"


@pytest.fixture(scope="module")
def report(mixed_run):
    return html.write_report(RunResult.load(mixed_run), draw="none")


@pytest.fixture(scope="module")
def page(open_page, report):
    opened = open_page(report)
    opened.wait_for_function(EVERY_CHART_DRAWN)
    return opened


def names(page):
    """The names in the first table's visible rows, from the top."""
    return page.locator("#trials tbody tr:visible th").all_inner_texts()


def test_no_request_leaves_the_page_and_nothing_complains(page, report):
    outside = [url for url in page.requested if not url.startswith("data:")]
    assert outside == [report.as_uri()]
    assert page.complaints == []


def test_the_first_screen_answers_in_order(page):
    heads = page.locator(".answer h2").all_inner_texts()
    assert [head.partition("?")[0] for head in heads] == [
        "Is it right",
        "Does it learn the same",
        "What does it cost",
    ]
    assert page.locator(".answers").bounding_box()["y"] < 400
    assert "No" in heads[0]
    first = page.locator(".answer").first.inner_text()
    assert "In 4 of 5 trials" in first
    assert "wrong differs from Keras at step 3, dense_1/kernel_gradient" in first


def test_every_chart_is_told_in_words(page):
    words = {chart.get_attribute("aria-label") for chart in page.locator(".chart").all()}
    assert len(words) >= page.locator("#trials tbody tr").count()
    assert all(len(said) > 25 and "vega" not in said.lower() for said in words)
    assert page.locator(".chart[role=img]").count() == page.locator(".chart").count()
    assert page.locator("svg.architecture").first.get_attribute("aria-label").startswith("Network")


def test_a_click_on_a_column_head_sorts(page):
    head = page.get_by_role("button", name="Times faster")
    head.click()
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Times faster")
    assert names(page)[0] == "wrong"
    head.click()
    assert names(page).index("wrong") == 4
    # What has no figure stands last either way.
    assert set(names(page)[5:]) == {"crashed", "waiting"}
    page.get_by_role("button", name="Trial", exact=False).first.click()
    assert names(page) == sorted(names(page))


def test_words_and_verdicts_filter(page):
    page.fill("#find", "moons FLOAT64")
    assert names(page) == ["moons-float64"]
    assert page.locator("#shown").inner_text() == "1 of 7 trials"
    page.fill("#find", "")
    page.select_option("#verdict", "divergent")
    assert names(page) == ["wrong"]
    page.select_option("#verdict", "")
    assert len(names(page)) == 7


def test_a_row_leads_to_its_part(page):
    part = page.locator("#trial-kink")
    part.evaluate("part => { part.open = false; }")
    page.locator("#trials").get_by_role("link", name="kink").click()
    page.wait_for_function("document.getElementById('trial-kink').open")
    assert part.bounding_box()["y"] < 200


def test_the_slider_moves_all_three_planes(page):
    figure = page.locator("#trial-blobs .planes")
    slider = figure.locator("input[type=range]")
    pictures = figure.locator("svg image")
    before = [picture.get_attribute("href") for picture in pictures.all()]
    assert len(before) == 3
    slider.focus()
    slider.press("Home")
    page.wait_for_function(
        "old => document.querySelector('#trial-blobs .planes svg image')"
        ".getAttribute('href') !== old",
        arg=before[0],
    )
    assert figure.locator("output").inner_text() == "1"
    assert slider.get_attribute("aria-valuetext") == "after 1 epochs"
    assert "After 1 epochs predictions differ by at most" in figure.inner_text()


def test_the_animation_plays_to_its_end(page):
    figure = page.locator("#trial-moons-float32 .planes")
    figure.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "document.querySelector('#trial-moons-float32 .planes .play').textContent === 'Play'"
    )
    assert figure.locator("output").inner_text() == "40"


def test_the_map_marks_the_first_divergence(page):
    part = page.locator("#trial-wrong")
    assert part.locator(".map .first").inner_text().startswith("2e5")
    assert part.locator(".map .first").inner_text().endswith("≠ first")
    assert "First divergence: step 3, dense_1/kernel_gradient." in part.inner_text()
    # What comes from the run is text, never markup.
    assert "sum for mean <b>&" in part.inner_text()
    part.get_by_label("units in the last place").check()
    assert "4e6" in part.locator(".map .first").inner_text()
    part.get_by_label("all tensors").check()
    assert "kernel updated" in part.locator(".map").inner_text()


def test_a_kink_is_marked_too(page):
    assert page.locator("#trial-kink .map .kink").first.inner_text().endswith("?")


def test_what_is_missing_says_why(page):
    assert "2 of 7 trials have no result (1 crashed, 1 not run yet)" in page.inner_text("main")
    assert "ValueError: no <room>" in page.locator("#trial-crashed").inner_text()
    assert "interrupted before" in page.locator("#trial-waiting").inner_text()


def test_others_figures_stand_beside_ours(page):
    row = page.locator("section[aria-labelledby=references-title] tbody tr")
    assert "0.98" in row.inner_text()
    assert "the handbook" in row.inner_text()


def test_the_command_can_be_copied(page):
    part = page.locator("#trial-kink")
    part.locator(".copy").click()
    part.get_by_role("button", name="Copied").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_no_accessibility_fault_and_no_sideways_scrolling(open_page, report, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    opened = open_page(report, width=width, scheme=scheme)
    opened.wait_for_function(EVERY_CHART_DRAWN)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.run(opened).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
    assert opened.complaints == []


def test_parts_that_do_not_fit_are_read_from_beside_the_page(
    mixed_run, make_run, open_page, tmp_path, monkeypatch
):
    monkeypatch.setattr(html, "PAGE_BYTES", 0)
    run = RunResult.load(mixed_run)
    results = list(run.results.values())
    folder = make_run(tmp_path / "small page", "beside", results)
    report = html.write_report(RunResult.load(folder), draw="none")
    assert report.stat().st_size < 1_500_000
    opened = open_page(report)
    assert opened.locator("svg.marks").count() <= 2
    opened.locator("#trials").get_by_role("link", name="wrong").click()
    part = opened.locator("#trial-wrong")
    part.locator(".chart svg").first.wait_for()
    assert "First divergence" in part.inner_text()
    assert part.locator(".map table").count() == 1
    assert opened.complaints == []
    outside = [url for url in opened.requested if not url.startswith("data:")]
    assert outside == [report.as_uri(), (folder / "report-parts" / "wrong.js").as_uri()]


def test_numbers_that_are_none_leave_a_page(mixed_run, make_run, open_page, tmp_path):
    result = RunResult.load(mixed_run).results["kink"]
    nan, infinite = float("nan"), float("inf")
    lost = replace(result.keras, loss=[nan] * 40, val_loss=[infinite] * 40)
    rows = [replace(row, max_ulp=nan, bound_ratio=infinite) for row in result.parity]
    spoilt = replace(result, keras=lost, parity=rows, seconds_per_epoch=[], envelope={})
    folder = make_run(tmp_path / "nan", "nan", [spoilt])
    opened = open_page(html.write_report(RunResult.load(folder)))
    opened.wait_for_function(EVERY_CHART_DRAWN)
    assert "their difference cannot be drawn" in opened.inner_text("main")
    assert "No epoch of this trial was timed." in opened.inner_text("main")
    assert opened.locator(".map td").first.inner_text() == "∞"
    assert opened.complaints == []
