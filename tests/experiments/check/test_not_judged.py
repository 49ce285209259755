"""Networks of which no number can be compared."""

NET = """
import numpy as np
class Net:
    def __init__(self, architecture, weights):
        pass
    def gradients(self, x, y):
        {}
"""


def test_a_network_that_refuses_every_case_is_not_judged(check):
    report = check(NET.format("raise NotImplementedError('relu')"))
    assert report.verdict == "not judged"
    assert report.not_judged.code == "all_refused"
    assert "relu" in report.not_judged.reason


def test_a_network_that_always_raises_is_not_judged(check):
    report = check(NET.format("return x[99, 99]"))
    assert report.verdict == "not judged"
    assert report.not_judged.code == "raised"
    assert "IndexError in line 7" in report.not_judged.reason


def test_a_wrong_answer_is_an_answer(check):
    report = check(NET.format("return None"))
    assert report.verdict == "divergent"
    assert report.diagnosis.code == "no_gradients"
    assert report.not_judged is None
