import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Architecture, ArchitectureError, Dense
from scratchnet.losses import LOSSES

ARTICLE_LIST = [
    {"input_dim": 2, "output_dim": 4, "activation": "relu"},
    {"input_dim": 4, "output_dim": 6, "activation": "relu"},
    {"input_dim": 6, "output_dim": 6, "activation": "relu"},
    {"input_dim": 6, "output_dim": 4, "activation": "relu"},
    {"input_dim": 4, "output_dim": 1, "activation": "sigmoid"},
]


def table(**changes):
    """A right architecture as plain data, with some keys changed."""
    return {
        "input_shape": [2],
        "loss": "binary_crossentropy",
        "layers": [{"units": 4, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}],
    } | changes


def layers(*, first=None, last=None):
    """Two layers as plain data, with some keys changed."""
    return [
        {"units": 4, "activation": "relu"} | (first or {}),
        {"units": 1, "activation": "sigmoid"} | (last or {}),
    ]


def test_layers_are_named_by_kind_and_number_as_in_keras():
    architecture = Architecture(
        (2,), (Dense(3), Dense(4, name="middle"), Dense(1)), "mean_squared_error"
    )
    assert [layer.name for layer in architecture.layers] == ["dense_1", "middle", "dense_3"]


def test_weights_are_listed_in_order_with_fan_in_first():
    architecture = Architecture((2,), (Dense(3, use_bias=False), Dense(1)), "mean_squared_error")
    assert list(architecture.weight_shapes().items()) == [
        ("dense_1/kernel", (2, 3)),
        ("dense_2/kernel", (3, 1)),
        ("dense_2/bias", (1,)),
    ]
    assert architecture.shapes() == [(2,), (3,), (1,)]


def test_architecture_is_frozen():
    architecture = Architecture.from_dict(table())
    with pytest.raises(dataclasses.FrozenInstanceError):
        architecture.loss = "mean_squared_error"


@given(data=st.data())
def test_dict_and_toml_give_the_architecture_back(data, architectures):
    architecture = data.draw(architectures)
    assert Architecture.from_dict(architecture.to_dict()) == architecture
    assert Architecture.from_toml(architecture.to_toml()) == architecture


