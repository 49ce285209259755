import math

import numpy as np
import pytest

from experiments.plan.datasets import (
    DATASETS,
    DatasetError,
    DatasetSpecification,
    check_fit,
    load,
    shape_targets,
    spirals,
    xor,
)
from scratchnet import Architecture, Dense


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_the_same_each_time_and_of_the_declared_types(name):
    needed = {"x": [[0.5], [1.0]] * 10, "y": [0, 1] * 10} if name == "rows" else {}
    first, second = (load(DatasetSpecification(name, needed)) for _ in range(2))
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.y_test, second.y_test)
    assert first.x_train.dtype == first.x_test.dtype == np.float64
    assert first.y_train.dtype == np.int64
    assert set(np.unique(first.y_train)) == set(range(first.classes))
    assert np.isfinite(first.x_train).all()


def test_a_stratified_split_keeps_the_proportions_of_the_classes():
    data = load(DatasetSpecification("breast_cancer", test_fraction=0.1))
    # 212 of the 569 tumours are malignant, class 0.
    assert abs((data.y_test == 0).sum() - 57 * 212 / 569) < 1
    assert len(data.y_test) == 57


def test_the_notebook_split_is_the_unstratified_one():
    from sklearn.datasets import make_moons
    from sklearn.model_selection import train_test_split

    x, y = make_moons(n_samples=1000, noise=0.2, random_state=100)
    x_train, x_test, _, y_test = train_test_split(x, y, test_size=0.1, random_state=42)
    specification = DatasetSpecification(
        "moons",
        {"n_samples": 1000, "noise": 0.2, "random_state": 100},
        test_fraction=0.1,
        split_seed=42,
        stratify=False,
    )
    data = load(specification)
    np.testing.assert_array_equal(data.x_train, x_train)
    np.testing.assert_array_equal(data.x_test, x_test)
    np.testing.assert_array_equal(data.y_test, y_test)


def test_standardising_looks_at_the_training_part_only():
    data = load(DatasetSpecification("breast_cancer"))
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.x_train.std(axis=0), 1, atol=1e-12)
    assert np.abs(data.x_test.mean(axis=0)).max() > 1e-3


def test_a_constant_feature_of_the_digits_stays_finite():
    data = load(DatasetSpecification("digits"))
    assert data.features == 64
    assert data.classes == 10
    assert np.isfinite(data.x_test).all()


def test_tables_are_standardised_unless_told_otherwise_and_generators_are_not():
    assert DatasetSpecification("digits").standardise is True
    assert DatasetSpecification("moons").standardise is False
    raw = load(DatasetSpecification("digits", standardise=False))
    assert raw.x_train.max() == 16


def test_xor_without_noise_follows_the_signs():
    x, y = xor(n_samples=500, noise=0.0, random_state=3)
    np.testing.assert_array_equal(y, np.sign(x[:, 0]) != np.sign(x[:, 1]))


def test_spirals_without_noise_lie_on_their_arms():
    x, y = spirals(n_samples=300, noise=0.0, arms=3, turns=0.5, random_state=3)
    radius = np.hypot(x[:, 0], x[:, 1])
    np.testing.assert_allclose(
        np.cos(np.arctan2(x[:, 1], x[:, 0]) - np.pi * radius - 2 * np.pi * y / 3), 1, atol=1e-9
    )
    assert np.bincount(y).tolist() == [100, 100, 100]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"name": "mooons"}, ["name = 'mooons'", "did you mean 'moons'?"]),
        ({}, ["name is missing"]),
        ({"name": "moons", "nois": 0.1}, ["'nois'", "did you mean 'noise'?"]),
        ({"name": "moons", "return_X_y": True}, ["'return_X_y'"]),
        ({"name": "moons", "random_state": "x"}, ["random_state = 'x'", "integer"]),
        ({"name": "moons", "split_seed": -1}, ["split_seed = -1"]),
        ({"name": "moons", "test_fraction": 1.5}, ["test_fraction = 1.5", "between 0 and 1"]),
        ({"name": "moons", "stratify": 1}, ["stratify = 1", "true or false"]),
        ({"name": "moons", "standardise": "yes"}, ["standardise = 'yes'"]),
    ],
)
def test_a_wrong_field_is_named(table, words):
    with pytest.raises(DatasetError) as caught:
        DatasetSpecification.from_dict(table)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("moons", {"noise": -1.0}, "'noise' parameter"),
        ("moons", {"n_samples": "many"}, "'n_samples' parameter"),
        ("blobs", {"n_samples": 4, "centers": 3}, "blobs(n_samples=4, centers=3"),
        ("xor", {"n_samples": -3}, "n_samples = -3"),
        ("spirals", {"arms": 1}, "arms = 1"),
        ("spirals", {"arms": 10**30}, "spirals("),
        ("moons", {"noise": 1e308}, "float32 cannot hold"),
        ("xor", {"noise": math.inf}, "float32 cannot hold"),
        ("moons", {"n_samples": 4}, "test_fraction = 0.2 is the plan's key"),
    ],
)
def test_a_value_that_the_generator_refuses_is_reported_in_one_line(name, parameters, words):
    with pytest.raises(DatasetError) as caught:
        load(DatasetSpecification(name, parameters))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_specification_survives_the_way_to_a_table_and_back():
    specification = DatasetSpecification("blobs", {"centers": 4}, test_fraction=0.3)
    assert DatasetSpecification.from_dict(specification.to_dict()) == specification


def _network(features, units, activation, loss):
    return Architecture((features,), (Dense(units, activation),), loss)


def test_targets_take_the_form_that_the_loss_wants():
    labels = np.array([0, 2, 1])
    one_hot = shape_targets(labels, _network(2, 3, "softmax", "categorical_crossentropy"))
    np.testing.assert_array_equal(one_hot, [[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    sparse = shape_targets(labels, _network(2, 3, "softmax", "sparse_categorical_crossentropy"))
    assert sparse.dtype == np.int64
    assert sparse.tolist() == [[0], [2], [1]]
    binary = shape_targets(np.array([0, 1]), _network(2, 1, "sigmoid", "binary_crossentropy"))
    assert binary.tolist() == [[0.0], [1.0]]


def test_a_network_that_does_not_fit_the_data_is_refused():
    data = load(DatasetSpecification("blobs", {"centers": 3}))
    check_fit(data, _network(2, 3, "softmax", "categorical_crossentropy"))
    with pytest.raises(DatasetError, match="2 features; expected 5"):
        check_fit(data, _network(5, 3, "softmax", "categorical_crossentropy"))
    with pytest.raises(DatasetError, match="expected 3 for the dataset's 3 classes"):
        check_fit(data, _network(2, 1, "sigmoid", "binary_crossentropy"))
