"""Convolution: what its numbers must be, whoever computes them."""

import tracemalloc

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import Conv1D, Conv2D, Dense, Flatten


def convolved(layer, x, kernel, bias=None):
    """What a convolution makes of inputs: read from the plan of a small network."""
    architecture = Architecture(x.shape[1:], (layer, Flatten(), Dense(1)), "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    weights = network.weights | {f"{layer.kind}_1/kernel": kernel}
    if bias is not None:
        weights[f"{layer.kind}_1/bias"] = bias
    network.set_weights(weights)
    network.predict(x)
    return network.plan(len(x)).tensors[f"{layer.kind}_1/activation"]


def test_the_kernel_is_not_flipped():
    x, kernel = np.zeros((1, 3, 3, 1)), np.arange(9.0).reshape(3, 3, 1, 1)
    x[0, 1, 1] = 1
    found = convolved(Conv2D(1, 3, padding="same"), x, kernel)
    # An impulse gives the kernel back, turned around.
    np.testing.assert_array_equal(found[0, :, :, 0], kernel[::-1, ::-1, 0, 0])


def test_numbers_of_keras_unit_tests():
    # keras/src/layers/convolutional/conv_test.py compares with this loop, np_conv2d.
    random = np.random.RandomState(0)
    x, kernel = random.standard_normal((2, 7, 9, 4)), random.standard_normal((3, 2, 2, 6))
    bias = random.standard_normal(6)
    found = convolved(Conv2D(6, (3, 2), strides=(2, 3), groups=2), x, kernel, bias)
    assert found.shape == (2, 3, 3, 6)
    for n, h, w, f in np.ndindex(found.shape):
        channels = slice(0, 2) if f < 3 else slice(2, 4)
        window = x[n, 2 * h : 2 * h + 3, 3 * w : 3 * w + 2, channels]
        exact = np.sum(window * kernel[..., f]) + bias[f]
        assert found[n, h, w, f] == pytest.approx(exact, rel=1e-12, abs=1e-12)


def test_a_causal_window_reads_nothing_that_comes_later():
    random = np.random.RandomState(0)
    x, kernel = random.standard_normal((1, 8, 2)), random.standard_normal((3, 2, 3))
    layer = Conv1D(3, 3, padding="causal", dilation_rate=2)
    before = convolved(layer, x, kernel).copy()
    x[:, 5:] += 1
    after = convolved(layer, x, kernel)
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert np.all(after[:, 5:] != before[:, 5:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "filters = 0; expected a positive integer"),
        ({"kernel_size": 0}, "kernel_size = 0; expected an integer of at least 1, or a list of 2"),
        ({"strides": (1, 0)}, r"strides = \(1, 0\); expected an integer of at least 1"),
        ({"padding": "causal"}, "padding = 'causal'; expected one of valid, same"),
        ({"groups": 2, "filters": 3}, "filters = 3 with groups = 2; expected a multiple"),
        ({"strides": 2, "dilation_rate": 2}, r"strides = \[2, 2\] with dilation_rate = \[2, 2\]"),
        ({"groups": 2}, "groups = 2 with 3 input channels; expected a divisor"),
        ({"kernel_size": 7}, r"kernel_size = \[7, 7\] does not fit into \[5, 5\] positions"),
    ],
)
def test_a_bad_argument_is_named(options, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture(
            (5, 5, 3),
            (Conv2D(**{"filters": 4, "kernel_size": 3, **options}), Flatten(), Dense(1)),
            "mean_squared_error",
        )


@pytest.mark.parametrize("groups", [1, 2])
def test_a_step_allocates_nothing(groups):
    layers = (
        Conv2D(8, 3, activation="relu"),
        Conv2D(8, 3, padding="same", groups=groups),
        Flatten(),
        Dense(1),
    )
    network = Network(Architecture((12, 12, 4), layers, "mean_squared_error"), seed=0)
    plan = network.plan(256)
    for _ in range(2):  # the first run loads what NumPy loads late
        tracemalloc.start()
        plan.forward()
        plan.backward()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Iterators of NumPy have buffers of their own, of a size that does not grow with the batch.
    assert peak < 200_000 < plan.inputs.values.nbytes / 2