@given(name=st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"])))
def test_any_layer_name_survives_toml(name):
    architecture = Architecture((1,), (Dense(1, name=name),), "mean_squared_error")
    assert Architecture.from_toml(architecture.to_toml()) == architecture


def test_defaults_are_left_out_of_the_dict():
    assert Architecture.from_dict(table()).to_dict()["layers"][0] == {
        "type": "dense",
        "units": 4,
        "activation": "relu",
        "name": "dense_1",
    }


def test_article_list_gives_its_network():
    architecture = Architecture.from_article(ARTICLE_LIST)
    assert architecture.shapes() == [(2,), (4,), (6,), (6,), (4,), (1,)]
    assert [layer.activation for layer in architecture.layers] == ["relu"] * 4 + ["sigmoid"]
    assert {layer.kernel_initializer for layer in architecture.layers} == {"article"}
    assert {layer.bias_initializer for layer in architecture.layers} == {"article"}
    assert architecture.loss.name == "binary_crossentropy"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "layers is empty"),
        ([{"input_dim": 2, "output_dim": 4}], r"layers\[0\]: activation is missing"),
        (
            [*ARTICLE_LIST[:1], {"input_dim": 5, "output_dim": 1, "activation": "sigmoid"}],
            r"layers\[1\]: input_dim = 5; expected 4",
        ),
        (
            [{"input_dim": 2, "output_dim": 4, "activation": "reul"}],
            r"layers\[0\].*activation = 'reul'.*did you mean 'relu'",
        ),
        (
            [{"input_dim": "2", "output_dim": 1, "activation": "sigmoid"}],
            r"input_shape = \['2'\]",
        ),
    ],
)
def test_wrong_article_list_names_the_place(entries, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture.from_article(entries)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"layers": layers(first={"activation": "reul"})}, ["layers[0]", "activation", "relu"]),
        ({"layers": layers(last={"units": -1})}, ["layers[1]", "units = -1", "positive"]),
        ({"layers": layers(last={"units": 0})}, ["layers[1]", "units = 0"]),
        ({"layers": layers(last={"units": 1.0})}, ["layers[1]", "units = 1.0"]),
        ({"layers": layers(last={"units": True})}, ["layers[1]", "units = True"]),
        ({"layers": layers(last={"units": "4"})}, ["layers[1]", "units = '4'"]),
        ({"layers": layers(first={"unit": 4})}, ["layers[0]", "'unit'", "units"]),
        ({"layers": layers(first={"type": "dence"})}, ["layers[0]", "type", "dense"]),
        ({"layers": layers(first={"type": None})}, ["layers[0]", "type"]),
        ({"layers": layers(first={"use_bias": 1})}, ["layers[0]", "use_bias = 1", "true"]),
        (
            {"layers": layers(first={"kernel_initializer": "glorot"})},
            ["layers[0]", "kernel_initializer", "glorot_uniform"],
        ),
        (
            {"layers": layers(first={"bias_initializer": 0})},
            ["layers[0]", "bias_initializer = 0", "zeros"],
        ),
        ({"layers": layers(first={"name": "a/b"})}, ["layers[0]", "name", "'a/b'"]),
        ({"layers": layers(first={"name": 3})}, ["layers[0]", "name = 3"]),
        (
            {"layers": layers(first={"name": "a"}, last={"name": "a"})},
            ["layers[1]", "name = 'a'", "taken"],
        ),
        (
            {"layers": layers(first={"name": "out", "units": None})},
            ["layers[0] (out)", "units = None"],
        ),
        ({"layers": [{"activation": "relu"}]}, ["layers[0]", "units is missing"]),
        ({"layers": ["dense"]}, ["layers[0]", "'dense'", "table"]),
        ({"layers": []}, ["layers", "at least one"]),
        ({"layers": "dense"}, ["layers", "list"]),
        ({"layers": {"units": 4}}, ["layers", "list"]),
        ({"input_shape": [0]}, ["input_shape = [0]", "positive"]),
        ({"input_shape": []}, ["input_shape = []"]),
        ({"input_shape": [2, 3]}, ["shape (2, 1)", "(units,)", "flatten"]),
        ({"input_shape": 2}, ["input_shape = 2"]),
        ({"input_shape": "2"}, ["input_shape = '2'"]),
        ({"input_shape": [True]}, ["input_shape = [True]"]),
        ({"loss": "binary_crossentropi"}, ["loss", "did you mean 'binary_crossentropy'"]),
        ({"loss": None}, ["loss = None", *LOSSES]),
        ({"optimizer": "sgd"}, ["'optimizer'", "input_shape, layers, loss"]),
        (
            {"layers": layers(last={"units": 3, "activation": "softmax"})},
            ["layers[1] (dense_2)", "activation = 'softmax'", "binary_crossentropy", "sigmoid"],
        ),
        (
            {"loss": "categorical_crossentropy"},
            ["layers[1] (dense_2)", "units = 1", "at least 2", "binary_crossentropy"],
        ),
        (
            {"loss": "sparse_categorical_crossentropy"},
            ["layers[1] (dense_2)", "units = 1", "at least 2"],
        ),
        (
            {"loss": "mean_squared_error", "layers": layers(last={"activation": "softmax"})},
            ["layers[1] (dense_2)", "units = 1", "softmax", "at least 2"],
        ),
    ],
)
def test_error_names_the_layer_the_field_and_what_was_expected(changes, names):
    with pytest.raises(ArchitectureError) as caught:
        Architecture.from_dict(table(**changes))
    message = str(caught.value)
    assert "\n" not in message
    for name in names:
        assert name in message


@pytest.mark.parametrize("key", ["input_shape", "layers", "loss"])
def test_missing_key_is_named(key):
    wrong = table()
    del wrong[key]
    with pytest.raises(ArchitectureError, match=f"{key} is missing"):
        Architecture.from_dict(wrong)


@pytest.mark.parametrize("text", ["input_shape = [2", "= 3", 'loss = "a" loss = "b"'])
def test_text_that_is_not_toml_is_an_architecture_error(text):
    with pytest.raises(ArchitectureError, match="not TOML"):
        Architecture.from_toml(text)


@pytest.mark.parametrize("value", [None, 3, "dense", [1, 2]])
def test_what_is_not_a_table_is_an_architecture_error(value):
    with pytest.raises(ArchitectureError, match="expected a table"):
        Architecture.from_dict(value)


def test_layer_of_a_foreign_type_is_an_architecture_error():
    with pytest.raises(ArchitectureError, match=r"layers\[0\] = 4; expected a layer"):
        Architecture((2,), (4,), "mean_squared_error")


@pytest.mark.parametrize(
    ("last", "loss", "fused"),
    [
        ("sigmoid", "binary_crossentropy", True),
        ("softmax", "categorical_crossentropy", True),
        ("softmax", "sparse_categorical_crossentropy", True),
        ("sigmoid", "categorical_crossentropy", True),  # Keras goes by the logits it finds
        ("tanh", "binary_crossentropy", False),
        ("linear", "categorical_crossentropy", False),
        ("sigmoid", "mean_squared_error", False),
        ("softmax", "mean_squared_error", False),
    ],
)
def test_cross_entropy_is_fused_with_a_sigmoid_or_softmax_before_it(last, loss, fused):
    assert Architecture((2,), (Dense(2, last),), loss).fused is fused
