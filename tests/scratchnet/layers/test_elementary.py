"""Facts about layers that compute value by value, move values, or merge inputs."""

import numpy as np
import pytest

from scratchnet import Architecture, ArchitectureError, Dense, Network
from scratchnet.layers import (
    AlphaDropout,
    Concatenate,
    Dot,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Identity,
    LeakyReLU,
    Maximum,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Softmax,
    SpatialDropout1D,
    Subtract,
)


def predict(x, *layers):
    """What layers make of inputs in float64, flat."""
    x = np.asarray(x, np.float64)
    architecture = Architecture(x.shape[1:], (*layers, Flatten()), "mean_squared_error")
    return Network(architecture, seed=0, dtype="float64").predict(x)


# Numbers of Keras's own unit tests where it has some.
FACTS = [
    (ReLU(max_value=10), [-10, -5, 0.0, 5, 10, 15], [0, 0, 0, 5, 10, 10]),
    (ReLU(negative_slope=0.5), [-10, -5, 0.0, 5, 10], [-5, -2.5, 0, 5, 10]),
    (ReLU(threshold=5), [-10, -5, 0.0, 5, 10], [0, 0, 0, 0, 10]),
    (LeakyReLU(0.5), [-10, -5, 0.0, 5, 10], [-5, -2.5, 0, 5, 10]),
    (Rescaling(2, offset=0.5), [1, 2], [2.5, 4.5]),
    (Normalization((1.0, 2.0), (4.0, 0.25)), [3, 3], [1, 2]),
    (Normalization((1.0, 2.0), (4.0, 0.25), invert=True), [1, 2], [3, 3]),
    (Identity(), [1, 2], [1, 2]),
    (RepeatVector(2), [1, 2], [1, 2, 1, 2]),
    (PReLU("zeros"), [-1, 2], [0, 2]),
]


@pytest.mark.parametrize(("layer", "x", "expected"), FACTS)
def test_outputs_are_those_of_the_definition(layer, x, expected):
    np.testing.assert_allclose(predict([x], layer)[0], expected, rtol=1e-15)


def test_reshape_and_permute_are_those_of_numpy():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(predict(x, Reshape((2, -1))), x.reshape(2, 12))
    np.testing.assert_array_equal(predict(x, Permute((2, 1))), x.transpose(0, 2, 1).reshape(2, 12))


def test_softmax_along_time_adds_up_to_1_there():
    x = np.random.RandomState(0).standard_normal((2, 3, 4))
    np.testing.assert_allclose(predict(x, Softmax(axis=1)).reshape(x.shape).sum(axis=1), 1)


def test_normalization_adapted_to_data_gives_mean_0_and_variance_1():
    x = np.random.RandomState(0).standard_normal((500, 3)) * [1, 5, 0.1] + [0, 7, -2]
    found = predict(x, Normalization.adapted(x))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found.var(axis=0), 1, rtol=1e-6)


def noise_of(layer, shape, samples=4000):
    """What a layer draws for many samples."""
    return layer.draw_noise(np.random.RandomState(0), (samples, *layer.noise_shape(shape)))


def test_noise_has_the_moments_that_it_should():
    assert abs(noise_of(GaussianNoise(0.5), (5,)).std() - 0.5) < 0.01
    factors = noise_of(GaussianDropout(0.2), (5,))
    assert abs(factors.mean() - 1) < 0.01
    assert abs(factors.std() - 0.5) < 0.01


def test_spatial_dropout_draws_once_per_channel():
    assert SpatialDropout1D(0.5).noise_shape((7, 3)) == (1, 3)


def test_alpha_dropout_keeps_mean_and_variance():
    layer = AlphaDropout(0.2)
    lowest, scale, shift = layer.constants()
    x = np.random.RandomState(1).standard_normal((4000, 5))
    mask = noise_of(layer, (5,))
    outputs = scale * (x * mask + lowest * (1 - mask)) + shift
    assert abs(outputs.mean()) < 0.02
    assert abs(outputs.var() - 1) < 0.03


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (lambda: (Reshape((2, 2)),), r"target_shape = \[2, 2\]; the input has the shape \(3,\)"),
        (lambda: (Reshape((-1, -1)),), r"target_shape = \(-1, -1\); expected positive integers"),
        (lambda: (Permute((2, 3)),), r"dims = \(2, 3\); expected the axes from 1 in an order"),
        (lambda: (Permute((2, 1)),), r"dims = \[2, 1\]; the input has the shape \(3,\)"),
        (lambda: (RepeatVector(0),), "n = 0; expected a positive integer"),
        (lambda: (RepeatVector(2), RepeatVector(2)), r"repeat_vector expects \(features,\)"),
        (lambda: (Softmax(axis=2),), r"axis = 2; the input has the shape \(3,\)"),
        (lambda: (Softmax(axis=0),), "axis = 0; expected a whole number other than 0"),
        (lambda: (SpatialDropout1D(0.5),), r"spatial_dropout1d expects \(time, channels\)"),
        (lambda: (AlphaDropout(1.0),), "rate = 1.0; expected a number from 0 below 1"),
        (lambda: (GaussianNoise(-1),), "stddev = -1; expected a number from 0 to 1"),
        (lambda: (LeakyReLU(-0.1),), "negative_slope = -0.1; expected a number from 0"),
        (lambda: (Rescaling(float("inf")),), "scale = inf; expected finite numbers"),
        (lambda: (Normalization(0.0, -1.0),), "variance = -1.0; expected numbers >= 0"),
        (lambda: (Normalization((0.0, 1.0), (1.0, 1.0)),), "mean has 2 numbers; the input has 3"),
        (lambda: (PReLU(shared_axes=(2,)),), r"shared_axes = \(2,\); the input has the shape"),
        (lambda: (Dot(axes=2),), "axes = 2; expected 1 or -1"),
        (lambda: (Maximum(),), "maximum takes at least two"),
        (lambda: (Subtract(inputs=("input",) * 3),), "subtract takes two"),
        (
            lambda: (Dense(2), Concatenate(axis=2, inputs=("input", "dense_1"))),
            r"axis = 2; the inputs have the shape \(3,\)",
        ),
        (
            lambda: (Dense(2), Maximum(inputs=("input", "dense_1"))),
            r"shapes \[\(3,\), \(2,\)\]; expected one shape for all",
        ),
    ],
)
def test_wrong_arguments_are_named(layers, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture((3,), (*layers(), Flatten(), Dense(1)), "mean_squared_error")
