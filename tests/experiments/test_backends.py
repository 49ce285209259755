"""The command that compares two implementations."""

import json

import pytest

from experiments import backends

SMALL = ["--set", "epochs=2", "--set", "dtype=float32", "--json"]


@pytest.mark.parametrize(
    "sides",
    [
        "scratchnet,tensorflow",
        pytest.param("jax,tensorflow", marks=pytest.mark.jax),
        pytest.param("scratchnet,torch", marks=pytest.mark.torch),
    ],
)
def test_implementations_agree_on_the_quick_plan(sides, capsys):
    assert backends.main(["--sides", sides, *SMALL]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2
    for row in rows:
        assert row["sides"] == sides.split(",")
        assert row["verdict"] == "rounding"
        assert row["first_divergence"] is None
        assert 0 < row["largest_ratio"] <= 1


SATURATED = """
[[trials]]
name = "saturated"
epochs = 1
dataset = { name = "random", n_samples = 20, scale = 1000.0, test_fraction = 0.5, stratify = false }
architecture = { units = [2, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }
"""


@pytest.mark.torch
def test_a_loss_on_logits_and_a_clipped_one_part_where_outputs_saturate(tmp_path, capsys):
    plan = tmp_path / "saturated.toml"
    plan.write_text(SATURATED)
    assert backends.main([str(plan), "--sides", "tensorflow,torch", "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    first = row["first_divergence"]
    assert first["tensor"] == "pre_activation_gradient"
    # Clipping stops the gradient; the logits keep it.
    assert first["ours"] != 0
    assert first["twin"] == 0
    # scratchnet follows torch's conventions here.
    assert row["arbiters"]["scratchnet"] == "torch"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sides", "jax"], "--sides jax: expected two of scratchnet, tensorflow, jax, torch"),
        (["--sides", "jax,jax"], "expected two of"),
        (["--sides", "numpy,tensorflow"], "expected two of"),
        (["nowhere.toml", "--sides", "scratchnet,tensorflow"], "nowhere.toml: no such plan"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert backends.main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
