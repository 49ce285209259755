"""Every layer, activation, loss and optimizer: in all four tables, and equal to Keras's."""

import copy

import numpy as np
import pytest

from experiments.parity.envelope import envelope, judge_free, perturbed_histories
from experiments.parity.exact.formulas import BACKWARD, FORWARD, LAYER, LOSS, REGULARIZER, UPDATE
from experiments.parity.exact.formulas.examples import (
    ACTIVATION_EXAMPLES,
    LAYER_EXAMPLES,
    LOSS_EXAMPLES,
)
from experiments.parity.exact.reference import reference_prediction, reference_step
from experiments.parity.step import TwinStep
from experiments.parity.trace import Snapshot
from experiments.parity.verdict import judge_network
from keras_baseline.model import LOSS_TWINS, build
from keras_baseline.regularizers import REGULARIZER_TWINS
from keras_baseline.tracing import KerasStep
from keras_baseline.training import train
from keras_baseline.twins import TWINS
from keras_baseline.weights import get_weights, set_weights
from scratchnet import SGD, Architecture, BatchOrder, Network, OptimizerState, fit, gradient_check
from scratchnet.activations import ACTIVATIONS
from scratchnet.layers import LAYERS
from scratchnet.losses import LOSSES
from scratchnet.noise import draw_noise
from scratchnet.optimizers import OPTIMIZERS
from scratchnet.regularizers import REGULARIZERS
from scratchnet.training import Training

EXAMPLES = [
    pytest.param(example, id=f"{name}: {example.label}")
    for table in (LAYER_EXAMPLES, ACTIVATION_EXAMPLES, LOSS_EXAMPLES)
    for name, examples in table.items()
    for example in examples
]
DTYPES = ["float32", "float64"]
MOMENTUM = SGD(0.1, momentum=0.9)


def test_the_tables_have_the_same_entries():
    assert LAYERS.keys() == TWINS.keys() == LAYER.keys() == LAYER_EXAMPLES.keys()
    assert ACTIVATIONS.keys() == FORWARD.keys() == BACKWARD.keys() == ACTIVATION_EXAMPLES.keys()
    formulas = {name for name, _ in LOSS}
    assert LOSSES.keys() == LOSS_TWINS.keys() == formulas == LOSS_EXAMPLES.keys()
    assert REGULARIZERS.keys() == REGULARIZER_TWINS.keys() == REGULARIZER.keys()
    assert set(OPTIMIZERS.values()) == set(UPDATE)


def start(example, dtype):
    """Where a step of an example starts."""
    architecture = example.architecture
    return Snapshot(
        0,
        example.weights(dtype),
        {},
        example.inputs(dtype),
        example.targets(dtype),
        draw_noise(architecture, 3, 0, example.samples),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_step_equals_that_of_keras(example, dtype):
    step = TwinStep.take(KerasStep(example.architecture, dtype, MOMENTUM), start(example, dtype))
    network = Network(example.architecture, seed=0, dtype=dtype)
    judged = judge_network(step, network)
    assert judged.first_divergence is None, judged.first_divergence
    assert not [row for row in judged.rows if row.verdict not in ("identical", "rounding")]
    # Every named tensor of ours, of the twin and of the reference is compared.
    compared = {
        row.tensor if row.layer == "loss" else f"{row.layer}/{row.tensor}"
        for row in judged.rows
        if row.mode == "step"
    }
    compared = {name.removeprefix("loss/") for name in compared}
    assert compared >= step.twin.tensors.keys()
    ours = network.trace_step(step.snapshot.x, step.snapshot.y, None, step.snapshot.noise)
    assert compared >= ours.tensors.keys()


@pytest.mark.parametrize("example", EXAMPLES)
def test_gradients_are_those_of_central_differences(example):
    network = Network(example.architecture, seed=3, dtype="float64")
    network.set_weights(example.weights("float64"))
    check = gradient_check(network, example.inputs("float64"), example.targets("float64"))
    assert check.ok, check


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_prediction_equals_that_of_keras(example, dtype):
    weights, x = example.weights(dtype), example.inputs(dtype)
    network = Network(example.architecture, seed=0, dtype=dtype)
    network.set_weights(weights)
    model = build(example.architecture, dtype)
    set_weights(model, weights)
    exact = reference_prediction(example.architecture, dtype, weights, x)
    for prediction in (network.predict(x), np.asarray(model(x, training=False))):
        assert np.all(np.abs(prediction - exact.value) <= exact.error)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_architecture_survives_toml(example):
    architecture = example.architecture
    assert Architecture.from_toml(architecture.to_toml()) == architecture


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_copy_goes_on_as_the_network_does(example):
    x, y = example.inputs("float64"), example.targets("float64")
    network = Network(example.architecture, seed=1, dtype="float64")
    state = OptimizerState(MOMENTUM, network.parameters)
    fit(network, x, y, optimizer=state, epochs=1, batch_size=3)
    twin, twin_state = copy.deepcopy((network, state))
    for one, its_state in ((network, state), (twin, twin_state)):
        fit(one, x, y, optimizer=its_state, epochs=2, batch_size=3)
    for name, value in network.weights.items():
        np.testing.assert_array_equal(twin.weights[name], value)
    np.testing.assert_array_equal(twin.predict(x), network.predict(x))


@pytest.mark.parametrize(
    "example",
    [pytest.param(examples[-1], id=kind) for kind, examples in LAYER_EXAMPLES.items()],
)
def test_a_training_learns_as_keras_does(example):
    dtype, seed, epochs = "float64", 5, 3
    architecture, weights = example.architecture, example.weights(dtype)
    x, y = example.inputs(dtype), example.targets(dtype)
    training = Training(
        architecture=architecture,
        dtype=dtype,
        optimizer=MOMENTUM,
        weights=weights,
        x=x,
        y=y,
        order=BatchOrder(len(x), 3, shuffle_seed=1),
        epochs=epochs,
        validation_data=(x, y),
        noise_seed=seed,
    )
    network = training.network()
    ours = training.fit(network, OptimizerState(MOMENTUM, network.parameters))
    model = build(architecture, dtype, given_noise=True)
    set_weights(model, weights)
    twin = train(model, training)
    strayed = perturbed_histories(training, range(6))
    first = Snapshot(0, weights, {}, x, y, draw_noise(architecture, seed, 0, len(x)))
    first_loss = reference_step(architecture, dtype, first)["loss"]
    rows = judge_free(ours, twin, envelope(ours, strayed), first_loss)
    assert {row.tensor for row in rows} == {"loss", "val_loss"}
    assert "divergent" not in {row.verdict for row in rows}, rows
    for side in (network.weights, get_weights(model)):
        # A softmax over time does not move with the bias before it: not every weight need change.
        assert any(np.any(side[name] != value) for name, value in weights.items())
