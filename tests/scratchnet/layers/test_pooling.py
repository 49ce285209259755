"""Pooling: values at borders, and where the gradient goes at ties."""

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import (
    AveragePooling2D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)


def pooled(layer, x):
    """What a layer makes of inputs, and the gradient of the sum of that with respect to x."""
    x = np.asarray(x, np.float64)
    channels = x.shape[-1]
    layers = (Conv2D(channels, 1, use_bias=False), layer, Flatten(), Dense(1, use_bias=False))
    network = Network(Architecture(x.shape[1:], layers, "mean_squared_error"), seed=0,
                      dtype="float64")  # fmt: skip
    weights = network.weights
    weights["conv2d_1/kernel"] = np.eye(channels).reshape(1, 1, channels, channels)
    weights["dense_1/kernel"] = np.ones(weights["dense_1/kernel"].shape)
    network.set_weights(weights)
    # The loss (p - y)^2 has the gradient 1 where p - y = 1/2.
    y = network.predict(x) - 0.5 * len(x)
    tensors = network.trace_step(x, y).tensors
    return tensors[f"{layer.kind}_1/activation"], tensors["conv2d_1/activation_gradient"]


def image(*rows):
    return np.array(rows, np.float64)[None, :, :, None]


def test_padding_does_not_count_in_a_mean():
    # 3 x 3 of ones, windows of 2 by 2, padded after: a mean of 4, 2, 2 and 1 ones.
    values, gradient = pooled(AveragePooling2D(2, padding="same"), np.ones((1, 3, 3, 1)))
    np.testing.assert_array_equal(values[0, :, :, 0], [[1, 1], [1, 1]])
    expected = [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0.5, 0.5, 1]]
    np.testing.assert_allclose(gradient[0, :, :, 0], expected, rtol=1e-14)


def test_padding_is_never_the_largest():
    values, gradient = pooled(MaxPooling2D(2, padding="same"), image([-1, -2, -3]))
    np.testing.assert_array_equal(values[0, :, :, 0], [[-1, -3]])
    np.testing.assert_allclose(gradient[0, :, :, 0], [[1, 0, 1]], rtol=1e-14)


def test_the_first_of_equals_gets_the_whole_gradient():
    _, gradient = pooled(MaxPooling2D(2), image([0, 7], [7, 7]))
    np.testing.assert_allclose(gradient[0, :, :, 0], [[0, 1], [0, 0]], rtol=1e-14)


def test_overlapping_windows_add_their_gradients():
    _, gradient = pooled(MaxPooling2D(2, strides=1), image([1, 5, 5], [1, 1, 1]))
    np.testing.assert_allclose(gradient[0, :, :, 0], [[0, 2, 0], [0, 0, 0]], rtol=1e-14)


def test_what_no_window_reads_gets_no_gradient():
    _, gradient = pooled(MaxPooling2D(2), image([1, 2, 9], [3, 4, 9], [9, 9, 9]))
    np.testing.assert_allclose(gradient[0, :, :, 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]], rtol=1e-14)


def test_global_maximum_shares_the_gradient_among_equals():
    values, gradient = pooled(GlobalMaxPooling2D(), image([0, 7], [7, 1]))
    assert values == [[7.0]]
    np.testing.assert_allclose(gradient[0, :, :, 0], [[0, 0.5], [0.5, 0]], rtol=1e-14)


def test_a_global_mean_leaves_masked_steps_out():
    layers = (Embedding(4, 1, mask_zero=True), GlobalAveragePooling1D())
    network = Network(Architecture((4,), layers, "mean_squared_error"), seed=0, dtype="float64")
    network.set_weights({"embedding_1/embeddings": np.array([[100.0], [1.0], [2.0], [3.0]])})
    np.testing.assert_array_equal(network.predict([[1, 0, 3, 0], [2, 0, 0, 0]]), [[2.0], [2.0]])


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: MaxPooling2D(0), None, "pool_size = 0; expected an integer of at least 1"),
        (lambda: MaxPooling2D(2, strides=(2, 0)), None, r"strides = \(2, 0\); expected"),
        (lambda: MaxPooling2D(padding="full"), None, "padding = 'full'; expected one of valid"),
        (lambda: GlobalMaxPooling2D(keepdims=1), None, "keepdims = 1; expected true or false"),
        (lambda: MaxPooling2D(4), (3, 5, 1), r"pool_size = \[4, 4\] does not fit into \[3, 5\]"),
        (lambda: MaxPooling1D(), (3, 5, 1), r"input of shape \(3, 5, 1\); expected \(steps, ch"),
        (lambda: GlobalMaxPooling2D(), (3, 1), r"input of shape \(3, 1\); expected \(height"),
    ],
)
def test_a_bad_argument_is_named(layer, shape, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture(shape, (layer(), Flatten(), Dense(1)), "mean_squared_error")
