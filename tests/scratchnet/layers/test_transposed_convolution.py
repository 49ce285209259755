"""Transposed convolution: the other direction of a convolution."""

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import Conv2D, Conv2DTranspose, Dense, Flatten


def run(layer, x, kernel):
    architecture = Architecture(x.shape[1:], (layer, Flatten(), Dense(1)), "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    network.set_weights(network.weights | {f"{layer.kind}_1/kernel": kernel})
    network.predict(x)
    return network.plan(len(x)).tensors[f"{layer.kind}_1/activation"]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, (2, 3)])
def test_it_is_the_adjoint_of_the_convolution(padding, strides):
    # <conv(y), x> = <y, transposed(x)> for any x and y: the same kernel, the axes as they are.
    random = np.random.RandomState(0)
    x, kernel = random.standard_normal((2, 3, 4, 5)), random.standard_normal((3, 2, 4, 5))
    options = {"strides": strides, "padding": padding, "use_bias": False}
    back = run(Conv2DTranspose(4, (3, 2), **options), x, kernel)
    y = random.standard_normal(back.shape)
    there = run(Conv2D(5, (3, 2), **options), y, kernel)
    assert there.shape == x.shape
    assert np.sum(there * x) == pytest.approx(np.sum(y * back), rel=1e-12)


def test_one_pixel_becomes_the_kernel():
    kernel = np.arange(6.0).reshape(2, 3, 1, 1)
    found = run(Conv2DTranspose(1, (2, 3)), np.full((1, 1, 1, 1), 2.0), kernel)
    np.testing.assert_array_equal(found[0, :, :, 0], 2 * kernel[:, :, 0, 0])


def test_a_stride_beyond_the_kernel_leaves_zeros_between():
    found = run(Conv2DTranspose(1, 1, strides=2), np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)))
    expected = [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(found[0, :, :, 0], expected)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: Conv2DTranspose(0, 2), "filters = 0; expected a positive integer"),
        (lambda: Conv2DTranspose(1, 2, strides=0), "strides = 0; expected an integer of at least"),
        (lambda: Conv2DTranspose(1, 2, padding="causal"), "padding = 'causal'; expected one of"),
        (lambda: Conv2DTranspose(1, 2, strides=2, dilation_rate=2), r"strides = \[2, 2\] with dil"),
    ],
)
def test_a_bad_argument_is_named(layer, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture((4, 4, 1), (layer(), Flatten(), Dense(1)), "mean_squared_error")
