import argparse
from pathlib import Path

import pytest

from experiments.runtime.arguments import named_path, positive_integer, seconds, seed, size


def test_a_whole_number_above_0_is_read():
    assert [positive_integer(text) for text in ("1", "42")] == [1, 42]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", ""])
def test_anything_else_is_refused_with_what_was_expected(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a positive integer"):
        positive_integer(text)


def test_a_path_needs_a_name():
    assert named_path("results") == Path("results")
    with pytest.raises(argparse.ArgumentTypeError, match="expected the name of a folder"):
        named_path("")


def test_a_seed_fits_into_32_bits():
    assert [seed(text) for text in ("0", "4294967295")] == [0, 2**32 - 1]
    for text in ("-1", "4294967296", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 2"):
            seed(text)


def test_times_and_sizes_have_units():
    assert [seconds(text) for text in ("90", "1.5s", "15m", "2h")] == [90, 1.5, 900, 7200]
    assert [size(text) for text in ("500M", "1.5G")] == [500 * 2**20, 1536 * 2**20]
    for read, texts in ((seconds, ("", "0", "-1", "2d", "inf")), (size, ("500", "2T", "0G", "G"))):
        for text in texts:
            with pytest.raises(argparse.ArgumentTypeError, match="expected a"):
                read(text)
