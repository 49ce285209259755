import numpy as np
import pytest

from experiments.plan.datasets import DatasetError, DatasetSpecification, load
from experiments.plan.random_data import VALUES, random_data


@pytest.mark.parametrize("values", VALUES)
def test_every_kind_has_the_shape_asked_for_and_is_finite(values):
    x, y = random_data(n_samples=20, n_features=3, classes=4, values=values)
    assert x.shape == (20, 3)
    assert np.isfinite(x).all()
    assert set(y) <= set(range(4))
    assert y.max() == 3


def test_the_same_seed_draws_the_same():
    assert np.array_equal(random_data(random_state=5)[0], random_data(random_state=5)[0])
    assert not np.array_equal(random_data(random_state=5)[0], random_data(random_state=6)[0])


def test_inputs_are_scaled():
    plain, scaled = random_data()[0], random_data(scale=1e30)[0]
    assert np.array_equal(scaled, plain * 1e30)


def test_labels_can_all_be_of_the_last_class():
    assert set(random_data(classes=3, labels="last")[1]) == {2}


def test_opposite_columns_cancel():
    x, _ = random_data(values="opposites", n_features=2)
    assert np.abs(x.sum(axis=1)).max() < 1e-4 * np.abs(x).max()


def test_rows_come_out_as_they_stand():
    table = {
        "name": "rows",
        "x": [[0.1, 2.0], [3.0, -0.0], [1e-300, 5.0]],
        "y": [0, 1, 1],
        "test_fraction": 0.01,
        "stratify": False,
    }
    specification = DatasetSpecification.from_dict(table)
    data = load(specification)
    assert len(data.x_train) == 2
    assert sorted([*data.x_train.tolist(), *data.x_test.tolist()]) == sorted(table["x"])
    assert str(specification) == "rows(x=[...], y=[...])"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "random", "values": "odd"}, "values = 'odd'; expected one of normal"),
        ({"name": "random", "n_samples": 0}, "n_samples = 0; expected an integer >= 1"),
        ({"name": "random", "scale": float("inf")}, "scale = inf; expected a finite number"),
        ({"name": "rows", "x": [[1.0], [2.0]], "y": [0]}, "a class number for each sample"),
        (
            {"name": "rows", "x": [[1.0], [2.0]], "y": [0, -1]},
            r"y\[1\] = -1; expected an integer from 0",
        ),
    ],
)
def test_mistakes_are_named(table, message):
    with pytest.raises(DatasetError, match=message):
        load(DatasetSpecification.from_dict(table))
