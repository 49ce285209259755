"""Depthwise and separable convolution: the order of the outputs, and what is refused."""

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import Conv2D, Dense, DepthwiseConv2D, Flatten, SeparableConv2D


def run(layers, x, weights):
    """What the layer before Flatten makes of inputs with the weights given."""
    layers = (*layers, Flatten(), Dense(1))
    architecture = Architecture(x.shape[1:], layers, "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    network.set_weights(network.weights | weights)
    network.predict(x)
    name = network.architecture.layers[-3].name
    return network.plan(len(x)).tensors[f"{name}/activation"]


def test_outputs_of_one_channel_stand_together():
    x = np.ones((1, 2, 2, 2)) * [1.0, 10.0]
    kernel = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    found = run([DepthwiseConv2D(1, depth_multiplier=3)], x, {"depthwise_conv2d_1/kernel": kernel})
    np.testing.assert_array_equal(found[0, 0, 0], [1, 2, 3, 40, 50, 60])


def test_a_separable_convolution_is_two():
    random = np.random.RandomState(0)
    x = random.standard_normal((2, 5, 6, 3))
    depthwise, pointwise = (
        random.standard_normal((3, 2, 3, 2)),
        random.standard_normal((1, 1, 6, 4)),
    )
    bias = random.standard_normal(4)
    one = run(
        [SeparableConv2D(4, (3, 2), depth_multiplier=2, activation="tanh")],
        x,
        {
            "separable_conv2d_1/depthwise_kernel": depthwise,
            "separable_conv2d_1/pointwise_kernel": pointwise,
            "separable_conv2d_1/bias": bias,
        },
    )
    layers = [
        DepthwiseConv2D((3, 2), depth_multiplier=2, use_bias=False),
        Conv2D(4, 1, activation="tanh"),
    ]
    weights = {
        "depthwise_conv2d_1/kernel": depthwise,
        "conv2d_1/kernel": pointwise,
        "conv2d_1/bias": bias,
    }
    np.testing.assert_allclose(one, run(layers, x, weights), rtol=1e-13)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: DepthwiseConv2D(2, strides=(1, 2)), r"strides = \[1, 2\]; expected equal ones"),
        (lambda: DepthwiseConv2D(2, depth_multiplier=0), "depth_multiplier = 0; expected a posit"),
        (lambda: SeparableConv2D(0, 2), "filters = 0; expected a positive integer"),
        (lambda: SeparableConv2D(2, 6), r"kernel_size = \[6, 6\] does not fit into \[4, 4\]"),
        (lambda: SeparableConv2D(2, 2, pointwise_initializer="he"), "pointwise_initializer = 'he'"),
    ],
)
def test_a_bad_argument_is_named(layer, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture((4, 4, 1), (layer(), Flatten(), Dense(1)), "mean_squared_error")
