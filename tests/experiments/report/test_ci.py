"""What other programs read of a run."""

import json
from xml.etree import ElementTree

import pytest

from experiments.report.ci import as_json, as_junit, as_markdown
from experiments.report.run_result import RunResult
from experiments.trials.store import Failure


@pytest.fixture(scope="module")
def outcome(mixed_run):
    """The tables of a run in which everything happens, and why one crashed."""
    failures = {"crashed": Failure("crashed", "ValueError: no <room>\x1b[31m & more")}
    return RunResult.load(mixed_run).tables, failures


def test_junit_tells_apart_what_is_wrong(outcome):
    suite = ElementTree.fromstring(as_junit("mixed", *outcome).encode())
    kinds = {case.get("name"): [child.tag for child in case] for case in suite}
    assert kinds == {
        "moons-float32": [],
        "moons-float64": [],
        "wrong": ["failure"],
        "kink": [],
        "blobs": [],
        "crashed": ["error"],
        "waiting": ["skipped"],
    }
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == list("7111")
    assert "ValueError: no <room>" in suite.find(".//error").get("message")
    assert "it is not divided by the batch size" in suite.find(".//failure").get("message")


def test_json_holds_every_trial_and_the_status(outcome):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(as_json("mixed", *outcome, 3), parse_constant=refuse)
    assert (found["run"], found["exit_status"]) == ("mixed", 3)
    rows = {row["trial"]: row for row in found["trials"]}
    assert len(rows) == 7
    assert rows["wrong"]["verdict"] == "divergent"
    assert rows["wrong"]["divergences"][0].startswith("layer, step 3, ")
    assert rows["waiting"]["speedup"] is None
    assert rows["crashed"]["reason"].startswith("ValueError")


def test_the_summary_for_github_is_a_table_that_nothing_breaks(outcome):
    text = as_markdown("mixed", *outcome)
    assert "4 of 7 trials equal Keras." in text
    assert "- **crashed**: crashed: ValueError: no \\<room\\>" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 7
    assert {line.replace("\\|", "").count("|") for line in table} == {5}
