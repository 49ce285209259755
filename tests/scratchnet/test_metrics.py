import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.metrics import correct_predictions, predicted_classes


def test_exactly_one_half_is_class_0():
    above = np.nextafter(np.float32(0.5), np.float32(1))
    prediction = np.array([[0.5], [above], [0.49], [1.0], [0.0]], np.float32)
    np.testing.assert_array_equal(predicted_classes(prediction), [0, 1, 0, 1, 0])


def test_first_of_equal_probabilities_wins():
    prediction = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_array_equal(predicted_classes(prediction), [0, 1, 0])


def test_predictions_that_are_not_probabilities_are_classed_alike():
    np.testing.assert_array_equal(predicted_classes(np.array([[-3.0], [7.0]])), [0, 1])
    np.testing.assert_array_equal(predicted_classes(np.array([[-3.0, -2.0]])), [1])


halves = st.sampled_from([0.0, 0.25, 0.5, np.nextafter(0.5, 1), 0.75, 1.0])


@given(rows=st.lists(st.tuples(halves, st.sampled_from([0.0, 1.0])), min_size=1, max_size=9))
def test_binary_accuracy_is_that_of_keras(rows):
    prediction, targets = (np.array(column).reshape(-1, 1) for column in zip(*rows, strict=True))
    metric = keras.metrics.BinaryAccuracy(dtype="float64")
    correct = correct_predictions(prediction, targets, sparse=False)
    assert correct / len(rows) == pytest.approx(float(metric(targets, prediction)), abs=1e-15)


@given(rows=st.lists(st.tuples(halves, halves, halves, st.integers(0, 2)), min_size=1, max_size=9))
def test_categorical_accuracies_are_those_of_keras(rows):
    table = np.array(rows)
    prediction, classes = table[:, :3], table[:, 3:].astype(np.int64)
    one_hot = np.eye(3)[classes[:, 0]]
    sparse = correct_predictions(prediction, classes, sparse=True) / len(rows)
    dense = correct_predictions(prediction, one_hot, sparse=False) / len(rows)
    metric = keras.metrics.SparseCategoricalAccuracy(dtype="float64")
    assert sparse == pytest.approx(float(metric(classes, prediction)), abs=1e-15)
    metric = keras.metrics.CategoricalAccuracy(dtype="float64")
    assert dense == pytest.approx(float(metric(one_hot, prediction)), abs=1e-15)


def test_none_and_all_right_are_counted_exactly():
    prediction = np.array([[0.9], [0.1], [0.6]])
    assert correct_predictions(prediction, np.array([[1.0], [0.0], [1.0]]), sparse=False) == 3
    assert correct_predictions(prediction, np.array([[0.0], [1.0], [0.0]]), sparse=False) == 0
