import inspect
import math

import numpy as np
import pytest
import sklearn.datasets

from experiments.plan.datasets import (
    DatasetError,
    DatasetSpecification,
    check_fit,
    load,
    shape_targets,
)
from experiments.plan.generators import spirals, xor
from experiments.plan.sources import DATASETS
from scratchnet import Architecture, Dense


@pytest.mark.parametrize("name", [n for n in DATASETS if n not in ("file", "function")])
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
        ("moons", {"noise": -1.0}, "noise = -1.0; expected a finite number >= 0"),
        ("moons", {"n_samples": "many"}, "n_samples = 'many'; expected an integer >= 1"),
        ("blobs", {"n_samples": 4, "centers": 3}, "blobs(n_samples=4, centers=3"),
        ("xor", {"n_samples": -3}, "n_samples = -3"),
        ("spirals", {"arms": 1}, "arms = 1"),
        ("spirals", {"arms": 10**30}, "expected an integer from 2 to 1000"),
        ("moons", {"noise": 1e308}, "infinite or not a number"),
        ("xor", {"noise": math.inf}, "noise = inf; expected a finite number"),
        ("moons", {"n_samples": True}, "n_samples = True; expected an integer"),
        ("moons", {"noise": True}, "noise = True; expected a finite number"),
        ("digits", {"n_class": 11}, "n_class = 11; expected an integer from 2 to 10"),
        ("moons", {"n_samples": 1}, "class 1 has 1 sample; expected at least 2"),
        ("moons", {"n_samples": 3}, "class 0 has 1 sample; expected at least 2"),
        ("random", {"n_samples": 2**32 - 1, "n_features": 10**6}, "GiB of memory; expected at"),
        ("blobs", {"n_samples": [5, 6], "centers": 2}, "centers = 2 beside a list"),
        ("blobs", {"centers": [[0.0, 1.0], [1.0]]}, "expected points of one length"),
        ("blobs", {"centers": 3, "cluster_std": [1.0]}, "cluster_std: 1 numbers; expected 3"),
        ("blobs", {"center_box": [1.0, 0.0]}, "expected the lower end first"),
        ("classification", {"n_features": 3}, "n_features = 3; expected at least 4, the sum"),
        ("classification", {"n_classes": 3}, "n_informative = 2 has 4 corners; expected at least"),
        ("classification", {"weights": [0.1, 0.2, 0.3]}, "weights: 3 numbers; expected 2"),
        ("classification", {"weights": [0.9, 0.3]}, "add up to more than 1"),
        ("classification", {"shift": [1.0]}, "shift: 1 numbers; expected 20, one per feature"),
        ("gaussian_quantiles", {"n_samples": 2}, "n_samples = 2; expected at least 3"),
        ("gaussian_quantiles", {"mean": [0.0]}, "mean: 1 numbers; expected 2, one per feature"),
        ("rows", {"x": [[1.0]], "y": [0, 1]}, "x: 1 rows, y: 2 numbers; expected a class"),
        ("rows", {"x": [[1.0], [1.0, 2.0]], "y": [0, 1]}, "x[1]: 2 numbers; expected 1, as in"),
        ("rows", {"x": [[1.0], [math.nan]], "y": [0, 1]}, "x[1][0] = nan; expected a finite"),
        (
            "moons",
            {"n_samples": 4},
            "test_fraction = 0.2 of 4 samples holds out 1; expected at least 2",
        ),
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
    check_fit(data, _network(2, 3, "softmax", "categorical_crossentropy"), "float32")
    with pytest.raises(DatasetError, match="2 features; expected 5"):
        check_fit(data, _network(5, 3, "softmax", "categorical_crossentropy"), "float32")
    with pytest.raises(DatasetError, match="expected 3 for the dataset's 3 classes"):
        check_fit(data, _network(2, 1, "sigmoid", "binary_crossentropy"), "float32")


def test_the_parameters_are_those_that_scikit_learn_has():
    # What would change the form of the answer rather than the data is left out.
    forms = {"return_X_y", "return_centers", "return_distributions", "as_frame"}
    for name, source in DATASETS.items():
        if isinstance(source.function, str):
            theirs = set(inspect.signature(getattr(sklearn.datasets, source.function)).parameters)
            assert {field.name for field in source.fields} == theirs - forms, name


@pytest.mark.parametrize("name", [n for n, s in DATASETS.items() if isinstance(s.function, str)])
def test_the_defaults_told_are_those_that_hold(name):
    defaults = {f.name: f.default for f in DATASETS[name].fields if f.default is not None}
    plain, told = (load(DatasetSpecification(name, given)) for given in ({}, defaults))
    np.testing.assert_array_equal(plain.x_train, told.x_train)
    np.testing.assert_array_equal(plain.y_test, told.y_test)


def test_all_mistakes_of_a_specification_are_told():
    with pytest.raises(DatasetError) as caught:
        DatasetSpecification("moons", {"noise": -1.0, "shuffle": 3}, test_fraction=1.0)
    assert str(caught.value).splitlines() == [
        "noise = -1.0; expected a finite number >= 0",
        "shuffle = 3; expected true or false",
        "test_fraction = 1.0; expected a number between 0 and 1",
    ]


def test_data_of_one_class_are_refused():
    data = load(DatasetSpecification("blobs", {"centers": 1}))
    with pytest.raises(DatasetError, match="the dataset has one class; expected at least 2"):
        check_fit(data, _network(2, 1, "sigmoid", "binary_crossentropy"), "float32")


def test_data_are_checked_against_the_dtype_of_the_trial():
    data = load(DatasetSpecification("random", {"scale": 1e173}))
    network = _network(2, 1, "sigmoid", "binary_crossentropy")
    check_fit(data, network, "float64")
    with pytest.raises(DatasetError, match=r"e\+173, which float32 cannot hold; .* 3\.4e\+38"):
        check_fit(data, network, "float32")
