"""One small trial, run once for all who look at its result; and runs that nobody ran.

The latter are plausible results, written as the store writes them, in milliseconds.
"""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from experiments.parity.trace import ParityRow
from experiments.plan.plan import Plan, Trial
from experiments.trials.boundary import Boundary
from experiments.trials.comparability import (
    Comparability,
    Settings,
    compare_accuracies,
)
from experiments.trials.store import Failure, Store
from experiments.trials.trial import TrialResult
from experiments.trials.turns import EpochSeconds
from scratchnet.history import History

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

MOONS = {
    "architecture": {
        "units": [2, 4, 6, 1],
        "last_activation": "sigmoid",
        "loss": "binary_crossentropy",
    },
    "dataset": {"name": "moons", "n_samples": 100, "noise": 0.2, "random_state": 0},
}
BLOBS = {
    "architecture": {
        "units": [2, 5, 3],
        "last_activation": "softmax",
        "loss": "sparse_categorical_crossentropy",
    },
    "dataset": {"name": "blobs", "n_samples": 120, "centers": 3, "random_state": 0},
}
ENVIRONMENT = {
    "time": "2026-01-01T00:00:00+00:00",
    "python": "3.11.7",
    "processor": "a processor",
    "cores": 2,
    "packages": {"numpy": "2.4.6", "keras": "3.15.1"},
    "blas": [{"internal_api": "openblas", "num_threads": 2}],
    "git_commit": None,
    "git_changes": False,
    "variables": {},
}


def make_trial(name, kind=MOONS, **settings):
    return Trial.from_dict({"name": name, "epochs": 40, **kind, **settings})


def make_result(trial, seed=0, *, verdict="rounding", seconds=(1e-4, 5e-3), diagnosis=""):
    """Return a result whose lockstep comparisons have a verdict."""
    random = np.random.default_rng(seed)
    epochs = np.arange(1, trial.epochs + 1)
    loss = 0.1 + np.exp(-epochs / 12)
    accuracy = 1 - 0.4 * np.exp(-epochs / 9)
    gap = random.choice([0.0, 1e-8, 3e-8], trial.epochs)
    histories = [
        History(*(list(map(float, c)) for c in (loss + g, accuracy, loss + 0.02 + g, accuracy)))
        for g in (0 * gap, gap)
    ]
    return TrialResult(
        trial=trial,
        parameters=10,
        comparability=make_comparability(trial),
        scratchnet=histories[0],
        keras=histories[1],
        seconds_per_epoch=[
            EpochSeconds(side, repeat, epoch, float(middle * random.lognormal(0, 0.1)))
            for side, middle in zip(("scratchnet", "keras"), seconds, strict=True)
            for repeat in (1, 2, 3)
            for epoch in (1, 2, 3, 4)
        ],
        parity=make_parity(trial, random, verdict, diagnosis),
        envelope={"loss_width": np.full(trial.epochs, 1e-6)},
        test_targets=np.zeros((20, 1)),
        scratchnet_predictions=np.zeros((20, 1)),
        keras_predictions=np.zeros((20, 1)),
        boundary=make_boundary(trial.architecture.units, random),
        seconds=1.0,
    )


def make_comparability(trial):
    path = "fused" if trial.architecture.fused else "clipped"
    settings = Settings(
        "0123", "4567", trial.epochs, *[trial.dtype] * 3, path, backend="numpy", jit=False
    )
    targets = np.arange(20).reshape(-1, 1) % 2
    ours = targets.astype(float)
    twin = np.where(np.arange(20).reshape(-1, 1) < 2, 1 - ours, ours)
    return Comparability(
        settings,
        replace(settings, backend=trial.backend),
        compare_accuracies(targets, ours, twin),
    )


def make_parity(trial, random, verdict, diagnosis):
    row = ParityRow("layer", 0, "", "", 1e-9, 1e-8, 1.0, 0.1, 0.3, 1e-7, "", "rounding", "")
    rows = []
    names = ("pre_activation", "activation", "kernel_gradient", "bias_gradient", "kernel_updated")
    for mode in ("layer", "step"):
        for step in (0, 3, 17):
            for layer in trial.architecture.layers:
                for tensor in names:
                    share = float(random.uniform(0, 1))
                    rows.append(
                        replace(row, mode=mode, step=step, layer=layer.name, tensor=tensor)
                        if share > 0.2
                        else replace(
                            row,
                            mode=mode,
                            step=step,
                            layer=layer.name,
                            tensor=tensor,
                            max_abs=0.0,
                            max_ulp=0.0,
                            bound_ratio=0.0,
                            verdict="identical",
                        )
                    )
    if verdict != "rounding":
        found = next(i for i, r in enumerate(rows) if (r.step, r.tensor) == (3, "kernel_gradient"))
        rows[found] = replace(
            rows[found],
            max_abs=0.25,
            max_ulp=4e6,
            bound_ratio=2e5,
            verdict=verdict,
            diagnosis=diagnosis,
            side="scratchnet" if verdict == "divergent" else "",
        )
    free = replace(row, mode="free", step=4, layer="history", tensor="loss", max_abs=3e-8)
    return [*rows, free]


