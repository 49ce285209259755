"""Normalization: what its numbers must be, whoever computes them."""

import numpy as np
import pytest

from scratchnet import SGD, Architecture, Network, OptimizerState
from scratchnet.errors import ArchitectureError
from scratchnet.layers import BatchNormalization, Dense, Embedding, Flatten


def normalised(layer, x, dtype="float64"):
    """What a layer makes of inputs in training, and the network."""
    layers = (layer, Dense(1, name="last"))
    network = Network(Architecture(x.shape[1:], layers, "mean_squared_error"), seed=0, dtype=dtype)
    trace = network.trace_step(x, np.zeros((len(x), 1)))
    return trace.tensors[f"{layer.kind}_1/activation"], network


def test_a_batch_comes_out_with_mean_0_and_variance_1():
    # keras/src/layers/normalization/batch_normalization_test.py, test_correctness.
    x = np.random.RandomState(0).normal(5.0, 10.0, (200, 4))
    out, _ = normalised(BatchNormalization(epsilon=0.0), x)
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(out.std(axis=0), 1, atol=1e-12)


def test_the_moving_variance_is_that_of_the_batch_divided_by_its_number():
    # Values 0 and 2: mean 1, variance 1 (not 2). 0.99 * 0 + 0.01 * 1, and 0.99 * 1 + 0.01 * 1.
    _, network = normalised(BatchNormalization(), np.array([[0.0], [2.0]]))
    assert network.weights["batch_normalization_1/moving_mean"] == pytest.approx(0.01)
    assert network.weights["batch_normalization_1/moving_variance"] == pytest.approx(1.0)


def test_inference_uses_moving_statistics_and_leaves_them():
    architecture = Architecture((1,), (BatchNormalization(),), "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    weights = {"gamma": 3.0, "beta": 1.0, "moving_mean": 2.0, "moving_variance": 0.999}
    network.set_weights(
        {f"batch_normalization_1/{name}": np.array([v]) for name, v in weights.items()}
    )
    # 3 (x - 2) / sqrt(0.999 + 0.001) + 1
    np.testing.assert_allclose(network.predict([[2.0], [4.0]]), [[1.0], [7.0]], rtol=1e-14)
    assert network.weights["batch_normalization_1/moving_mean"] == [2.0]


def test_an_optimizer_leaves_moving_statistics_alone():
    architecture = Architecture((2,), (BatchNormalization(), Dense(1)), "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    state = OptimizerState(SGD(0.5, momentum=0.9), network.parameters)
    x = np.array([[1.0, 2.0], [3.0, 6.0]])
    for _ in range(3):
        network.train_step(x, [[1.0], [0.0]], state)
    # Moved three times from 0 towards the mean (2, 4) by 1 %, and not by a gradient.
    moved = 1 - 0.99**3
    np.testing.assert_allclose(
        network.weights["batch_normalization_1/moving_mean"], [2 * moved, 4 * moved], rtol=1e-13
    )


def test_a_large_mean_costs_no_digits_of_the_variance():
    x = np.array([[1e4 - 1], [1e4 + 1]], np.float32)
    out, _ = normalised(BatchNormalization(epsilon=0.0), x, "float32")
    # E[x^2] - E[x]^2 would be 0 or 8 in float32 and not 1.
    np.testing.assert_allclose(out, [[-1], [1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 1.5}, "momentum = 1.5; expected a number from 0 to 1"),
        ({"epsilon": -1e-3}, "epsilon = -0.001; expected a number from 0"),
        ({"center": 1}, "center = 1; expected true or false"),
        ({"gamma_initializer": "one"}, "gamma_initializer = 'one'; .*did you mean 'ones'"),
    ],
)
def test_a_bad_argument_is_named(options, message):
    with pytest.raises(ArchitectureError, match=message):
        BatchNormalization(**options)


def test_a_mask_is_refused_and_not_ignored():
    layers = (Embedding(5, 2, mask_zero=True), BatchNormalization())
    architecture = Architecture((3,), (*layers, Flatten(), Dense(1)), "mean_squared_error")
    network = Network(architecture, seed=0)
    with pytest.raises(ArchitectureError, match="batch_normalization_1: its input has a mask"):
        network.predict([[1, 2, 0]])
