"""Data of the user's own: CSV, Parquet, .npz."""

import hashlib
import os
import random
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from experiments.plan.datasets import DatasetError, DatasetSpecification, load
from experiments.plan.plan import PlanError, load_plan

ROOT = Path(__file__).parents[3]

PEOPLE = """height,colour,weight,kind
1.5,red,50,cat
1.6,blue,60,dog
1.7,red,70,cat
1.8,green,80,dog
1.9,red,90,cat
2.0,blue,95,dog
2.1,red,99,cat
2.2,green,98,dog
2.3,red,97,cat
2.4,blue,96,dog
"""


@pytest.fixture
def people(tmp_path):
    def write(text=PEOPLE, name="people.csv", **settings):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        given = {"path": str(path), "target": "kind", **settings}
        return DatasetSpecification("file", given, stratify=False, standardise=False)

    return write


def together(data):
    """All samples in the order of the file's heights, which grow."""
    x, y = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    order = np.argsort(x[:, 0])
    return x[order], y[order]


def test_the_iris_of_the_examples_is_scikit_learns():
    plan = load_plan(ROOT / "examples" / "iris.toml")
    ours, theirs = load(plan.trials[0].dataset), load(DatasetSpecification("iris"))
    np.testing.assert_array_equal(ours.x_train, theirs.x_train)
    np.testing.assert_array_equal(ours.y_test, theirs.y_test)
    assert ours.class_names == theirs.class_names == tuple(load_iris().target_names)
    assert theirs.columns == tuple(load_iris().feature_names)


def test_words_become_a_column_each_and_targets_are_named(people):
    data = load(people())
    assert data.columns == ("height", "colour=blue", "colour=green", "colour=red", "weight")
    assert data.class_names == ("cat", "dog")
    x, y = together(data)
    assert x[:, 1:4].tolist()[:4] == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert y.tolist() == [0, 1] * 5


def test_words_may_become_their_number_or_be_refused(people):
    x, _ = together(load(people(categories="number")))
    assert x[:, 1].tolist() == [2, 0, 2, 1, 2, 0, 2, 1, 2, 0]
    with pytest.raises(DatasetError, match="column 'colour' has words, as 'blue'; expected num"):
        load(people(categories="refuse"))


def test_features_choose_columns_in_their_order(people):
    data = load(people(features=["weight", "height"]))
    assert data.columns == ("weight", "height")


def test_a_summary_tells_rows_shares_and_columns(people):
    summary = load(people(features=["height"])).summary()
    assert (summary["rows"], summary["training_rows"], summary["test_rows"]) == (10, 8, 2)
    assert summary["class_shares"] == {"cat": 0.5, "dog": 0.5}
    assert summary["columns"] == ["height"]


MISSING = PEOPLE.replace("1.7,red", ",red").replace("1.9,red", "1.9,")


def test_a_missing_value_is_refused_with_its_line(people):
    with pytest.raises(DatasetError) as caught:
        load(people(MISSING))
    height, colour = str(caught.value).splitlines()
    assert "people.csv: line 4, column 'height': no value (1 of 10 rows have none)" in height
    assert "expected one, or missing = one of drop, mean, median, most_frequent" in height
    assert "people.csv: line 6, column 'colour': no value" in colour


def test_rows_with_a_missing_value_are_dropped_where_it_is_said(people):
    data = load(people(MISSING, missing="drop"))
    assert (data.dropped, len(data.x_train) + len(data.x_test)) == (2, 8)


@pytest.mark.parametrize(("missing", "of"), [("mean", np.mean), ("median", np.median)])
def test_a_gap_is_filled_by_what_the_training_part_has(people, missing, of):
    data = load(people(MISSING, missing=missing))
    everyone = np.concatenate([data.x_train, data.x_test])
    present = [x for x in data.x_train[:, 0] if x in (1.5, 1.6, 1.8, 1.9, 2.0, 2.1, 2.2, 2.3, 2.4)]
    [row] = [row for row in everyone if row[-1] == 70]
    assert row[0] == pytest.approx(of(present))
    # Red is the most frequent colour, in the training part too.
    [row] = [row for row in everyone if row[-1] == 90]
    assert row[1:4].tolist() == [0, 0, 1]


