import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_baseline.model import build
from keras_baseline.weights import get_weights, set_weights, variables
from scratchnet import Architecture, Dense, Network

ARCHITECTURE = Architecture(
    (3,), (Dense(4, "relu"), Dense(2, use_bias=False), Dense(2)), "mean_squared_error"
)


MODELS = {dtype: build(ARCHITECTURE, dtype) for dtype in ("float32", "float64")}


@pytest.fixture(params=MODELS)
def dtype(request):
    return request.param


@pytest.fixture
def model(dtype):
    return MODELS[dtype]


def bits(array):
    """The array's bytes: nan equals nan, and -0 is not 0."""
    return array.dtype, array.shape, array.tobytes()


def test_names_and_order_are_those_of_scratchnet(model):
    assert list(variables(model)) == list(ARCHITECTURE.weight_shapes())
    for variable, ours in zip(model.weights, variables(model).values(), strict=True):
        assert variable is ours


def test_weights_cross_to_keras_and_back_bit_for_bit(model, dtype):
    network = Network(ARCHITECTURE, seed=0, dtype=dtype)
    random = np.random.RandomState(0)
    # Any bit pattern: subnormals, infinities, nan and -0 included.
    size = network.parameters.values.nbytes
    network.parameters.values[:] = np.frombuffer(random.bytes(size), dtype)
    network.parameters.values[:4] = [np.nan, -0.0, np.inf, np.finfo(dtype).smallest_subnormal]
    ours = network.weights
    set_weights(model, ours)
    theirs = get_weights(model)
    back = Network(ARCHITECTURE, seed=1, dtype=dtype)
    back.set_weights(theirs)
    for name in ours:
        assert bits(theirs[name]) == bits(ours[name])
        assert bits(back.weights[name]) == bits(ours[name])


def test_layout_is_that_of_keras(model, dtype):
    network = Network(ARCHITECTURE, seed=4, dtype=dtype)
    set_weights(model, network.weights)
    x = np.eye(3, dtype=dtype)
    np.testing.assert_allclose(model(x), network.predict(x), rtol=1e-5, atol=1e-6)


def test_keras_own_initial_weights_cross_too(model, dtype):
    network = Network(ARCHITECTURE, seed=0, dtype=dtype)
    fresh = build(ARCHITECTURE, dtype)
    network.set_weights(get_weights(fresh))
    for ours, theirs in zip(network.weights.values(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_were_read_do_not_change_with_the_model(model, dtype):
    set_weights(model, Network(ARCHITECTURE, seed=0).weights)
    read = get_weights(model)
    kept = read["dense_1/kernel"].copy()
    set_weights(model, Network(ARCHITECTURE, seed=1).weights)
    np.testing.assert_array_equal(read["dense_1/kernel"], kept)


@given(value=st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_float64_weight_is_rounded_once_to_a_float32_model(value):
    weights = {name: np.full(shape, value) for name, shape in ARCHITECTURE.weight_shapes().items()}
    with np.errstate(over="ignore"):
        set_weights(MODELS["float32"], weights)
        bias = get_weights(MODELS["float32"])["dense_1/bias"]
        np.testing.assert_array_equal(bias, np.float32(value))


def test_missing_or_unknown_weights_are_refused(model, dtype):
    weights = Network(ARCHITECTURE, seed=0).weights
    with pytest.raises(ValueError, match=r"expected.*dense_1/bias"):
        set_weights(model, {"dense_1/kernel": weights["dense_1/kernel"]})
    with pytest.raises(ValueError, match="dense_9/bias"):
        set_weights(model, weights | {"dense_9/bias": np.zeros(2)})
