"""One entry of a plan becomes its trials."""

import pytest

from experiments.plan.grid import expand
from experiments.plan.plan import PlanError, load_plan

BASE = {"name": "a", "optimizer": {"name": "sgd", "learning_rate": 0.1}, "dtype": "float32"}


def names(settings):
    return [single["name"] for single in expand(settings)]


def test_an_entry_without_lists_is_one_trial():
    assert list(expand(BASE)) == [BASE]


def test_a_grid_reaches_into_tables_by_dotted_or_by_quoted_keys():
    for grid in (
        {"optimizer": {"learning_rate": [0.1, 0.2]}},
        {"optimizer.learning_rate": [0.1, 0.2]},
    ):
        rates = [s["optimizer"]["learning_rate"] for s in expand({**BASE, "grid": grid})]
        assert rates == [0.1, 0.2]
        assert names({**BASE, "grid": grid}) == ["a-learning_rate0.1", "a-learning_rate0.2"]


def test_a_bare_name_becomes_a_table_to_set_in():
    settings = {**BASE, "optimizer": "sgd", "grid": {"optimizer.momentum": [0.5]}}
    assert [s["optimizer"] for s in expand(settings)] == [{"name": "sgd", "momentum": 0.5}]


def test_a_number_in_a_path_is_that_of_a_layer():
    layers = [{"units": 4}, {"units": 1}]
    settings = {
        **BASE,
        "architecture": {"layers": layers},
        "grid": {"architecture.layers.0.units": [5, 6]},
    }
    found = [[e["units"] for e in s["architecture"]["layers"]] for s in expand(settings)]
    assert found == [[5, 1], [6, 1]]


def test_a_list_valued_field_takes_a_list_of_lists():
    settings = {
        **BASE,
        "architecture": {"units": [1]},
        "grid": {"architecture.units": [[2, 4, 1], [2, 1]]},
    }
    assert names(settings) == ["a-units2-4-1", "a-units2-1"]


def test_exclude_takes_away_what_has_all_its_values():
    settings = {**BASE, "dtype": ["float32", "float64"], "seed": [1, 2]}
    settings["exclude"] = [{"dtype": "float64", "seed": 1}]
    assert names(settings) == ["a-float32-seed1", "a-float32-seed2", "a-float64-seed2"]


def test_exclude_looks_into_tables_and_takes_a_bare_name():
    settings = {**BASE, "optimizer": ["adam", {"name": "sgd", "momentum": 0.5}, "sgd"]}
    settings["exclude"] = [{"optimizer": {"momentum": 0.5}}]
    assert names(settings) == ["a-adam", "a-sgd2"]
    settings["exclude"] = [{"optimizer": "sgd"}]
    assert names(settings) == ["a-adam"]


def test_true_is_not_one():
    settings = {**BASE, "seed": [1, 2], "exclude": [{"seed": True}]}
    with pytest.raises(PlanError, match="matches no trial"):
        list(expand(settings))


def test_include_keeps_the_lists_that_it_does_not_set():
    settings = {**BASE, "dtype": ["float32", "float64"], "seed": [1, 2], "include": [{"seed": 9}]}
    assert names(settings)[4:] == ["a-seed9-float32", "a-seed9-float64"]


def test_include_replaces_a_table_with_a_name_and_changes_any_other():
    settings = {
        **BASE,
        "include": [{"optimizer": {"learning_rate": 0.5}}, {"optimizer": {"name": "adam"}}],
    }
    optimizers = [single["optimizer"] for single in expand(settings)]
    assert optimizers[1:] == [{"name": "sgd", "learning_rate": 0.5}, {"name": "adam"}]


def test_include_may_give_a_name():
    assert names({**BASE, "include": [{"name": "b", "seed": 3}]}) == ["a", "b"]


@pytest.mark.parametrize(
    ("further", "words"),
    [
        ({"grid": 3}, "grid = 3; expected a table of lists"),
        ({"grid": {"seed": 3}}, "grid: seed = 3; expected a list of values"),
        ({"grid": {"seed": []}}, r"seed = \[\]; expected at least one entry"),
        ({"seed": []}, r"seed = \[\]; expected at least one entry"),
        ({"grid": {"dataset.noise": [1]}}, "dataset is missing"),
        ({"grid": {"dtype.x": [1]}}, "dtype = 'float32'; expected a table to set x in"),
        ({"include": {"seed": 1}}, "expected a list of tables"),
        ({"exclude": [{}]}, "none of them empty"),
        ({"exclude": [{"seed": 1}]}, r"exclude\[0\] = {'seed': 1} matches no trial"),
        ({"seed": list(range(400)), "epochs": list(range(400))}, "more than 100,000 trials"),
    ],
)
def test_a_mistake_is_named(further, words):
    with pytest.raises(PlanError, match=words):
        list(expand({**BASE, **further}))


def test_a_misspelt_path_is_named(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(
        '[[trials]]\nname = "a"\ndataset = "moons"\nepochs = 1\n'
        "grid.optimizer.learning_rat = [1, 2]\ngrid.epoch = [3]\n"
        'architecture = { units = [2, 1], last_activation = "sigmoid", '
        'loss = "mean_squared_error" }'
    )
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    assert "unknown key 'learning_rat'" in str(caught.value)
    assert "unknown key 'epoch'" in str(caught.value)
