import keras
import pytest

from keras_baseline.model import build
from keras_baseline.settings import twin_settings
from scratchnet import Architecture, Dense


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("units", "activation", "loss", "path"),
    [
        (1, "sigmoid", "binary_crossentropy", "fused"),
        (1, "tanh", "binary_crossentropy", "clipped"),
        (3, "softmax", "categorical_crossentropy", "fused"),
        (3, "softmax", "sparse_categorical_crossentropy", "fused"),
        (3, "sigmoid", "categorical_crossentropy", "fused"),
        (3, "linear", "categorical_crossentropy", "clipped"),
        (2, "sigmoid", "mean_squared_error", "plain"),
    ],
)
def test_the_twin_takes_the_path_that_the_architecture_says(units, activation, loss, path, dtype):
    architecture = Architecture((2,), (Dense(units, activation),), loss)
    found = twin_settings(build(architecture, dtype), architecture, dtype)
    assert found.loss_path == path
    assert (path == "fused") == (architecture.fused and path != "plain")
    assert {found.layer_dtype, found.loss_dtype, found.metric_dtype} == {dtype}
    assert found.backend == keras.config.backend()


def test_a_layer_of_another_dtype_is_told():
    architecture = Architecture((2,), (Dense(3, "relu"), Dense(1, "sigmoid")), "mean_squared_error")
    model = build(architecture, "float64")
    mixed = keras.Sequential([*model.layers, keras.layers.Dense(1, dtype="float32")])
    assert twin_settings(mixed, architecture, "float64").layer_dtype == "float32+float64"
