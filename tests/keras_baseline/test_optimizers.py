import keras
import numpy as np
import pytest

from keras_baseline.model import build
from keras_baseline.optimizers import OptimizerTwin, build_optimizer, get_slots, set_slots
from keras_baseline.weights import get_weights, set_weights, variables
from scratchnet import SGD, Adam, AdamW, Architecture, Dense, RMSprop
from scratchnet.optimizers import OPTIMIZERS

ARCHITECTURE = Architecture((3,), (Dense(4, "relu"), Dense(2)), "mean_squared_error")
WITH_SLOTS = [SGD(0.1, momentum=0.9), RMSprop(), Adam(), AdamW()]


@pytest.fixture(scope="module")
def model():
    return build(ARCHITECTURE, "float64")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_a_twin_of_its_name(name):
    twin = build_optimizer(OPTIMIZERS[name](), "float64")
    assert type(twin) is type(keras.optimizers.get(name))


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.3, 0.7, nesterov=True),
        RMSprop(0.2, 0.8, 1e-3),
        Adam(0.1, 0.5, 0.6, 1e-4),
        AdamW(0.1, 0.5, 0.6, 1e-4, 0.02),
    ],
    ids=str,
)
def test_settings_cross(optimizer):
    twin = build_optimizer(optimizer, "float64")
    for name, value in vars(optimizer).items():
        assert float(getattr(twin, name)) == value


def test_whole_numbers_are_settings_too():
    # TOML writes `momentum = 0`, which Keras alone would refuse.
    twin = build_optimizer(SGD(learning_rate=1, momentum=0), "float32")
    assert float(twin.learning_rate) == 1.0


def test_learning_rate_keeps_all_its_digits_in_float64():
    assert float(build_optimizer(SGD(0.01), "float64").learning_rate) == 0.01
    assert float(build_optimizer(SGD(0.01), "float32").learning_rate) == np.float32(0.01)
    assert float(keras.optimizers.SGD(0.01).learning_rate) != 0.01


@pytest.mark.parametrize("optimizer", WITH_SLOTS, ids=str)
def test_slots_cross_to_keras_and_back_bit_for_bit(optimizer, model):
    twin = build_optimizer(optimizer, "float64")
    random = np.random.RandomState(0)
    slots = {
        f"{name}_{slot}": random.randn(*variable.shape)
        for name, variable in variables(model).items()
        for slot in optimizer.slots
    }
    set_slots(model, twin, optimizer, slots, iterations=7)
    assert int(twin.iterations) == 7
    back = get_slots(model, twin, optimizer)
    assert back.keys() == slots.keys()
    for name, value in slots.items():
        np.testing.assert_array_equal(back[name], value)


@pytest.mark.parametrize("optimizer", WITH_SLOTS, ids=str)
def test_slots_are_all_that_keras_keeps(optimizer, model):
    twin = build_optimizer(optimizer, "float64")
    twin.build(model.trainable_variables)
    kept = sum(int(np.prod(v.shape)) for v in twin.variables if v is not twin.iterations)
    weights = sum(int(np.prod(shape)) for shape in ARCHITECTURE.weight_shapes().values())
    assert kept == weights * len(optimizer.slots)


def test_plain_sgd_has_no_slots(model):
    twin = build_optimizer(SGD(0.1), "float64")
    set_slots(model, twin, SGD(0.1), {}, iterations=0)
    assert get_slots(model, twin, SGD(0.1)) == {}


def test_a_twin_updates_from_given_gradients_and_slots(model):
    # Keras casts the momentum through float32, which leaves 0.5 as it is.
    rule, random = SGD(0.1, momentum=0.5), np.random.RandomState(1)
    twin, start = OptimizerTwin(rule, "float64"), get_weights(model)
    gradients = {name: random.randn(*weight.shape) for name, weight in start.items()}
    velocity = {f"{name}_momentum": random.randn(*weight.shape) for name, weight in start.items()}
    for slots in (velocity, None):  # the second update starts from zeros, not from the first's
        set_weights(model, start)
        found = twin.update(model, gradients, slots, iterations=3)
        assert found.keys() == {*velocity, *(f"{name}_updated" for name in start)}
        for name, weight in start.items():
            before = 0 if slots is None else slots[f"{name}_momentum"]
            step = 0.5 * before - 0.1 * gradients[name]
            np.testing.assert_allclose(found[f"{name}_momentum"], step, rtol=1e-14, atol=1e-15)
            np.testing.assert_allclose(found[f"{name}_updated"], weight + step, rtol=1e-14)
