"""One small trial, run once for all who look at its result."""

import pytest

SMALL_PLAN = """
name = "small"

[defaults]
optimizer = { name = "sgd", learning_rate = 0.1 }

[[trials]]
name = "moons"
dataset = { name = "moons", n_samples = 80, noise = 0.2 }
architecture = { units = [2, 4, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }
dtype = "float64"
epochs = 6

[[trials]]
name = "blobs"
dataset = { name = "blobs", n_samples = 90, centers = 3 }
optimizer = { name = "adam", learning_rate = 0.01 }
batch_size = 16
shuffle_seed = 1
epochs = 4

[trials.architecture]
units = [2, 5, 3]
activation = "tanh"
last_activation = "softmax"
loss = "sparse_categorical_crossentropy"

[[trials]]
name = "table"
dataset = "breast_cancer"
architecture = { units = [30, 4, 1], last_activation = "sigmoid", loss = "binary_crossentropy" }
epochs = 2
"""


@pytest.fixture(scope="session")
def small_plan(tmp_path_factory):
    """The path of a plan of three small trials."""
    path = tmp_path_factory.mktemp("plans") / "small.toml"
    path.write_text(SMALL_PLAN)
    return path


@pytest.fixture(scope="session")
def small_trials(small_plan):
    from experiments.plan.plan import load_plan

    return load_plan(small_plan).trials


@pytest.fixture(scope="session")
def moons_result(small_trials):
    """The result of a full-batch trial with one output, in float64."""
    from experiments.trials.trial import run_trial

    return run_trial(small_trials[0], timing_budget=0.1)


@pytest.fixture(scope="session")
def blobs_result(small_trials):
    """The result of a mini-batch trial with three outputs and Adam, in float32."""
    from experiments.trials.trial import run_trial

    return run_trial(small_trials[1], timing_budget=0.1)


@pytest.fixture(scope="session")
def small_run(small_trials, moons_result, blobs_result, tmp_path_factory):
    """The folder of a run of three trials, one of which crashed."""
    import json

    from experiments.plan.plan import Plan
    from experiments.trials.store import Store

    folder = tmp_path_factory.mktemp("run") / "small"
    store = Store(folder)
    store.save(moons_result)
    store.save(blobs_result)
    store.save_crash(small_trials[2], "ValueError: why\n\nTraceback: ...")
    store.write_text("plan.toml", Plan("small", "", tuple(small_trials)).to_toml())
    store.write_text("environment.json", json.dumps({"cores": 2}))
    return folder
