"""An activation that was added as CONTRIBUTING says is diagnosed without an entry of its own."""

import numpy as np
import pytest

from experiments.parity.exact.formulas import BACKWARD, FORWARD
from experiments.parity.testing import assert_gradients_match
from scratchnet import Architecture, initial_weights
from scratchnet.activations import ACTIVATIONS, Activation

ARCHITECTURE = {
    "input_shape": [3],
    "layers": [{"units": 4, "activation": "softsign"}, {"units": 1, "activation": "softsign"}],
    "loss": "mean_squared_error",
}


@pytest.fixture
def softsign(monkeypatch):
    """z / (1 + |z|), which Keras has and scratchnet has not."""

    def forward(z, a, scratch):
        np.divide(z, 1 + np.abs(z), out=a)

    def backward(z, a, da, dz, scratch):
        np.divide(da, (1 + np.abs(z)) ** 2, out=dz)

    monkeypatch.setitem(ACTIVATIONS, "softsign", Activation("softsign", forward, backward))
    monkeypatch.setitem(FORWARD, "softsign", lambda z: z / (z.abs() + 1))
    monkeypatch.setitem(
        BACKWARD, "softsign", lambda z, _a, da: da / ((z.abs() + 1) * (z.abs() + 1))
    )


def gradients(weights, x, y, wrong=""):
    w1, b1, w2, b2 = (weights[f"dense_{i}/{s}"] for i in (1, 2) for s in ("kernel", "bias"))
    z1 = x @ w1 + b1
    a1 = z1 / (1 + np.abs(z1))
    z2 = a1 @ w2 + b2
    dz2 = 2 * (z2 / (1 + np.abs(z2)) - y) / y.size / (1 + np.abs(z2)) ** 2
    da1 = dz2 @ w2.T
    dz1 = da1 if wrong == "no derivative" else da1 / (1 + np.abs(z1)) ** 2
    return {
        "dense_1/kernel": x.T @ dz1,
        "dense_1/bias": dz1.sum(axis=0) * (3 if wrong == "factor" else 1),
        "dense_2/kernel": a1.T @ dz2,
        "dense_2/bias": dz2.sum(axis=0),
    }


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("no derivative", "the derivative of the activation .softsign. is missing"),
        ("factor", "3 times"),
    ],
)
def test_a_mistake_at_a_new_activation_is_diagnosed(softsign, wrong, sentence):
    weights = initial_weights(Architecture.from_dict(ARCHITECTURE), 1)
    random = np.random.RandomState(0)
    batch = random.randn(6, 3), random.randn(6, 1)
    assert_gradients_match(ARCHITECTURE, weights, *batch, gradients(weights, *batch))
    with pytest.raises(AssertionError, match=sentence):
        assert_gradients_match(ARCHITECTURE, weights, *batch, gradients(weights, *batch, wrong))