def make_boundary(units, random):
    axis = np.linspace(-1, 1, 30)
    x, y = np.meshgrid(axis, axis)
    looks = []
    for scale in (1.0, 3.0, 9.0):
        score = 1 / (1 + np.exp(-scale * (y - x**2 + 0.3)))
        plane = [score] if units == 1 else [score * 0.6, (1 - score) * 0.5, 0.3 + 0 * score]
        looks.append(np.stack(plane, axis=-1))
    ours = np.array(looks, np.float32)
    twin = ours + random.choice([0, 1e-7], ours.shape).astype(np.float32)
    return Boundary(axis, axis, np.array([1, 6, 40]), ours, twin)


def write_run(folder, name, results, *, trials=None, crashes=(), environment=ENVIRONMENT):
    """Write a run's folder: `results` of finished trials, `crashes` as (trial, failure)."""
    store = Store.open(folder)
    for result in results:
        store.save(result)
    for trial, failure in crashes:
        store.save_failure(trial, failure)
    trials = trials or [result.trial for result in results]
    store.write_text("plan.toml", Plan(name, "A run that nobody ran.", tuple(trials)).to_toml())
    if environment is not None:
        store.write_text("environment.json", json.dumps(environment))
    return folder


@pytest.fixture(scope="session")
def mixed_run(tmp_path_factory):
    """A run in which everything happens: all is well, a bug, a kink, a crash, one not run."""
    kinds = {"float32": "rounding", "float64": "rounding"}
    results = [
        make_result(make_trial(f"moons-{dtype}", dtype=dtype), seed, verdict=verdict)
        for seed, (dtype, verdict) in enumerate(kinds.items())
    ]
    wrong = make_trial("wrong", batch_size=32, seed=5)
    results += [
        make_result(
            wrong,
            2,
            verdict="divergent",
            diagnosis="it is not divided by the batch size 32: sum for mean <b>&",
            seconds=(9e-3, 4e-3),
        ),
        make_result(make_trial("kink", seed=6), 3, verdict="undecidable"),
        make_result(make_trial("blobs", BLOBS, optimizer="adam"), 4),
    ]
    crashed, waiting = make_trial("crashed", seed=7), make_trial("waiting", seed=8)
    reference = {"note": "the handbook", "epochs": 200, "numpy_test_accuracy": 0.98}
    trials = [
        Trial.from_dict(results[0].trial.to_dict() | {"reference": reference}),
        *(result.trial for result in results[1:]),
        crashed,
        waiting,
    ]
    return write_run(
        tmp_path_factory.mktemp("runs") / "mixed",
        "mixed",
        results,
        trials=trials,
        crashes=[
            (
                crashed,
                Failure(
                    "crashed", "ValueError: no <room>", "Traceback (most recent call last): ..."
                ),
            )
        ],
    )


@pytest.fixture(scope="session")
def make_run():
    """The function that writes a run's folder."""
    return write_run


@pytest.fixture(scope="session")
def made_results():
    """Results of four trials, as quickly made as they are damaged."""
    return [make_result(make_trial(f"trial{i}", seed=i), i) for i in range(4)]


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, or a reason why there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync"
    )
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=path, args=switches.split())
        yield found
        found.close()


@pytest.fixture(scope="session")
def open_page(browser):
    """A function that opens a page from the disk and remembers what it complains about."""
    opened = []

    def open_(path, *, width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(page)
        page.set_default_timeout(60_000)
        page.complaints, page.requested = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_
    for page in opened:
        page.close()


@pytest.fixture(scope="session")
def summaries(mixed_run):
    """What the trials of that run say, in the plan's order."""
    from experiments.report.run_result import RunResult
    from experiments.report.summary import summarize_trial

    run = RunResult.load(mixed_run)
    return [
        summarize_trial(trial, run.results[trial.name])
        if trial.name in run.results
        else summarize_trial(trial, None, run.missing[trial.name].status)
        for trial in run.plan.trials
    ]


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
    store = Store.open(folder)
    store.save(moons_result)
    store.save(blobs_result)
    store.save_failure(small_trials[2], Failure("crashed", "ValueError: why", "Traceback: ..."))
    store.write_text("plan.toml", Plan("small", "", tuple(small_trials)).to_toml())
    store.write_text("environment.json", json.dumps({"cores": 2}))
    return folder
