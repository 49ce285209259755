"""Lockstep parity: both sides take the same step from the same weights."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_baseline.tracing import KerasStep
from scratchnet import (
    SGD,
    Adam,
    AdamW,
    Architecture,
    ArchitectureError,
    Dense,
    Network,
    OptimizerState,
    RMSprop,
)

# What most networks have; tests/test_vocabulary.py goes over all there is.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")
LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_squared_error",
)

DTYPES = ["float32", "float64"]

# How many times the unavoidable two correct implementations may differ; the most that was seen in
# three times all these cases is 6. A wrong constant, of 1e-7 say, stands out by 1e7 in float64.
ALLOWED = 20


def unavoidable(network, x, y):
    """How far loss and gradients move when every weight moves by one unit in its last place.

    No implementation can be asked to be nearer to another than this, however the loss divides
    by small probabilities or the gradients of samples cancel; nor nearer than rounding the result,
    or the gradients of single samples, of which it is the mean.
    """
    loss, gradients = network.loss_and_gradients(x, y)
    unit = float(np.finfo(network.dtype).eps) / 2
    moved = {"loss": unit * abs(loss)}
    moved |= {name: unit * float(np.abs(g).max()) for name, g in gradients.items()}
    for i in range(len(x)):
        for name, g in network.loss_and_gradients(x[i : i + 1], y[i : i + 1])[1].items():
            moved[name] += unit * float(np.abs(g).max()) / len(x)
    copy = Network(network.architecture, seed=0, dtype=network.dtype)
    random = np.random.RandomState(0)
    largest = dict.fromkeys(moved, 0.0)
    for _ in range(4):
        copy.set_weights(
            {
                name: np.nextafter(w, np.where(random.rand(*w.shape) < 0.5, w.dtype.type(-9), 9))
                for name, w in network.weights.items()
            }
        )
        other_loss, other = copy.loss_and_gradients(x, y)
        largest["loss"] = max(largest["loss"], abs(other_loss - loss))
        for name, gradient in gradients.items():
            largest[name] = max(largest[name], float(np.abs(other[name] - gradient).max()))
    return {name: moved[name] + largest[name] for name in moved}


def assert_lockstep(network, twin, x, y):
    """Loss and gradients of both sides, from the same weights, differ by the unavoidable only."""
    loss, ours = network.loss_and_gradients(x, y)
    their_loss, theirs = twin.loss_and_gradients(network.weights, x, y)
    assert np.isfinite(their_loss)
    bounds = unavoidable(network, x, y)
    assert abs(loss - their_loss) <= ALLOWED * bounds["loss"]
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert ours[name].dtype == gradient.dtype == network.dtype
        difference = float(np.abs(ours[name] - gradient).max())
        assert difference <= ALLOWED * bounds[name], f"{name}: {difference / bounds[name]}"
    return ours


def started(architecture, dtype, optimizer, seed=1):
    """A network at a generic point: no bias is 0, and the last outputs are about 0.5."""
    network = Network(architecture, seed=seed, dtype=dtype)
    weights = network.weights
    random = np.random.RandomState(seed)
    for name, weight in weights.items():
        weight *= 0.7
        if name.endswith("bias"):
            weight += 0.1 * random.randn(*weight.shape)
    weights[f"{architecture.layers[-1].name}/bias"] += 0.5
    network.set_weights(weights)
    return network, OptimizerState(optimizer, network.parameters)


def combinations():
    """Every hidden activation, last activation, loss and width that make an architecture."""
    found = []
    for hidden in ACTIVATIONS:
        for last in ACTIVATIONS:
            for loss in LOSSES:
                for units in (1, 3):
                    try:
                        layers = (Dense(5, hidden), Dense(4, hidden), Dense(units, last))
                        found.append(Architecture((3,), layers, loss))
                    except ArchitectureError:
                        continue
    return found


def title(architecture):
    hidden, _, last = architecture.layers
    return f"{hidden.activation}-{last.activation}-{last.units}-{architecture.loss.name}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("architecture", combinations(), ids=title)
def test_gradients_are_those_of_keras_at_the_first_and_at_later_steps(
    architecture, dtype, make_batch
):
    network, state = started(architecture, dtype, SGD(0.02))
    x, y = make_batch(architecture, 7, dtype)
    twin = KerasStep(architecture, dtype)
    for step in range(13):
        if step in (0, 1, 4, 12):
            gradients = assert_lockstep(network, twin, x, y)
            assert max(np.abs(gradient).max() for gradient in gradients.values()) > 1e-3
        network.train_step(x, y, state)


def test_combinations_leave_out_only_what_cannot_be():
    counted = [title(architecture) for architecture in combinations()]
    assert len(set(counted)) == len(counted)
    # One unit: not with softmax, and not with a categorical loss. Three: not softmax with binary.
    assert len(counted) == len(ACTIVATIONS) * (4 * 2 + 5 * 4 - 1)


OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    RMSprop(0.01),
    Adam(0.01),
    AdamW(0.01),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize(
    ("last", "loss"),
    [("sigmoid", "binary_crossentropy"), ("tanh", "mean_squared_error")],
)
def test_every_tensor_of_a_step_is_that_of_keras(last, loss, optimizer, dtype, make_batch):
    architecture = Architecture((3,), (Dense(5, "relu"), Dense(4, "tanh"), Dense(2, last)), loss)
    network, state = started(architecture, dtype, optimizer)
    x, y = make_batch(architecture, 7, dtype)
    twin = KerasStep(architecture, dtype, optimizer)
    for step in range(8):
        weights = network.weights
        slots = {
            f"{name}_{slot}": value
            for slot, flat in state.slots.items()
            for name, value in network.parameters.named(flat).items()
        }
        ours = network.trace_step(x, y, state)
        theirs = twin.trace(weights, x, y, slots, iterations=step)
        unit = float(np.finfo(dtype).eps) / 2
        assert ours.loss == pytest.approx(theirs.loss, rel=20 * unit, abs=0)
        assert ours.tensors.keys() == theirs.tensors.keys()
        for name, tensor in theirs.tensors.items():
            # Sums of at most 7 products through 3 layers: a few dozen roundings on each side.
            bound = 200 * unit * float(np.abs(tensor).max())
            assert ours.tensors[name].dtype == tensor.dtype == np.dtype(dtype), name
            np.testing.assert_allclose(ours.tensors[name], tensor, rtol=0, atol=bound)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # 0 / 0, as in Keras
@pytest.mark.filterwarnings("ignore:You are using a softmax:UserWarning")
@settings(max_examples=20)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_random_architectures_have_the_gradients_of_keras(data, seed, architectures, make_batch):
    architecture = data.draw(architectures)
    dtype = data.draw(st.sampled_from(DTYPES))
    network, state = started(architecture, dtype, Adam(0.01), seed)
    x, y = make_batch(architecture, data.draw(st.integers(1, 9)), dtype, seed)
    twin = KerasStep(architecture, dtype)
    for _ in range(3):
        assume(np.isfinite(network.loss_and_gradients(x, y)[0]))
        assert_lockstep(network, twin, x, y)
        network.train_step(x, y, state)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["binary_crossentropy", "categorical_crossentropy"])
def test_saturated_network_still_has_the_gradients_of_keras(loss, dtype):
    last = "sigmoid" if loss == "binary_crossentropy" else "softmax"
    architecture = Architecture((1,), (Dense(2, last),), loss)
    weights = {
        "dense_1/kernel": np.array([[300.0, -400.0]], dtype),
        "dense_1/bias": np.array([0.5, -0.25], dtype),
    }
    network = Network(architecture, seed=0, dtype=dtype)
    network.set_weights(weights)
    x = np.array([[1.0], [-1.0], [0.125], [0.0]], dtype)
    y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype)
    assert np.isfinite(network.loss_and_gradients(x, y)[0])
    gradients = assert_lockstep(network, KerasStep(architecture, dtype), x, y)
    # Clipping would have made these 0.
    assert np.abs(gradients["dense_1/kernel"]).min() > 0.1


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_outputs_that_are_all_0_have_no_categorical_loss_in_keras_either():
    architecture = Architecture((1,), (Dense(2, "relu"),), "categorical_crossentropy")
    weights = {"dense_1/kernel": np.zeros((1, 2)), "dense_1/bias": np.zeros(2)}
    network = Network(architecture, seed=0, dtype="float64")
    network.set_weights(weights)
    x, y = np.ones((1, 1)), np.array([[1.0, 0.0]])
    twin = KerasStep(architecture, "float64")
    assert np.isnan(network.loss_and_gradients(x, y)[0])
    assert np.isnan(twin.loss_and_gradients(weights, x, y)[0])


def test_first_step_without_slots_starts_them_at_0(make_batch):
    architecture = Architecture((2,), (Dense(2),), "mean_squared_error")
    network, state = started(architecture, "float64", Adam(0.1))
    x, y = make_batch(architecture, 4)
    twin = KerasStep(architecture, "float64", Adam(0.1))
    weights = network.weights
    first = twin.trace(weights, x, y).tensors
    # A second trace does not remember the first.
    again = twin.trace(weights, x, y).tensors
    for name, tensor in network.trace_step(x, y, state).tensors.items():
        np.testing.assert_array_equal(first[name], again[name])
        np.testing.assert_allclose(tensor, first[name], rtol=1e-12)


def test_traced_gradients_are_those_of_the_plain_model(make_batch):
    architecture = Architecture((3,), (Dense(4, "relu"), Dense(2, "softmax")), "mean_squared_error")
    network, _ = started(architecture, "float64", SGD())
    x, y = make_batch(architecture, 6)
    twin = KerasStep(architecture, "float64")
    loss, gradients = twin.loss_and_gradients(network.weights, x, y)
    trace = twin.trace(network.weights, x, y)
    assert trace.loss == loss
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(trace.tensors[f"{name}_gradient"], gradient)
    assert not any("updated" in name for name in trace.tensors)
