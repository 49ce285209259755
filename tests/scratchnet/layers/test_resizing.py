"""Padding, cropping and repetition: what is where."""

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import (
    Cropping1D,
    Cropping2D,
    Dense,
    Flatten,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)


def made(layer, x):
    layers = (layer, Flatten(), Dense(1))
    network = Network(Architecture(x.shape[1:], layers, "mean_squared_error"), seed=0)
    network.predict(x)
    return network.plan(len(x)).tensors[f"{layer.kind}_1/activation"]


@pytest.mark.parametrize(
    ("padding", "around"),
    [
        (2, ((2, 2), (2, 2))),
        ((1, 0), ((1, 1), (0, 0))),
        (((0, 1), (2, 3)), ((0, 1), (2, 3))),
        ([[0, 1], [2, 3]], ((0, 1), (2, 3))),
    ],
)
def test_zeros_stand_around_an_image(padding, around):
    x = np.arange(1.0, 13).reshape(1, 3, 4, 1)
    layer = ZeroPadding2D(padding)
    assert layer.padding == around
    np.testing.assert_array_equal(made(layer, x), np.pad(x, ((0, 0), *around, (0, 0))))


def test_along_one_axis_a_pair_is_before_and_after():
    x = np.arange(1.0, 9).reshape(1, 4, 2)
    np.testing.assert_array_equal(
        made(ZeroPadding1D((1, 2)), x), np.pad(x, ((0, 0), (1, 2), (0, 0)))
    )
    np.testing.assert_array_equal(made(Cropping1D((2, 1)), x), x[:, 2:3])


def test_cropping_takes_what_is_in_the_middle():
    x = np.arange(40.0).reshape(2, 4, 5, 1)
    np.testing.assert_array_equal(made(Cropping2D(((0, 1), (2, 0))), x), x[:, :3, 2:])


def test_every_pixel_is_repeated():
    # keras/src/layers/reshaping/up_sampling2d_test.py compares with np.repeat.
    x = np.random.RandomState(0).standard_normal((2, 3, 4, 2)).astype("float32")
    found = made(UpSampling2D((2, 3)), x)
    np.testing.assert_array_equal(found, np.repeat(np.repeat(x, 2, axis=1), 3, axis=2))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: ZeroPadding2D(-1), "padding = -1; expected an integer of at least 0, or for each"),
        (lambda: ZeroPadding2D((1, 2, 3)), r"padding = \(1, 2, 3\); expected"),
        (lambda: ZeroPadding2D(((1, 2, 3), (1, 2))), r"padding = \(\(1, 2, 3\), \(1, 2\)\); exp"),
        (lambda: ZeroPadding2D("11"), "padding = '11'; expected"),
        (lambda: UpSampling2D((2, 0)), r"size = \(2, 0\); expected an integer of at least 1"),
        (lambda: Cropping2D(2), r"cropping = \[\[2, 2\], \[2, 2\]\] leaves nothing of \[4, 5\]"),
        (lambda: ZeroPadding1D(), r"input of shape \(4, 5, 1\); expected \(steps, channels\)"),
    ],
)
def test_a_bad_argument_is_named(layer, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture((4, 5, 1), (layer(), Flatten(), Dense(1)), "mean_squared_error")
