import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import SGD, Adam, AdamW, ArchitectureError, OptimizerState, RMSprop
from scratchnet.conventions import CONVENTIONS
from scratchnet.optimizers import (
    OPTIMIZERS,
    optimizer_from_dict,
    optimizer_to_dict,
)
from scratchnet.parameters import Parameters

CAST = CONVENTIONS["tensorflow"].cast
RULES = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    RMSprop(0.01),
    RMSprop(0.01, rho=0.5, epsilon=1e-3),
    Adam(0.01),
    Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
    AdamW(0.01),
    AdamW(0.01, weight_decay=0.1),
]


def trajectory(optimizer, gradients, dtype="float64", start=1.0):
    """Weights after each of the given gradients."""
    parameters = Parameters({"w": gradients[0].shape}, dtype)
    parameters.values[:] = start
    state = OptimizerState(optimizer, parameters)
    for gradient in gradients:
        parameters.gradients[:] = gradient.reshape(-1)
        state.step()
        yield parameters["w"].copy()


def by_formula(optimizer, gradients):
    """The textbook rule in plain numbers, with the settings that Keras rounds to float32."""
    w, m, v = 1.0, 0.0, 0.0
    lr = optimizer.learning_rate
    for t, g in enumerate(gradients, start=1):
        match optimizer:
            case SGD(momentum=0.0):
                w -= lr * g
            case SGD():
                mu = CAST(optimizer.momentum)
                m = mu * m - lr * g
                w += mu * m - lr * g if optimizer.nesterov else m
            case RMSprop(rho=rho, epsilon=epsilon):
                v = rho * v + (1 - rho) * g * g
                w -= lr * g / (v + epsilon) ** 0.5
            case Adam(beta_1=b1, beta_2=b2, epsilon=epsilon):
                if isinstance(optimizer, AdamW):
                    w -= w * CAST(optimizer.weight_decay) * lr
                m = b1 * m + (1 - b1) * g
                v = b2 * v + (1 - b2) * g * g
                correction = 1 - CAST(b2) ** t, 1 - CAST(b1) ** t
                w -= lr * correction[0] ** 0.5 / correction[1] * m / (v**0.5 + epsilon)
        yield w


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_weights_follow_the_textbook_rule(optimizer):
    gradients = 0.3 + np.random.RandomState(0).randn(50)
    ours = [w[0] for w in trajectory(optimizer, gradients.reshape(50, 1))]
    np.testing.assert_allclose(ours, list(by_formula(optimizer, gradients)), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_weights_are_those_of_keras_at_every_step(optimizer, dtype):
    random = np.random.RandomState(1)
    gradients = (random.randn(30, 5, 4) * 10.0 ** random.randint(-6, 2, (5, 4))).astype(dtype)
    variable = keras.Variable(np.ones((5, 4)), dtype=dtype)
    settings = optimizer_to_dict(optimizer)
    rate = keras.ops.convert_to_tensor(settings.pop("learning_rate"), dtype=dtype)
    twin = keras.optimizers.get(settings.pop("name"))
    twin = type(twin)(learning_rate=lambda: rate, **settings)
    unit = np.finfo(dtype).eps / 2
    largest = np.ones((5, 4))
    for step, ours in enumerate(trajectory(optimizer, gradients, dtype), start=1):
        twin.apply([gradients[step - 1]], [variable])
        theirs = variable.numpy()
        largest = np.maximum(largest, np.abs(theirs))
        # Each step adds a few roundings of the weight and of the step; none may be systematic.
        assert np.all(np.abs(ours - theirs) <= 4 * step * unit * largest), step


def test_constants_can_be_those_of_a_lower_precision():
    parameters = Parameters({"w": (1,)}, "longdouble")
    parameters.gradients[:] = 1
    OptimizerState(SGD(0.1), parameters, constants="float32").step()
    assert parameters.values[0] == -np.longdouble(np.float32(0.1))


def test_arena_larger_than_one_piece_is_updated_to_its_end():
    random = np.random.RandomState(2)
    gradients = random.randn(3, 40_000)
    for optimizer in RULES:
        whole = list(trajectory(optimizer, gradients))[-1]
        for part in (slice(0, 5), slice(16_380, 16_390), slice(39_990, 40_000)):
            alone = list(trajectory(optimizer, gradients[:, part]))[-1]
            np.testing.assert_array_equal(whole[part], alone)


def test_gradients_are_left_as_they_are():
    for optimizer in RULES:
        parameters = Parameters({"w": (4,)}, "float64")
        parameters.gradients[:] = [1.0, -2.0, 0.0, 4.0]
        OptimizerState(optimizer, parameters).step()
        np.testing.assert_array_equal(parameters.gradients, [1.0, -2.0, 0.0, 4.0])


def test_first_adam_step_has_the_size_of_the_learning_rate():
    (w,) = trajectory(Adam(0.01, epsilon=0.0), np.array([[1e-3, -5.0, 1e4]]))
    # The bias correction's beta_2 is rounded to float32, which shows at 7e-6.
    np.testing.assert_allclose(1.0 - w, [0.01, -0.01, 0.01], rtol=1e-5)


def test_weight_decay_does_not_pass_through_the_moments():
    (decayed,) = trajectory(AdamW(0.01, weight_decay=0.5), np.zeros((1, 3)))
    np.testing.assert_allclose(decayed, 1.0 - 0.5 * 0.01, rtol=1e-15)


def test_settings_are_cast_as_keras_casts_them():
    for value in (0.999, 0.9, 0.004, 0.3):
        cast = float(keras.ops.convert_to_numpy(keras.ops.cast(value, "float64")))
        assert CAST(value) == cast
        assert cast != value


def test_state_goes_on_where_it_stands():
    gradients = np.random.RandomState(3).randn(6, 4)
    for optimizer in RULES:
        parameters = Parameters({"w": (4,)}, "float64")
        parameters.values[:] = 1.0
        state = OptimizerState(optimizer, parameters)
        assert set(state.slots) == set(optimizer.slots)
        for gradient in gradients:
            parameters.gradients[:] = gradient
            state.step()
        assert state.iterations == 6
        np.testing.assert_array_equal(parameters.values, list(trajectory(optimizer, gradients))[-1])


settings = st.floats(0, 0.999, allow_nan=False)


@given(rate=st.floats(0, 1e3), decay=settings, nesterov=st.booleans())
def test_dict_gives_the_optimizer_back(rate, decay, nesterov):
    for optimizer in (
        SGD(rate, decay, nesterov),
        RMSprop(rate, decay),
        Adam(rate, decay, decay),
        AdamW(rate, weight_decay=rate),
    ):
        assert optimizer_from_dict(optimizer_to_dict(optimizer)) == optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_keras(name):
    twin = keras.optimizers.get(name)
    for field in dataclasses.fields(OPTIMIZERS[name]):
        theirs = getattr(twin, field.name)
        theirs = float(theirs) if field.name == "learning_rate" else theirs
        assert field.default == pytest.approx(theirs, rel=1e-7), field.name


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "sdg"}, "name = 'sdg'.*did you mean 'sgd'"),
        ({"learning_rate": 0.1}, "name = None"),
        ({"name": "sgd", "lr": 0.1}, "'lr'.*learning_rate"),
        ({"name": "sgd", "learning_rate": -0.1}, "learning_rate = -0.1; expected a number >= 0"),
        ({"name": "sgd", "learning_rate": "0.1"}, "learning_rate = '0.1'"),
        ({"name": "sgd", "learning_rate": float("nan")}, "learning_rate = nan"),
        ({"name": "sgd", "learning_rate": float("inf")}, "learning_rate = inf"),
        ({"name": "sgd", "learning_rate": True}, "learning_rate = True"),
        ({"name": "sgd", "momentum": 1.0}, r"momentum = 1.0; expected a number in \[0, 1\)"),
        ({"name": "sgd", "nesterov": 1}, "nesterov = 1; expected true or false"),
        ({"name": "rmsprop", "rho": 1}, "rho = 1"),
        ({"name": "adam", "beta_2": 1.5}, "beta_2 = 1.5"),
        ({"name": "adam", "epsilon": -1e-7}, "epsilon = -1e-07"),
        ({"name": "adamw", "weight_decay": None}, "weight_decay = None"),
    ],
)
def test_wrong_setting_is_named(table, message):
    with pytest.raises(ArchitectureError, match=message):
        optimizer_from_dict(table)
