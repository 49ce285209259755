"""Which windows read which positions."""

from itertools import product

import pytest

from scratchnet.errors import ArchitectureError
from scratchnet.layers.windows import Windows, as_sizes, fit_windows


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_slices_name_every_window_that_reads_the_input(padding):
    for positions, size, stride, dilation in product(range(1, 8), range(1, 5), (1, 2, 3), (1, 2)):
        windows = Windows(positions, size, stride, dilation, padding)
        for offset in range(size if windows.count > 0 else 0):
            read = [o * stride + offset * dilation - windows.before for o in range(windows.count)]
            expected = [(o, at) for o, at in enumerate(read) if 0 <= at < positions]
            where, places = windows.inside(offset)
            found = zip(range(windows.count)[where], range(positions)[places], strict=True)
            assert list(found) == expected, windows


def test_the_odd_one_of_padding_comes_after():
    # tf.nn.convolution, padding "SAME": 5 positions, a window of 2.
    assert Windows(5, 2, padding="same").before == 0
    assert Windows(5, 4, padding="same").before == 1


def test_sizes_are_one_for_all_axes_or_one_each():
    assert as_sizes("strides", 2, 3) == (2, 2, 2)
    assert as_sizes("strides", [2, 3], 2) == (2, 3)
    for value in (0, (1, 2, 3), True, (2, 0), "22", 1.5):
        with pytest.raises(ArchitectureError, match=r"^strides = .*; expected an integer of at"):
            as_sizes("strides", value, 2)


def test_a_window_larger_than_the_input_is_refused_by_name():
    message = r"^pool_size = \[4, 1\] does not fit into \[3, 5\] positions"
    with pytest.raises(ArchitectureError, match=message):
        fit_windows("pool_size", (3, 5, 1), (4, 1), (1, 1), "valid")
    with pytest.raises(ArchitectureError, match=r"expected \(height, width, channels\)"):
        fit_windows("pool_size", (3, 5), (4, 1), (1, 1), "valid")
