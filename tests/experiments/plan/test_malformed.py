"""Plans that are wrong, by the hundred: one by a known mistake, or by chance."""

import copy
import datetime
import math
import random
import tomllib

import pytest
import tomli_w

from experiments import run
from experiments.plan.plan import PlanError, load_plan

PLAN = """
name = "small"
description = "Two networks."

[defaults]
dtype = ["float32", "float64"]
epochs = 5
optimizer = { name = "adam", learning_rate = 0.01, beta_1 = 0.8 }

[[trials]]
name = "moons"
dataset = { name = "moons", n_samples = 60, noise = 0.1, shuffle = true, test_fraction = 0.25 }
architecture = { units = [2, 3, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }
seed = [1, 2]

[[trials]]
name = "blobs"
dataset = { name = "blobs", n_samples = 60, centers = [[0.0, 1.0], [4.0, 0.0], [9.0, 9.0]] }
optimizer = ["sgd", { name = "sgd", learning_rate = 0.1, momentum = 0.5, nesterov = true }]
batch_size = 8
shuffle_seed = 4
backend = "tensorflow"
exclude = [{ optimizer = { momentum = 0.5 }, dtype = "float64" }]
include = [{ optimizer = { name = "rmsprop" }, dtype = "float32" }]

[trials.grid]
architecture.layers.0.units = [4, 5]
dataset.split_seed = [1, 2]

[trials.architecture]
input_shape = [2]
loss = "sparse_categorical_crossentropy"
layers = [
    { type = "dense", units = 4, activation = "relu", use_bias = false },
    { units = 3, activation = "softmax", kernel_initializer = "he_normal" },
]

[trials.reference]
note = "the handbook"
epochs = 7
numpy_test_accuracy = 0.9
keras_test_accuracy = 1

[[trials]]
name = "written"
dataset = { name = "rows", x = [[0.5], [1.0], [1.5], [2.0]], y = [0, 1, 0, 1], test_fraction = 0.5 }
architecture = { units = [1, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }
"""

NO_NUMBERS = [
    True,
    False,
    "x",
    "",
    [],
    {},
    [[]],
    math.nan,
    math.inf,
    -math.inf,
    -1,
    -0.5,
    2**63,
    10**400,
    datetime.date(1979, 5, 27),
    [math.nan],
    [True],
    {"name": 1},
]
NO_WORDS = [0, 1.5, True, [], {}, math.nan, datetime.date(1979, 5, 27), [1], "\x1b[31m", "\x00"]
UNKNOWN_WORDS = ["", "mooon", "a b", "relu ", "SGD", "x" * 5000, "ä/ö"]
NO_SWITCHES = [0, 1, "true", "", [], {}, math.nan, [True]]
# Any printable text will do here; a table's own name is free.
FREE = {"description", "note"}


def parts(value, path=()):
    """Every value of a plan with the path to it, tables and lists included."""
    yield path, value
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from parts(entry, (*path, key))


def put(plan, path, value):
    for key in path[:-1]:
        plan = plan[key]
    plan[path[-1]] = value


def wrong_values(path, value):
    if isinstance(value, bool):
        return NO_SWITCHES
    if isinstance(value, int | float):
        has_sign = "centers" in path or "x" in path
        return [n for n in NO_NUMBERS if not (has_sign and n in (-1, -0.5))]
    if isinstance(value, str):
        is_name = path[-1] == "name" and len(path) <= 3
        words = ["", "a b", "ä/ö", "x" * 5000] if is_name else UNKNOWN_WORDS
        return NO_WORDS if path[-1] in FREE else NO_WORDS + words
    return []


REQUIRED = {"epochs", "architecture", "dataset", "last_activation", "loss", "layers", "note", "y"}


def make_wrong(plan, chance):
    """Change one thing of a plan so that it is wrong."""
    everything = list(parts(plan))
    while True:
        path, value = chance.choice(everything)
        kind = chance.randrange(4)
        if kind < 2 and (values := wrong_values(path, value)):
            put(plan, path, copy.deepcopy(chance.choice(values)))
        elif kind == 2 and isinstance(value, dict) and path and path[-1] != "grid":
            value[chance.choice(["unknown", "Name", "\x1b[2J", "x" * 3000])] = 1
        elif kind == 3 and path and path[-1] in REQUIRED and "grid" not in path:
            *outer, key = path
            if "reference" in path and key == "epochs":
                continue
            inner = plan
            for step in outer:
                inner = inner[step]
            del inner[key]
        else:
            continue
        return path


def check_refused(number, folder, capsys):
    chance = random.Random(number)
    plan = tomllib.loads(PLAN)
    changed = make_wrong(plan, chance)
    path = folder / "wrong.toml"
    path.write_text(tomli_w.dumps(plan))
    status = run.main([str(path), "--out", str(folder / "results")])
    output, errors = capsys.readouterr()
    told = f"number {number}, {changed}: {errors}"
    assert (status, output) == (2, ""), told
    assert sorted(folder.iterdir()) == [path], told
    assert errors.endswith("\n"), told
    for line in errors.removesuffix("\n").split("\n"):
        assert line.startswith(f"experiments.run: {path}: ") or "more mistakes" in line, told
        assert line.isprintable(), told
        assert len(line) < 900, told


def check_chance(number, folder):
    """Change a few bytes: the plan is refused in lines, or it is one that survives a round trip."""
    chance = random.Random(number)
    text = bytearray(PLAN.encode())
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                del text[place : place + chance.choice([1, 2, 20])]
            case 1:
                text[place:place] = text[place : place + chance.choice([1, 5, 40])]
            case 2:
                text[place] = chance.randrange(256)
            case 3:
                text[place:place] = chance.choice([b"[", b'"', b"9" * 30, b"\n[a]\n", b"=", b"."])
    path = folder / "changed.toml"
    path.write_bytes(text)
    try:
        plan = load_plan(path)
    except PlanError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert all(line.isprintable() for line in message.split("\n"))
    else:
        path.write_text(plan.to_toml())
        assert load_plan(path) == plan


def test_the_plan_itself_is_right(tmp_path):
    path = tmp_path / "right.toml"
    path.write_text(PLAN)
    # 2 seeds in 2 dtypes; 2 sizes, 2 splits and (2 optimizers in 2 dtypes less 1, and 1 more).
    assert len(load_plan(path).trials) == 4 + 4 * (4 - 1 + 1) + 2


def test_a_wrong_plan_is_refused_in_lines_and_leaves_nothing(tmp_path, capsys):
    for number in range(300):
        check_refused(number, tmp_path, capsys)


def test_bytes_changed_by_chance_never_crash(tmp_path):
    for number in range(150):
        check_chance(number, tmp_path)


@pytest.mark.slow
def test_thousands_of_wrong_plans(tmp_path, capsys):
    for number in range(1000, 3000):
        check_refused(number, tmp_path, capsys)
        (tmp_path / "wrong.toml").unlink()
        check_chance(number, tmp_path)
        (tmp_path / "changed.toml").unlink()
