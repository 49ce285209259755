"""What --list says before anything is run."""

from pathlib import Path

import pytest

from experiments import run
from experiments.plan.listing import duration, estimated_seconds, set_rows, summary
from experiments.plan.plan import PlanError, load_plan

PLANS = Path(__file__).parents[3] / "plans"


def test_every_name_that_is_listed_can_be_set_to_what_is_there():
    path = PLANS / "quick.toml"
    plan = load_plan(path)
    table = plan.trials[0].to_dict()
    checked = 0
    for name, _, values in set_rows(plan):
        value = table
        for key in name.replace("<number>", "0").split("."):
            value = value.get(key, {}) if isinstance(value, dict) else value
        # The architecture is written in its other form there.
        if isinstance(value, int | float | str) and values and not name.startswith("architecture."):
            written = str(value).lower() if isinstance(value, bool) else value
            # What only one of the datasets has, the other refuses by name.
            try:
                load_plan(path, [f"{name}={written}"])
            except PlanError as error:
                assert "unknown key" in str(error)  # noqa: PT017 - the other names are taken
                assert name.startswith("dataset.")
            checked += 1
    assert checked > 10


def test_every_key_of_a_trial_is_listed():
    plan = load_plan(PLANS / "full.toml")
    names = {name for name, *_ in set_rows(plan)}
    assert {"epochs", "seed", "optimizer", "optimizer.rho", "optimizer.weight_decay"} <= names
    assert {"dataset.noise", "dataset.arms", "dataset.n_class", "dataset.split_seed"} <= names
    assert {"architecture.units", "architecture.layers.<number>.use_bias"} <= names
    assert "name" not in names


def test_more_epochs_take_longer():
    short = load_plan(PLANS / "quick.toml").trials[0]
    long = load_plan(PLANS / "quick.toml", ["epochs=40000"]).trials[0]
    assert estimated_seconds(long) > 2 * estimated_seconds(short)


@pytest.mark.parametrize(
    ("seconds", "words"), [(4.4, "4 s"), (89, "89 s"), (100, "2 min"), (9000, "2.5 h")]
)
def test_a_duration_has_one_unit(seconds, words):
    assert duration(seconds) == words


def test_the_same_trial_twice_is_counted_once():
    plan = load_plan(PLANS / "quick.toml", ["seed=[1, 1]"])
    assert summary(plan).startswith("8 trials, 4 of them different, about ")


def test_the_command_lists_trials_time_and_names(capsys, tmp_path):
    assert run.main([str(PLANS / "quick.toml"), "--list", "--out", str(tmp_path / "none")]) == 0
    output = capsys.readouterr().out
    for words in ("moons-float32", "blobs-float64", "optimizer.learning_rate", "4 trials, about"):
        assert words in output
    assert not (tmp_path / "none").exists()
