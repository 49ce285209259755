import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_baseline.model import TWINS, build, build_accuracy, build_loss, build_traced
from keras_baseline.weights import get_weights, set_weights
from scratchnet import Architecture, ArchitectureError, Dense, Network
from scratchnet.layers import LAYERS
from scratchnet.losses import LOSSES

# What most networks have; tests/test_vocabulary.py goes over all there is.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")
FOUR_LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_squared_error",
)

DTYPES = ["float32", "float64"]


def architecture_of(last="softmax", loss="categorical_crossentropy", units=3):
    return Architecture((4,), (Dense(5, "relu", use_bias=False), Dense(units, last)), loss)


def test_every_layer_has_a_twin_and_nothing_else_has():
    assert TWINS.keys() == LAYERS.keys()


@pytest.mark.parametrize("loss", FOUR_LOSSES)
def test_every_loss_has_a_twin_of_its_name(loss):
    twin = build_loss(architecture_of("linear", loss), "float64")
    assert twin.name == loss
    assert twin.fn is keras.losses.get(loss)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_one_of_keras_under_its_name(activation):
    model = build(architecture_of(activation, "mean_squared_error"), "float32")
    assert model.layers[-1].activation is keras.activations.get(activation)


@pytest.mark.parametrize("dtype", DTYPES)
def test_model_has_the_architectures_names_shapes_and_dtype(dtype):
    architecture = architecture_of()
    model = build(architecture, dtype)
    assert [layer.name for layer in model.layers[1:]] == ["dense_1", "dense_2"]
    assert {name: w.shape for name, w in get_weights(model).items()} == (
        architecture.weight_shapes()
    )
    assert {layer.compute_dtype for layer in model.layers[1:]} == {dtype}
    assert {variable.dtype for variable in model.variables} == {dtype}
    assert model(np.zeros((2, 4), dtype)).dtype == dtype


def test_keras_global_state_is_left_alone():
    before = keras.config.floatx(), keras.config.dtype_policy().name, keras.config.epsilon()
    architecture = architecture_of()
    for dtype in DTYPES:
        model = build(architecture, dtype)
        build_traced(architecture, dtype)
        build_loss(architecture, dtype)(np.eye(3), model(np.zeros((3, 4))))
        build_accuracy(architecture, dtype)
    after = keras.config.floatx(), keras.config.dtype_policy().name, keras.config.epsilon()
    assert before == after == ("float32", "float32", 1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", FOUR_LOSSES)
@pytest.mark.parametrize("last", ACTIVATIONS)
def test_architecture_says_fused_exactly_where_keras_uses_the_logits(last, loss, dtype):
    try:
        architecture = architecture_of(last, loss, units=2)
    except ArchitectureError:
        assert (last, loss) == ("softmax", "binary_crossentropy")
        return
    # A logit of 1000 saturates; only a loss that works on logits sees that it is not 2000.
    targets = np.array([[1]]) if LOSSES[loss].sparse else np.array([[0.0, 1.0]])
    values = []
    for logit in (1000.0, 2000.0):
        prediction = keras.activations.get(last)(tf.constant([[logit, 0.0]], dtype))
        values.append(float(build_loss(architecture, dtype)(targets, prediction)))
    saturates = last in ("sigmoid", "softmax", "tanh") or loss != "mean_squared_error"
    assert (values[0] != values[1]) == (architecture.fused or not saturates)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_has_the_networks_precision(dtype):
    architecture = architecture_of()
    prediction = build(architecture, dtype)(np.ones((3, 4), dtype))
    assert build_loss(architecture, dtype)(np.eye(3), prediction).dtype == dtype


@pytest.mark.parametrize(
    ("last", "loss", "units"),
    [
        ("sigmoid", "binary_crossentropy", 1),
        ("sigmoid", "binary_crossentropy", 3),
        ("softmax", "categorical_crossentropy", 3),
        ("softmax", "sparse_categorical_crossentropy", 3),
        ("linear", "mean_squared_error", 1),
        ("linear", "mean_squared_error", 3),
    ],
)
def test_accuracy_is_the_metric_that_keras_chooses(last, loss, units, make_batch):
    architecture = architecture_of(last, loss, units)
    x, y = make_batch(architecture, 10, "float32")
    model = build(architecture, "float32")
    model.compile(loss=loss, metrics=["accuracy"])
    _, theirs = model.evaluate(x, y, verbose=0)
    chosen = model._compile_metrics.metrics[0]
    ours = build_accuracy(architecture, "float32")
    assert type(ours) is type(chosen) or chosen._fn is ours._fn
    assert float(ours(y, model(x))) == theirs


@pytest.mark.parametrize("dtype", DTYPES)
def test_traced_model_computes_what_the_model_computes(dtype):
    architecture = architecture_of()
    weights = Network(architecture, seed=3, dtype=dtype).weights
    model, traced = build(architecture, dtype), build_traced(architecture, dtype)
    set_weights(model, weights)
    set_weights(traced, weights)
    x = tf.constant(np.random.RandomState(0).randn(6, 4), dtype)
    np.testing.assert_array_equal(traced(x)["dense_2/activation"], model(x))
