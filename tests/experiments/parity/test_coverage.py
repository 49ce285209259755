from experiments.parity.coverage import PAGE, page, why_not, without_shares
from keras_baseline.public_names import MODULES, public_names


def test_the_page_in_the_docs_is_of_today():
    written = PAGE.read_text(encoding="utf-8")
    advice = "run python -m experiments.parity.coverage"
    assert without_shares(written) == without_shares(page()), advice


def test_every_covered_entry_with_examples_has_a_deviation_within_its_bound():
    written = PAGE.read_text(encoding="utf-8")
    shares = [line.rsplit("|", 2)[1].strip() for line in written.splitlines() if "| `" in line]
    assert any(shares)
    assert not [share for share in shares if "1 or more" in share]


def test_names_are_those_of_keras_and_aliases_stand_with_them():
    layers = public_names("layers")
    assert layers["MaxPooling2D"] == ("MaxPool2D",)
    assert "MaxPool2D" not in layers
    assert public_names("activations")["silu"] == ("swish",)
    assert all(public_names(module) for module in MODULES)


def test_what_is_out_of_scope_says_why():
    assert "augmented" in why_not("RandomFlip")
    assert why_not("RandomNormal") == "not yet"
    assert "preprocessing" in why_not("TextVectorization")
