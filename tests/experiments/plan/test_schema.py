"""What editors and readers are told about a plan is what checks it."""

import copy
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from experiments.plan import __main__ as command
from experiments.plan.plan import load_plan
from experiments.plan.schema import GUIDE, SCHEMA, schema, schema_text, updated_guide

ROOT = Path(__file__).parents[3]
PLANS = sorted([*ROOT.glob("plans/*.toml"), *ROOT.glob("examples/*.toml")])
ADVICE = "write it anew with: python -m experiments.plan"


def test_the_schema_in_the_docs_is_of_today():
    assert (ROOT / SCHEMA).read_text() == schema_text(), ADVICE


def test_the_tables_in_the_docs_are_of_today():
    guide = (ROOT / GUIDE).read_text()
    assert updated_guide(guide) == guide, ADVICE


def test_the_command_writes_both(tmp_path, monkeypatch, capsys):
    (tmp_path / "docs").mkdir()
    guide = (ROOT / GUIDE).read_text()
    emptied = re.sub(r"(<!-- table of .* -->\n)[^<]*", r"\1", guide)
    (tmp_path / GUIDE).write_text(emptied)
    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    assert command.main([]) == 0
    assert (tmp_path / GUIDE).read_text() == guide != emptied
    assert (tmp_path / SCHEMA).read_text() == schema_text()
    (tmp_path / GUIDE).write_text("nothing")
    assert command.main([]) == 2
    assert "no place for the table of a plan" in capsys.readouterr().err


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_names_the_schema_and_fits_it(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("#:schema ")
    assert (path.parent / first.removeprefix("#:schema ")).resolve() == ROOT / SCHEMA
    jsonschema.validate(tomllib.loads(path.read_text()), schema())


def test_a_resolved_plan_fits_it():
    plan = load_plan(ROOT / "plans" / "full.toml")
    jsonschema.validate(tomllib.loads(plan.to_toml()), schema())


WRONG = [
    (("trials", 0, "epochs"), 0),
    (("trials", 0, "epochs"), "many"),
    (("trials", 0, "epoch"), 1),
    (("trials", 0, "dataset", "name"), "mooons"),
    (("trials", 0, "dataset", "nois"), 0.1),
    (("trials", 0, "dataset", "noise"), -0.1),
    (("trials", 0, "architecture", "units"), [2]),
    (("trials", 0, "architecture", "last_activation"), "sigmoyd"),
    (("defaults", "optimizer", "learning_rat"), 1),
    (("defaults", "dtype"), ["float16"]),
    (("trials", 0, "reference"), {"note": "x", "keras_test_accuracy": 1.5}),
    (("title",), "x"),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_what_is_wrong_does_not_fit_it(path, value):
    plan = tomllib.loads((ROOT / "plans" / "quick.toml").read_text())
    inner = plan = copy.deepcopy(plan)
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, schema())


def test_the_guides_own_plans_load(tmp_path):
    guide = (ROOT / GUIDE).read_text()
    blocks = [b for b in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL) if "[[trials]]" in b]
    numbers = []
    for block in blocks:
        path = tmp_path / "guide.toml"
        path.write_text(block)
        jsonschema.validate(tomllib.loads(block), schema())
        numbers.append(len(load_plan(path).trials))
    # The shortest plan; and one of 2 dtypes and 3 rates, of which one is excluded and one included.
    assert numbers == [1, 2 * 3 - 1 + 1]
