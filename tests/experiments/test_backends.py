"""The command that compares two implementations."""

import importlib.util
import json

import pytest

from experiments import backends

SMALL = ["--set", "epochs=2", "--set", "dtype=float32", "--json"]


@pytest.mark.parametrize("sides", ["scratchnet,tensorflow", "jax,tensorflow", "scratchnet,torch"])
def test_implementations_agree_on_the_quick_plan(sides, capsys):
    for name in sides.split(","):
        if name in ("jax", "torch") and importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed (pip install '.[peers]')")
    assert backends.main(["--sides", sides, *SMALL]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2
    for row in rows:
        assert row["sides"] == sides.split(",")
        assert row["verdict"] == "rounding"
        assert row["first_divergence"] is None
        assert 0 < row["largest_ratio"] <= 1


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
