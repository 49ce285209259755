from itertools import chain
from pathlib import Path

from experiments.checking.backward_mistakes import backward_mistakes
from experiments.checking.forward_mistakes import forward_mistakes
from experiments.checking.update_mistakes import update_mistakes


def test_a_known_mistake_is_found_pinned_and_named(mistake, check, source_of):
    report = check(source_of(mistake))
    assert report.verdict == "divergent"
    first = report.first_divergence
    assert f"{first.layer}/{first.tensor}" == mistake["where"]
    assert report.diagnosis.code == mistake["code"]


def test_every_code_is_in_the_documentation():
    text = (Path(__file__).parents[3] / "docs" / "check.md").read_text()
    for mistake in chain(forward_mistakes(), backward_mistakes(), update_mistakes()):
        assert f"`{mistake.code}`" in text


def test_two_mistakes_in_one_gradient_are_both_named(check, network_source):
    report = check(
        network_source(
            "article_network",
            ("np.dot(dZ_curr, A_prev.T) / m", "np.dot(dZ_curr, A_prev.T)"),
            ("return dA * S * (1 - S)", "return dA"),
        )
    )
    assert report.diagnosis.code == "derivative_missing"
    assert "not divided by the batch size (7) either" in report.diagnosis.sentence
