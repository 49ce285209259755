from pathlib import Path

from experiments.parity.mistakes import SENTENCES


def test_a_known_mistake_is_found_pinned_and_named(mistake, check, source_of):
    report = check(source_of(mistake))
    assert report.verdict == "divergent"
    first = report.first_divergence
    assert f"{first.layer}/{first.tensor}" == mistake["where"]
    assert report.diagnosis.code == mistake["code"]


def test_every_code_is_in_the_documentation():
    text = (Path(__file__).parents[4] / "docs" / "verdicts.md").read_text()
    assert not [code for code in SENTENCES if f"`{code}`" not in text]


def test_two_mistakes_in_one_gradient_are_both_named(check, network_source):
    report = check(
        network_source(
            "article_network",
            ("np.dot(dZ_curr, A_prev.T) / m", "np.dot(dZ_curr, A_prev.T)"),
            ("return dA * S * (1 - S)", "return dA"),
        )
    )
    assert report.diagnosis.code == "derivative_missing"
    assert "not divided by the batch size 7 either" in report.diagnosis.sentence


def test_a_mistake_that_would_spoil_what_is_right_is_not_named(check, network_source):
    # Halved by every layer, dense_3 would be a quarter too, but dense_4 a half, and that is right.
    passed_back = 'da = dz @ self.weights[f"{name}/kernel"].T'
    quarter = f"{passed_back} / (1 if index == len(self.layers) - 1 else 4)"
    report = check(network_source("my_network", (passed_back, quarter)))
    assert report.first_divergence.layer == "dense_3"
    assert report.diagnosis.code != "factor_half"


def test_a_factor_on_what_every_layer_passes_back_is_told_as_such(check, network_source):
    passed_back = 'da = dz @ self.weights[f"{name}/kernel"].T'
    report = check(network_source("my_network", (passed_back, f"{passed_back} / 3")))
    assert "every layer passes back is 0.333333 times" in report.diagnosis.sentence
