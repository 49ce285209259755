"""Numbers as people read them."""

import pytest

from experiments.runtime import figures


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(31.4, "31"), (1234.0, "1,200"), (9.96, "10"), (2.34, "2.3"), (1.0, "1.0"), (0.44, "0.44")],
)
def test_ratios_have_no_more_digits_than_they_deserve(ratio, said):
    assert figures.times(ratio) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (34.5e-6, "34.5 µs")]
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds, said):
    assert figures.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.25, "0.25"),
        (1530.0, "1,500"),
        (4.2e6, "4.2e6"),
        (3e-8, "3.0e\N{MINUS SIGN}8"),
        (float("inf"), "∞"),
        (float("nan"), "n/a"),
    ],
)
def test_quantities_have_two_digits(value, said):
    assert figures.quantity(value) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.997, "100 %"), (0.123, "12 %"), (0.0012, "0.12 %"), (2.0, "200 %"), (2e5, "200,000 times")],
)
def test_shares_of_a_bound_are_per_cent_or_times(ratio, said):
    assert figures.share(ratio) == said


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1 trial"), (0, "0 trials"), (1200, "1,200 trials")]
)
def test_what_is_counted_stands_in_the_plural_but_for_one(number, said):
    assert figures.counted(number, "trial") == said
