"""Data from a function of the user's own."""

import pytest

from experiments.plan.datasets import DatasetError, DatasetSpecification, load
from experiments.plan.plan import load_plan

MODULE = """
import numpy as np

def arrays(n=20, start=0.0):
    x = start + np.arange(2.0 * n).reshape(n, 2)
    return x, np.arange(n) % 2

def table(n=20):
    import pandas as pd
    frame = pd.DataFrame({"size": np.arange(n) / 2, "colour": ["red", "blue"] * (n // 2)})
    return frame, ["no", "yes"] * (n // 2)

def images():
    return np.zeros((20, 4, 4, 1)), np.eye(2)[np.arange(20) % 2]

def broken():
    return 1 / 0

def one():
    return np.zeros(3)

def uneven():
    return np.zeros((3, 2)), [0, 1]

def ends():
    raise SystemExit("enough")

calls = []
def other_each_time():
    calls.append(1)
    return np.full((20, 1), len(calls)), np.arange(20) % 2
"""


@pytest.fixture
def function(tmp_path):
    (tmp_path / "my_data.py").write_text(MODULE)

    def make(name, **settings):
        given = {"function": f"my_data:{name}", "folder": str(tmp_path), **settings}
        return DatasetSpecification("function", given)

    return make


def test_arrays_are_taken_and_arguments_given(function):
    data = load(function("arrays", arguments={"n": 30, "start": 100.0}))
    assert (len(data.x_train), len(data.x_test)) == (24, 6)
    assert min(data.x_train.min(), data.x_test.min()) == 100.0


def test_a_table_is_encoded_as_a_file_is(function):
    data = load(function("table"))
    assert data.columns == ("size", "colour=blue", "colour=red")
    assert data.class_names == ("no", "yes")


def test_images_keep_their_shape_and_one_hot_is_understood(function):
    data = load(function("images"))
    assert data.facts.shape == (4, 4, 1)
    assert data.classes == 2


def test_what_it_returns_decides_the_key_and_not_its_name(function, tmp_path):
    one, same = function("arrays"), function("arrays", arguments={"n": 20})
    other = function("arrays", arguments={"n": 22})
    assert one.identity() == same.identity() != other.identity()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "broken",
            r"my_data:broken: raises ZeroDivisionError: division by zero \(my_data\.py, line",
        ),
        ("one", r"returns 'ndarray'; expected \(x, y\)"),
        ("uneven", r"x has 3 samples, y has the shape \(2,\)"),
        ("ends", "raises SystemExit: enough"),
        ("absent", "my_data has no function 'absent'"),
        ("arrays", "raises TypeError: .*unexpected keyword argument 'm'"),
    ],
)
def test_a_mistake_names_the_function(function, name, words):
    settings = {"arguments": {"m": 1}} if name == "arrays" else {}
    with pytest.raises(DatasetError, match=words):
        function(name, **settings)


def test_a_module_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match="No module named 'no_such_data'; looked in"):
        DatasetSpecification("function", {"function": "no_such_data:load", "folder": str(tmp_path)})


def test_a_module_with_a_mistake_is_named(tmp_path):
    (tmp_path / "wrong_data.py").write_text("x = 1\ny = )\n")
    with pytest.raises(DatasetError, match="wrong_data:f: cannot be imported: SyntaxError"):
        DatasetSpecification("function", {"function": "wrong_data:f", "folder": str(tmp_path)})


def test_a_function_that_returns_something_else_each_time_is_refused(function, tmp_path):
    from experiments.plan.functions import _samples

    specification = function("other_each_time")
    # As in another process, where something else went before.
    _samples.cache_clear()
    (tmp_path / "my_data.py").write_text(MODULE.replace("calls = []", "calls = [0]"))
    with pytest.raises(DatasetError, match="returns other data than those of sha256"):
        load(specification)


def test_a_plan_finds_the_module_beside_it(function, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(
        '[[trials]]\nname = "mine"\nepochs = 1\n'
        'dataset = { name = "function", function = "my_data:arrays", arguments = { n = 40 } }\n'
        'architecture = { units = [2, 1], last_activation = "sigmoid", '
        'loss = "mean_squared_error" }'
    )
    plan = load_plan(path)
    assert str(plan.trials[0].dataset) == "my_data:arrays"
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "plan.toml").write_text(plan.to_toml())
    assert load_plan(tmp_path / "results" / "plan.toml").trials == plan.trials