def test_a_missing_target_is_refused(people):
    with pytest.raises(DatasetError, match="line 3: no target 'kind'"):
        load(people(PEOPLE.replace("60,dog", "60,"), missing="mean"))


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (["1", "2"], ("1", "2")),
        (["0", "1"], ("0", "1")),
        (["True", "False"], ("False", "True")),
        (["3.0", "7.0"], ("3", "7")),
        (["a", "b"], ("a", "b")),
    ],
)
def test_targets_may_be_numbers_words_or_truth_values(people, column, names):
    text = PEOPLE.replace(",cat", f",{column[0]}").replace(",dog", f",{column[1]}")
    data = load(people(text, features=["height"]))
    assert data.class_names == names
    first = names.index(column[0].removesuffix(".0"))
    assert together(data)[1].tolist() == [first, 1 - first] * 5


def test_several_target_columns_are_one_hot(people):
    text = "height,a,b\n" + "".join(f"{i}.5,{i % 2},{1 - i % 2}\n" for i in range(10))
    _, y = together(load(people(text, target=["a", "b"])))
    assert y.tolist() == [1, 0] * 5
    with pytest.raises(DatasetError, match=r"line 3, target 'a, b' = \[0, 0\]; expected a single"):
        load(people(text.replace("1.5,1,0", "1.5,0,0"), target=["a", "b"]))


LONG = PEOPLE.replace("height", "hei\nght").replace("hei\nght", '"hei\nght"')


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (
            PEOPLE,
            {"target": "kin"},
            "no column 'kin'; expected one of height, colour, weight, kind",
        ),
        (PEOPLE, {"features": ["hight", "wait"]}, "no column 'hight'; expected one of"),
        (PEOPLE, {"features": ["height", "kind"]}, "features: 'kind' is the target"),
        (PEOPLE, {"separator": ";"}, "is separator = ';' right?"),
        (PEOPLE, {"target": "height"}, "target 'height' = 1.5; expected a class: a whole number"),
        (PEOPLE, {"target": "weight"}, "target 'weight': 10 different values in 10 rows"),
        (PEOPLE.replace("1.7,red", "tall,red"), {}, "line 4, column 'height' = 'tall'; expected"),
        (PEOPLE.replace("1.7,red", "inf,red"), {}, "line 4, column 'height' = inf; expected"),
        (PEOPLE.replace("1.7,red", "1.7,x,red"), {}, "line 4: 5 values; expected 4, as the first"),
        (PEOPLE.replace("1.7,red,", "1.7,"), {}, "line 4: 3 values; expected 4"),
        (PEOPLE.replace("colour", "height"), {}, "line 1: column 'height' appears twice"),
        (PEOPLE.replace("colour", ""), {}, "line 1: column 2 has no name"),
        (PEOPLE.replace("red", '"re'), {}, "not CSV"),
        (PEOPLE.replace("red", "réd").encode("latin-1"), {}, "line 2: not UTF-8"),
        ("height,kind\n", {}, "no rows; expected a line of names"),
        ("", {}, "no rows; expected a line of names"),
        ("kind\na\nb\n", {}, "no columns but the target"),
        (LONG.replace("1.7,red", "1.7,"), {}, "line 5, column 'colour': no value"),
        (
            "a,b,kind\n" + "".join(f"{i},w{i},{i % 2}\n" for i in range(9)),
            {},
            "9 different words in 9",
        ),
        (
            "a,b,kind\n" + "".join(f"{i},,{i % 2}\n" for i in range(9)),
            {"missing": "mean"},
            "no values",
        ),
    ],
)
def test_a_mistake_names_file_line_or_column(people, text, settings, words):
    with pytest.raises(DatasetError) as caught:
        load(people(text, **settings))
    assert words in str(caught.value)
    assert "people.csv: " in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


def test_a_byte_order_mark_is_no_part_of_a_name(people):
    assert load(people(b"\xef\xbb\xbf" + PEOPLE.encode())).columns[0] == "height"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("peple.csv", "no such file (did you mean 'people.csv'?)"),
        ("people.xls", "ends in '.xls'; expected one of .csv, .parquet, .npz"),
        ("folder.csv", "not a file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(people, tmp_path, name, words):
    people()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "people.xls").write_text("x")
    with pytest.raises(DatasetError) as caught:
        DatasetSpecification("file", {"path": str(tmp_path / name), "target": "kind"})
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DatasetError, match="not a file"):
        DatasetSpecification("file", {"path": str(tmp_path / "pipe.csv"), "target": "kind"})


