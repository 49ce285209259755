import numpy as np
import pytest

from scratchnet import Architecture, ArchitectureError, Dense, Network, gradient_check

# What most networks have; tests/test_vocabulary.py goes over all there is.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")


def network_of(layers, features, dtype="float64"):
    """A network of these layers whose weights are all drawn, biases too."""
    architecture = Architecture((features,), layers, "mean_squared_error")
    network = Network(architecture, seed=0, dtype=dtype)
    random = np.random.RandomState(5)
    network.set_weights({name: random.randn(*w.shape) for name, w in network.weights.items()})
    return network


def test_pre_activation_is_x_times_kernel_plus_bias():
    network = network_of((Dense(2),), 3)
    x = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 4.0]])
    weights = network.weights
    by_hand = [
        [sum(row[i] * weights["dense_1/kernel"][i, j] for i in range(3)) for j in range(2)]
        for row in x
    ]
    np.testing.assert_allclose(
        network.predict(x), by_hand + weights["dense_1/bias"], rtol=1e-15, atol=1e-15
    )


def test_without_bias_there_is_no_bias():
    network = network_of((Dense(2, use_bias=False), Dense(1)), 3)
    assert list(network.weights) == ["dense_1/kernel", "dense_2/kernel", "dense_2/bias"]
    hidden = network.trace_step(np.zeros((4, 3)), np.ones((4, 1))).tensors["dense_1/activation"]
    assert not hidden.any()


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("samples", [1, 5])
def test_gradients_are_those_of_central_differences(activation, use_bias, samples):
    layers = (Dense(3, activation, use_bias=use_bias), Dense(4, activation), Dense(2))
    network = network_of(layers, 2)
    random = np.random.RandomState(1)
    check = gradient_check(network, random.randn(samples, 2), random.randn(samples, 2))
    assert check.ok, check
    assert check.count("undecided") == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backward_is_the_textbook_chain_rule(dtype):
    network = network_of((Dense(4, "tanh"), Dense(2)), 3, dtype)
    random = np.random.RandomState(2)
    x, y = random.randn(5, 3).astype(dtype), random.randn(5, 2).astype(dtype)
    trace = network.trace_step(x, y).tensors
    dz = trace["dense_2/pre_activation_gradient"]
    a = trace["dense_1/activation"]
    da = dz @ network.weights["dense_2/kernel"].T
    expected = {
        "dense_2/kernel_gradient": a.T @ dz,
        "dense_2/bias_gradient": dz.sum(axis=0),
        "dense_1/activation_gradient": da,
        "dense_1/pre_activation_gradient": da * (1 - a**2),
        "dense_1/kernel_gradient": x.T @ (da * (1 - a**2)),
        "dense_1/bias_gradient": (da * (1 - a**2)).sum(axis=0),
    }
    unit = np.finfo(dtype).eps / 2
    for name, value in expected.items():
        # A sum of at most 5 products in another order: gamma_6, Higham chapter 3.
        bound = 20 * unit * np.abs(value).max()
        np.testing.assert_allclose(trace[name], value, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"units": 0}, "units = 0"),
        ({"units": 2, "activation": "rely"}, "activation = 'rely'.*did you mean 'relu'"),
        ({"units": 2, "use_bias": "yes"}, "use_bias = 'yes'"),
        ({"units": 2, "kernel_initializer": "he"}, "kernel_initializer = 'he'"),
        ({"units": 2, "bias_initializer": "one"}, "bias_initializer = 'one'"),
    ],
)
def test_wrong_field_is_named(fields, message):
    with pytest.raises(ArchitectureError, match=message):
        Dense(**fields)
