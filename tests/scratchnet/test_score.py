import numpy as np
import pytest

from scratchnet import SGD, Architecture, Dense, Network, OptimizerState, fit
from scratchnet.losses import LOSSES
from scratchnet.metrics import correct_predictions

SAMPLES = 600


@pytest.mark.parametrize("batch_size", [1, 7, 32, 100, 128, 200, 599, 600])
@pytest.mark.parametrize("last", ["softmax", "sigmoid", "tanh"])
@pytest.mark.parametrize("loss", LOSSES)
def test_an_epoch_counts_every_batch_before_its_update(loss, last, batch_size, make_batch):
    if loss == "binary_crossentropy" and last == "softmax":
        last = "relu"
    architecture = Architecture((4,), (Dense(5, "tanh"), Dense(3, last)), loss)
    x, y = make_batch(architecture, SAMPLES)
    network, plain = (Network(architecture, seed=0, dtype="float64") for _ in range(2))
    history = fit(
        network,
        x,
        y,
        optimizer=OptimizerState(SGD(0.1), network.parameters),
        epochs=2,
        batch_size=batch_size,
    )
    state = OptimizerState(SGD(0.1), plain.parameters)
    for epoch in range(2):
        losses, right = 0.0, 0
        for start in range(0, SAMPLES, batch_size):
            batch = slice(start, start + batch_size)
            predicted, targets = plain.predict(x[batch]), y[batch]
            sparse = LOSSES[loss].sparse
            right += correct_predictions(predicted, targets, sparse=sparse)
            losses += plain.train_step(x[batch], targets, state) * len(targets)
        assert history.loss[epoch] == pytest.approx(losses / SAMPLES, rel=1e-13)
        assert history.accuracy[epoch] == right / SAMPLES
    # The gradients do not depend on when the loss is counted.
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(network.weights[name], value)
