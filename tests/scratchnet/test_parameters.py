import numpy as np
import pytest

from scratchnet.parameters import Parameters

SHAPES = {"a/kernel": (2, 3), "a/bias": (3,), "b/kernel": (3, 1), "b/bias": (1,)}


@pytest.fixture
def parameters():
    parameters = Parameters(SHAPES, "float64")
    parameters.values[:] = np.arange(13)
    parameters.gradients[:] = -np.arange(13)
    return parameters


def test_weights_stand_one_after_another_in_order(parameters):
    assert parameters.size == 13
    np.testing.assert_array_equal(parameters["a/kernel"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(parameters["a/bias"], [6, 7, 8])
    np.testing.assert_array_equal(parameters["b/kernel"], [[9], [10], [11]])
    np.testing.assert_array_equal(parameters.gradient("b/bias"), [-12])


def test_named_weight_is_a_view_of_the_arena(parameters):
    parameters["a/bias"][1] = 70.0
    parameters.gradient("a/bias")[1] = -70.0
    assert parameters.values[7] == 70.0
    assert parameters.gradients[7] == -70.0


def test_block_spans_neighbours(parameters):
    values, gradients = parameters.block(["a/bias", "b/kernel"])
    np.testing.assert_array_equal(values, np.arange(6, 12))
    np.testing.assert_array_equal(gradients, -np.arange(6, 12))
    values[:] = 0
    assert not parameters["b/kernel"].any()


def test_named_copies_are_independent(parameters):
    copies = parameters.named(parameters.values)
    assert {name: copy.shape for name, copy in copies.items()} == SHAPES
    parameters.values[:] = 0
    np.testing.assert_array_equal(copies["a/bias"], [6, 7, 8])


def test_assign_rounds_to_the_arenas_dtype():
    parameters = Parameters({"a": (1,)}, "float32")
    parameters.assign({"a": np.array([0.1])})
    assert parameters.values[0] == np.float32(0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("a/bias"), r"\['a/bias'\] missing"),
        (lambda w: w.update({"c/kernel": np.zeros(2)}), r"\['c/kernel'\] unknown"),
        (
            lambda w: w.update({"a/kernel": np.zeros((3, 2))}),
            r"'a/kernel'.*\(3, 2\).*expected \(2, 3\)",
        ),
        (lambda w: w.update({"b/bias": np.zeros(())}), r"'b/bias'.*\(\).*expected \(1,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_changes(parameters, change, message):
    before = parameters.values.copy()
    weights = {name: np.full(shape, 9.0) for name, shape in SHAPES.items()}
    change(weights)
    with pytest.raises(ValueError, match=message):
        parameters.assign(weights)
    np.testing.assert_array_equal(parameters.values, before)
