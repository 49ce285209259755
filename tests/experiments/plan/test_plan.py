from pathlib import Path

import pytest

from experiments.plan.plan import PlanError, Trial, load_plan
from scratchnet.activations import ACTIVATIONS

PLAN = """
name = "small"

[defaults]
dtype = ["float32", "float64"]
epochs = 5

[[trials]]
name = "moons"
dataset = { name = "moons", n_samples = 60 }
architecture = { units = [2, 3, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }

[[trials]]
name = "blobs"
dataset = "blobs"
optimizer = ["adam", { name = "sgd", learning_rate = 0.1 }]
batch_size = 8
shuffle_seed = 4
seed = 3

[trials.architecture]
input_shape = [2]
loss = "sparse_categorical_crossentropy"
layers = [{ units = 4, activation = "relu" }, { units = 3, activation = "softmax" }]

[trials.reference]
note = "the handbook"
numpy_test_accuracy = 0.9
"""

PLANS = sorted(Path(__file__).parents[3].glob("plans/*.toml"))


@pytest.fixture
def write(tmp_path):
    def write_plan(text, name="small.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_plan


def test_lists_make_a_trial_for_each_entry(write):
    trials = load_plan(write(PLAN)).trials
    assert [trial.name for trial in trials] == [
        "moons-float32",
        "moons-float64",
        "blobs-adam-float32",
        "blobs-adam-float64",
        "blobs-sgd-float32",
        "blobs-sgd-float64",
    ]
    assert trials[0].batch_size is None
    assert trials[0].shuffle_seed is None
    assert trials[0].optimizer.name == "sgd"
    assert (trials[2].batch_size, trials[2].shuffle_seed, trials[2].seed) == (8, 4, 3)
    assert trials[2].reference.numpy_test_accuracy == 0.9


def test_the_short_form_of_an_architecture_means_the_long_one(write):
    architecture = load_plan(write(PLAN)).trials[0].architecture
    assert architecture.input_shape == (2,)
    assert [(layer.units, layer.activation) for layer in architecture.layers] == [
        (3, "relu"),
        (1, "sigmoid"),
    ]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_resolved_plan_gives_the_same_trials(path, write):
    plan = load_plan(path)
    again = load_plan(write(plan.to_toml()))
    assert again == plan
    assert [trial.key for trial in again.trials] == [trial.key for trial in plan.trials]
    assert plan.to_toml() == again.to_toml()


def test_a_key_stays_the_same_from_one_version_to_the_next(write):
    # Stored results are found by it.
    assert load_plan(write(PLAN)).trials[0].key == "7cbd272d9816"


@pytest.mark.parametrize(
    "change",
    [
        "architecture.units=[2, 4, 1]",
        "architecture.kernel_initializer=he_normal",
        "dataset.n_samples=61",
        "dataset.split_seed=1",
        "optimizer.learning_rate=0.5",
        "dtype=float64",
        "batch_size=10",
        "epochs=6",
        "seed=1",
        "shuffle_seed=1",
    ],
)
def test_a_key_changes_with_everything_that_decides_the_outcome(change, write):
    only_moons = write(PLAN.split('[[trials]]\nname = "blobs"')[0])
    before = load_plan(only_moons, ["dtype=float32"]).trials[0]
    after = load_plan(only_moons, ["dtype=float32", change]).trials[0]
    assert after.key != before.key


def test_a_key_does_not_depend_on_name_or_reference(write):
    trial = load_plan(write(PLAN)).trials[2]
    table = trial.to_dict() | {"name": "another"}
    del table["reference"]
    assert Trial.from_dict(table).key == trial.key


def test_overrides_win_over_defaults_and_trials(write):
    changes = ["epochs=7", "dtype=float64", "optimizer.learning_rate=0.25", "batch_size=full"]
    trials = load_plan(write(PLAN), changes).trials
    assert [trial.name for trial in trials] == ["moons", "blobs-adam", "blobs-sgd"]
    assert {trial.epochs for trial in trials} == {7}
    assert {trial.optimizer.learning_rate for trial in trials} == {0.25}
    assert {trial.batch_size for trial in trials} == {None}


MISTAKES = [
    ("nam = 'x'", "unknown key 'nam'", "did you mean 'name'?"),
    ("epochs = 5\nepoch = 6", "defaults: unknown key 'epoch'", "did you mean 'epochs'?"),
    ("epochs = 0", "defaults: epochs = 0", "expected an integer >= 1"),
    ("epochs = true", "epochs = True", "expected an integer"),
    ("epochs = []", "epochs = []", "at least one"),
    ("epochs = 5\nbatch_size = 0", "defaults: batch_size = 0", "or 'full'"),
    ("epochs = 5\nseed = -1", "seed = -1", "integer >= 0"),
    ("epochs = 5\nbackend = 'theano'", "backend = 'theano'", "tensorflow"),
    ("epochs = 5\noptimizer = 'sdg'", "optimizer: name = 'sdg'", "did you mean 'sgd'?"),
    (
        "epochs = 5\noptimizer = { name = 'sgd', learning_rat = 1 }",
        "defaults: optimizer: unknown key 'learning_rat'",
        "did you mean 'learning_rate'?",
    ),
    ("epochs = 5\nshuffle_seed = 'x'", "shuffle_seed = 'x'", "integer"),
    (f"epochs = {'9' * 5000}", "an integer of more than 64 bits", "expected one that TOML has"),
    (f"epochs = 0x{'f' * 5000}", "defaults.epochs = ", "an integer of more than 64 bits"),
    (f"epochs = {'[' * 2000}{']' * 2000}", "nested deeper", "50 levels"),
    (f"epochs = {'[' * 80}{']' * 80}", "nested deeper", "50 levels"),
    (f"epochs{'.a' * 3000} = 1", "nested deeper", "50 levels"),
    ("epochs = 5_000_000_000", "epochs = 5000000000", "<= 4294967295"),
    (
        "epochs = 5\noptimizer = { name = 'sgd', learning_rate = 1e39 }",
        "optimizer: learning_rate = 1e+39",
        "float32 can hold no more",
    ),
    ("epochs = 5\n'\\u001b[31m' = 1".replace("'", '"'), r"'\x1b[31m'", "unknown key"),
    ("epochs = 1979-05-27", "epochs = datetime.date(1979, 5, 27)", "an integer"),
]


@pytest.mark.parametrize(("line", "words", "advice"), MISTAKES)
def test_a_mistake_is_one_line_that_names_file_place_value_and_advice(line, words, advice, write):
    text = PLAN.replace("epochs = 5", line) if "nam =" not in line else line + PLAN
    path = write(text)
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert advice in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("units = [2, 3, 1]", "units = [2]", "units = [2]; expected inputs"),
        ("units = [2, 3, 1]", "units = [3, 3, 1]", "2 features; expected 3 features"),
        ("units = [2, 3, 1]", "units = [2, 3, 4]", "ends in 4 units"),
        ("'relu'", "'rleu'", "did you mean 'relu'?"),
        ('name = "moons", n', 'name = "moon", n', "did you mean 'moons'?"),
        ("n_samples", "n_sample", "did you mean 'n_samples'?"),
        ('name = "blobs"\n', 'name = "blo/bs"\n', "names files"),
        ('name = "blobs"\n', f'name = "{"b" * 101}"\n', "at most 100 letters"),
        ('name = "blobs"\n', 'name = "moons"\noptimizer = "sgd"\n', "Cannot overwrite"),
        ("numpy_test", "nunpy_test", "did you mean 'numpy_test_accuracy'?"),
        ("[trials.reference]", "[trials.reference", "not TOML"),
    ],
)
def test_a_wrong_part_is_named(old, new, words, write):
    text = PLAN.replace(old.replace("'", '"'), new.replace("'", '"'))
    with pytest.raises(PlanError) as caught:
        load_plan(write(text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_heading_is_named(write):
    with pytest.raises(PlanError) as caught:
        load_plan(write(PLAN.replace("[[trials]]", "[[trial]]")))
    unknown, missing = str(caught.value).splitlines()
    assert "did you mean 'trials'?" in unknown
    assert "expected at least one [[trials]]" in missing


def test_all_mistakes_are_told_at_once_each_in_its_place(write):
    text = (
        PLAN.replace("epochs = 5", "epochs = 0")
        .replace("n_samples = 60", "n_samples = true")
        .replace('activation = "relu" }', 'activation = "rleu" }')
        .replace("units = 3", "units = 0")
        .replace("learning_rate = 0.1", "learning_rate = nan")
        .replace("numpy_test_accuracy = 0.9", "numpy_test_accuracy = 1.1")
    )
    path = write(text)
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    assert [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()] == [
        "defaults: epochs = 0; expected an integer >= 1",
        "trials[0] (moons): dataset: n_samples = True; expected an integer >= 1",
        "trials[1] (blobs): optimizer: learning_rate = nan; expected a finite number",
        "trials[1] (blobs): architecture: layers[0]: activation = 'rleu'; expected one of "
        f"{', '.join(ACTIVATIONS)} (did you mean 'relu'?)",
        "trials[1] (blobs): architecture: layers[1]: units = 0; expected a positive integer",
        "trials[1] (blobs): reference: numpy_test_accuracy = 1.1; expected a number from 0 to 1",
    ]


def test_two_trials_may_not_share_a_name(write):
    with pytest.raises(PlanError, match="'moons-float32' is used twice"):
        load_plan(
            write(
                PLAN.replace('name = "blobs"\ndataset', 'name = "moons"\ndataset').replace(
                    'optimizer = ["adam", { name = "sgd", learning_rate = 0.1 }]\n', ""
                )
            )
        )


def test_a_missing_plan_is_named_with_the_nearest_one(write):
    path = write(PLAN)
    with pytest.raises(PlanError, match=r"smal\.toml: no such plan \(did you mean .*small\.toml"):
        load_plan(path.with_name("smal.toml"))


def test_a_folder_is_no_plan(tmp_path):
    with pytest.raises(PlanError, match="cannot be read as a plan"):
        load_plan(tmp_path)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epoch=3", "--set epoch=3: unknown key 'epoch'"),
        ("epochs", "expected key=value"),
        ("=3", "expected key=value"),
        ("name=x", "unknown key 'name'"),
        ("optimizer.rate=3", "unknown key 'rate'"),
        ("dtype.x=3", "dtype = 'float32'; expected a table"),
        ("dtype=float16", "dtype = 'float16'; expected one of float32, float64"),
        ("architecture.backend=jax", "architecture: backend = 'jax'; expected backend beside"),
        ("epochs=many", "epochs = 'many'"),
        ("grid.epochs=3", "grid: epochs = 3; expected a list of values"),
        ("grid.optimizer.rate=[3]", "unknown key 'rate'"),
    ],
)
def test_a_wrong_override_is_named(override, words, write):
    with pytest.raises(PlanError) as caught:
        load_plan(write(PLAN), [override])
    assert words in str(caught.value)
    assert override in str(caught.value)