def test_a_file_that_changed_since_is_refused(people, tmp_path):
    specification = people()
    (tmp_path / "people.csv").write_text(PEOPLE.replace("50", "51"))
    with pytest.raises(DatasetError, match="its content is not that of sha256"):
        load(specification)


@pytest.fixture
def arrays(tmp_path):
    def write(target="y", **arrays):
        settings = arrays.pop("settings", {})
        np.savez(tmp_path / "data.npz", **arrays)
        given = {"path": str(tmp_path / "data.npz"), "target": target, **settings}
        return DatasetSpecification("file", given, stratify=False, standardise=False)

    return write


LABELS = np.arange(10) % 2


def test_an_array_of_any_rank_is_taken_as_it_is(arrays):
    x = np.arange(10 * 3 * 4.0).reshape(10, 3, 4)
    data = load(arrays(x=x, y=LABELS))
    assert data.x_train.shape == (8, 3, 4)
    assert data.facts.shape == (3, 4)
    for sample, label in zip(data.x_train, data.y_train, strict=True):
        [number] = np.flatnonzero((x == sample).all(axis=(1, 2)))
        assert LABELS[number] == label


def test_several_arrays_become_columns(arrays):
    a, b = np.arange(10.0), np.arange(20.0).reshape(10, 2) * 100
    data = load(arrays(a=a, b=b, y=LABELS, settings={"features": ["b", "a"]}))
    assert data.x_train.shape == (8, 3)
    assert (data.x_train[:, 0] == 200 * data.x_train[:, 2]).all()


def test_one_hot_rows_and_words_are_classes_too(arrays):
    x = np.arange(10.0)
    words = load(arrays(x=x, y=np.array(["no", "yes"])[LABELS]))
    assert words.class_names == ("no", "yes")
    one_hot = load(arrays(x=x, y=np.eye(2)[LABELS]))
    np.testing.assert_array_equal(words.y_train, one_hot.y_train)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x": np.zeros(10), "z": LABELS}, "no array 'y'; expected one of x, z"),
        ({"x": np.zeros(9), "y": LABELS}, r"array 'x' has the shape \(9,\); expected \(10,\)"),
        ({"x": np.array(["a"] * 10), "y": LABELS}, "array 'x' is of <U1; expected real numbers"),
        ({"x": np.zeros(10, complex), "y": LABELS}, "is of complex128; expected real numbers"),
        ({"x": np.full(10, np.nan), "y": LABELS}, r"row 1: no value \(10 of 10 rows"),
        ({"x": np.full(10, np.inf), "y": LABELS}, "row 1: an infinite value"),
        ({"y": LABELS}, "arrays none; expected one array"),
        (
            {"x": np.zeros(10), "y": np.zeros((10, 2))},
            "row 1, target 'y' = .*; expected a single 1",
        ),
    ],
)
def test_a_mistake_in_arrays_is_named(arrays, given, words):
    with pytest.raises(DatasetError, match=words):
        load(arrays(**given))


def test_pickled_objects_are_refused(arrays, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.array([{}] * 10), y=LABELS)
    path = str(tmp_path / "data.npz")
    with pytest.raises(DatasetError, match=r"cannot be read as \.npz without pickle"):
        load(DatasetSpecification("file", {"path": path, "target": "y"}))
    Path(path).write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DatasetError, match=r"cannot be read as \.npz"):
        load(DatasetSpecification("file", {"path": path, "target": "y"}))


def test_parquet_is_read_as_csv_is(people, tmp_path):
    pytest.importorskip("pyarrow")
    theirs = load(people())
    pd.read_csv(tmp_path / "people.csv").to_parquet(tmp_path / "people.parquet")
    given = {"path": str(tmp_path / "people.parquet"), "target": "kind"}
    ours = load(DatasetSpecification("file", given, stratify=False, standardise=False))
    np.testing.assert_array_equal(ours.x_train, theirs.x_train)
    assert (ours.columns, ours.class_names) == (theirs.columns, theirs.class_names)


