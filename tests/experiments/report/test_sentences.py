import math
from dataclasses import replace

import numpy as np
import pytest

from experiments.report import sentences
from experiments.report.run_result import RunResult
from experiments.report.summary import Speed, summarize_trial
from experiments.trials.comparability import compare_accuracies


@pytest.fixture
def good(summaries):
    return [s for s in summaries if s.verdict == "rounding"]


def answered(summaries):
    return [answer.sentence for answer in sentences.answers(summaries)]


def test_good_news_is_told_in_three_sentences(good):
    assert [answer.short for answer in sentences.answers(good)] == ["Yes", "Yes", "Less"]
    right, learns, costs = answered(good)
    assert right.startswith("In 3 of 3 trials scratchnet's activations, gradients and")
    assert learns.startswith("The loss curves of 3 of 3 trials agree over 40 epochs")
    assert costs.endswith("and slower than Keras in none.")
    assert "times faster per epoch than keras.Model.fit at the median" in costs


def test_a_divergence_is_named_with_its_place_and_diagnosis(summaries):
    right = sentences.answers(summaries)[0]
    assert (right.short, right.well) == ("No", False)
    assert "In 4 of 5 trials" in right.sentence
    assert (
        "wrong differs from Keras at step 3, dense_1/kernel_gradient: it is not" in right.sentence
    )


def test_curves_that_part_are_named(good):
    apart = replace(good[0], free="divergent", name="first")
    learns = sentences.answers([apart, *good[1:]])[1]
    assert (learns.short, learns.well) == ("No", False)
    assert "The curves of first differ by more than rounding can explain." in learns.sentence


def test_chaos_is_counted_but_is_no_fault(good):
    learns = sentences.answers([replace(good[0], free="chaos"), *good[1:]])[1]
    assert learns.well
    assert "in 1 of them within what rounding can grow to" in learns.sentence


def test_one_slower_trial_is_counted(good):
    slow = replace(good[0], speed=Speed(0.5, 0.4, 0.6))
    costs = sentences.answers([slow, *good[1:]])[2]
    assert (costs.short, costs.well) == ("It depends", None)
    assert costs.sentence.endswith("slower than Keras in 1.")


def test_without_results_nothing_is_claimed(summaries):
    waiting = [summary for summary in summaries if not summary.finished]
    assert {answer.short for answer in sentences.answers(waiting)} == {"Unknown"}
    assert {answer.well for answer in sentences.answers(waiting)} == {None}


def test_accuracies_that_differ_only_in_float32_are_equal(good):
    # 0.9 as Keras counts it.
    near = replace(good[0], test_accuracy={"scratchnet": 0.9, "keras": 0.8999999761581421})
    assert "equal in all" in answered([near])[1]
    far = replace(good[0], test_accuracy={"scratchnet": 0.9, "keras": 0.91})
    assert "equal in 0, and at most 1 percentage points apart" in answered([far])[1]


def test_the_smallest_mistake_that_would_show_is_told(good):
    (row,) = {summary.least_certain for summary in good[:1]}
    assert row.floor == 1e-7
    said = sentences.trial_sentences(good[0])[0][1]
    assert (
        "an error of 1e\N{MINUS SIGN}5 % in a whole gradient would have been noticed"
        in said.replace("1.0e", "1e")
    )
    assert said.endswith(f"the least certain is {sentences.place(row)}.")


def test_a_gradient_of_zeros_has_no_smallest_mistake(mixed_run):
    result = next(iter(RunResult.load(mixed_run).results.values()))
    rows = [replace(row, floor=math.inf) for row in result.parity]
    assert summarize_trial(result.trial, replace(result, parity=rows)).least_certain is None
    rows[0] = replace(rows[0], tensor="kernel_gradient", mode="layer", floor=0.25)
    found = summarize_trial(result.trial, replace(result, parity=rows)).least_certain
    assert found == rows[0]


def test_accuracies_are_told_with_what_they_can_tell():
    ours, targets = np.ones((100, 1)), np.ones((100, 1))
    twin = np.where(np.arange(100).reshape(-1, 1) < 10, 0.0, 1.0)
    said = sentences.accuracies_sentence(compare_accuracies(targets, ours, twin))
    assert "Keras gets 90 right (95 % interval 0.826 to 0.945)" in said
    assert "one side is better than chance could explain" in said
    same = sentences.accuracies_sentence(compare_accuracies(targets, ours, ours))
    assert same.endswith("right and wrong on the same samples.")