def test_a_layer_may_be_named_as_tensorflow_takes_it(write):
    layers = 'layers = [{ type = "dense", units = 1, name = "ün b", activation = "sigmoid" }]'
    architecture = f'{{ input_shape = [2], loss = "binary_crossentropy", {layers} }}'
    settings = 'name = "a"\ndataset = "moons"\nepochs = 1\noptimizer = "sgd"\n'
    path = write(f"[[trials]]\n{settings}architecture = {architecture}\n")
    with pytest.raises(PlanError, match="layer name = 'ün b'; expected"):
        load_plan(path)


def test_the_data_of_a_grid_are_made_once(write, monkeypatch):
    from experiments.plan import datasets

    made = []
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda given: made.append(given) or load(given))
    plan = PLAN.replace("n_samples = 60", "n_samples = 64")
    trials = load_plan(write(plan), ["seed=[" + ",".join(map(str, range(500))) + "]"]).trials
    assert len(trials) == 500 * (2 + 4)
    assert len([given for given in made if given.name == "moons"]) == 1


def test_a_network_larger_than_the_memory_is_refused(write):
    path = write(PLAN.replace("units = [2, 3, 1]", "units = [2, 4_000_000, 4_000_000, 1]"))
    with pytest.raises(
        PlanError, match=r"trials\[0\] .moons.: architecture: 16,000,0.* GiB of memory"
    ):
        load_plan(path)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000 + "]" * 3000, "x" * 5000, "\x1b[31m"])
def test_a_monstrous_override_is_told_in_short(value, write):
    path = write(PLAN)
    with pytest.raises(PlanError) as caught:
        load_plan(path, [f"epochs={value}"])
    message = str(caught.value)
    assert message.startswith(f"{path}: --set epochs=")
    assert "expected" in message or "nested deeper" in message
    assert message.isprintable()
    assert len(message) < len(str(path)) + 500
