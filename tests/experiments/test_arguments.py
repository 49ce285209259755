import argparse

import pytest

from experiments.arguments import positive_integer


def test_a_whole_number_above_0_is_read():
    assert [positive_integer(text) for text in ("1", "42")] == [1, 42]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", ""])
def test_anything_else_is_refused_with_what_was_expected(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a positive integer"):
        positive_integer(text)