def test_parquet_without_pyarrow_says_what_to_do(tmp_path, monkeypatch):
    for package in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "people.parquet").write_bytes(b"PAR1")
    given = {"path": str(tmp_path / "people.parquet"), "target": "kind"}
    with pytest.raises(DatasetError, match=r"needs pyarrow.*\[parquet\]"):
        load(DatasetSpecification("file", given))


PLAN = """
[[trials]]
name = "people"
epochs = 2
dataset = { name = "file", path = "people.csv", target = "kind" }
architecture = { units = [5, 2], last_activation = "softmax", loss = "categorical_crossentropy" }
"""


def test_a_trial_is_known_by_the_content_wherever_the_file_is(people, tmp_path):
    people()
    (tmp_path / "plan.toml").write_text(PLAN)
    trial = load_plan(tmp_path / "plan.toml").trials[0]
    digest = hashlib.sha256((tmp_path / "people.csv").read_bytes()).hexdigest()
    assert trial.dataset.parameters["sha256"] == digest
    assert str(trial.dataset) == "people.csv(target=kind)"

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("plan.toml", "people.csv"):
        os.replace(tmp_path / name, moved / name)
    again = load_plan(moved / "plan.toml").trials[0]
    assert again.key == trial.key

    (moved / "people.csv").write_text(PEOPLE.replace("1.5", "1.4"))
    assert load_plan(moved / "plan.toml").trials[0].key != trial.key


def test_a_resolved_plan_finds_the_file_again(people, tmp_path):
    people()
    (tmp_path / "plan.toml").write_text(PLAN)
    plan = load_plan(tmp_path / "plan.toml")
    (tmp_path / "results").mkdir()
    resolved = tmp_path / "results" / "plan.toml"
    resolved.write_text(plan.to_toml())
    assert load_plan(resolved).trials == plan.trials


def test_a_path_on_the_command_line_starts_where_one_is(people, tmp_path, monkeypatch):
    people(name="others.csv")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "plan.toml").write_text(PLAN)
    monkeypatch.chdir(tmp_path)
    whole = 'dataset={ name = "file", path = "others.csv", target = "kind" }'
    for override in ("dataset.path=others.csv", whole):
        plan = load_plan(Path("plans/plan.toml"), [override])
        assert plan.trials[0].dataset.parameters["path"] == str(tmp_path / "others.csv")


def test_a_mistake_in_a_plans_file_is_told_in_its_place(people, tmp_path):
    people(PEOPLE.replace("1.7,red", ",red"))
    (tmp_path / "plan.toml").write_text(PLAN)
    with pytest.raises(PlanError) as caught:
        load_plan(tmp_path / "plan.toml")
    assert "trials[0] (people): dataset: " in str(caught.value)
    assert "people.csv: line 4, column 'height': no value" in str(caught.value)


def damaged(content, chance):
    """Return content with a few bytes changed, gone, or there twice."""
    content = bytearray(content)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                del content[place : place + chance.choice([1, 3, 30])]
            case 1:
                content[place:place] = content[place : place + chance.choice([1, 5, 40])]
            case 2:
                content[place] = chance.randrange(256)
            case 3:
                extra = [b'"', b",", b"\n", b"\r", b"\x00", b"1e999", b"\xff", b"9" * 400, b"\n\n"]
                content[place:place] = chance.choice(extra)
    return bytes(content) or b"x"


@pytest.mark.parametrize("name", ["people.csv", "plain.npz", "packed.npz"])
def test_a_damaged_file_never_crashes(people, tmp_path, name):
    people()
    x = np.arange(40.0).reshape(10, 4)
    np.savez(tmp_path / "plain.npz", x=x, kind=LABELS)
    np.savez_compressed(tmp_path / "packed.npz", x=x, kind=LABELS)
    whole = (tmp_path / name).read_bytes()
    for number in range(150):
        chance = random.Random(number)
        (tmp_path / name).write_bytes(damaged(whole, chance))
        missing = chance.choice(["refuse", "drop", "mean", "most_frequent"])
        given = {"path": str(tmp_path / name), "target": "kind", "missing": missing}
        try:
            data = load(DatasetSpecification("file", given, stratify=False))
        except DatasetError as error:
            message = str(error)
            assert all(line.isprintable() for line in message.splitlines())
        else:
            assert np.isfinite(data.x_train).all()
