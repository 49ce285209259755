"""A layer from a module of its own: nothing else was touched, and everything knows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

MODULE = Path(__file__).parent / "extensions"
PLAN = """
name = "own"
[[trials]]
name = "own"
dataset = { name = "moons", n_samples = 60, noise = 0.2 }
epochs = 3
batch_size = 16
[trials.architecture]
input_shape = [2]
loss = "binary_crossentropy"
layers = [
    { type = "dense", units = 4, activation = "tanh", name = "left" },
    { type = "dense", units = 4, name = "right", inputs = ["input"] },
    { type = "scaled_sum", inputs = ["left", "right"] },
    { type = "dense", units = 1, activation = "sigmoid" },
]
"""
CHECKS = """
import numpy as np, json, dataclasses
from experiments.runtime.keras_start import start_keras
from experiments.runtime.extensions import load_extensions
load_extensions(); start_keras()
from experiments.parity.exact.formulas.examples import LAYER_EXAMPLES
from experiments.parity.step import TwinStep, values_of
from experiments.parity.trace import Snapshot, local_trace
from experiments.parity.verdict import judge_network, judge_values
from experiments.fuzz.cases import draw_case
from keras_baseline.tracing import KerasStep
from scratchnet import Network, gradient_check
[example] = LAYER_EXAMPLES["scaled_sum"]
x, y = example.inputs("float64"), example.targets("float64")
network = Network(example.architecture, seed=0, dtype="float64")
network.set_weights(example.weights("float64"))
step = TwinStep.take(KerasStep(example.architecture, "float64"),
                     Snapshot(0, network.weights, {}, x, y))
judged = judge_network(step, network)
ours = values_of(local_trace(network, step.snapshot, step.twin))
ours["scaled_sum_1/scale_gradient"] = ours["scaled_sum_1/scale_gradient"] * 2
wrong = judge_values("layer", step, ours)
cases = [draw_case(1, i, "tensorflow") for i in range(300)]
print(json.dumps({
    "verdicts": [row.verdict for row in judged.rows],
    "tensors": [row.tensor for row in judged.rows if row.layer == "scaled_sum_1"],
    "gradients": gradient_check(network, x, y).ok,
    "diagnosis": wrong.first_divergence.sentence,
    "drawn": any(layer.kind == "scaled_sum" for c in cases for layer in c.architecture.layers),
}))
"""


@pytest.fixture(scope="module")
def environment():
    return {
        **os.environ,
        "SCRATCHNET_EXTENSIONS": "scaled_sum",
        "PYTHONPATH": os.pathsep.join([str(MODULE), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def run(command, environment):
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300
    )


def test_a_layer_of_ones_own_is_compared_checked_fuzzed_and_diagnosed(environment):
    done = run(["-W", "ignore", "-c", CHECKS], environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["verdicts"]) <= {"identical", "rounding"}
    assert {"activation", "activation_gradient", "scale_gradient"} <= set(found["tensors"])
    assert found["gradients"]
    assert found["drawn"]
    assert "scaled_sum_1/scale_gradient" in found["diagnosis"]
    assert "twice what it should be" in found["diagnosis"]


def test_worker_processes_know_it_too(environment, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    out = tmp_path / "out"
    arguments = [str(tmp_path / "plan.toml"), "--out", str(out), "--jobs", "2"]
    done = run(["-m", "experiments.run", *arguments], environment)
    assert done.returncode == 0, done.stderr
    parity = pd.read_csv(out / "parity.csv")
    rows = parity[parity["layer"] == "scaled_sum_1"]
    assert {"scale_gradient", "scale_updated", "activation"} <= set(rows["tensor"])
    assert set(rows["verdict"]) <= {"identical", "rounding"}


def test_a_module_that_is_not_there_is_named_in_one_line(environment, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    changed = {**environment, "SCRATCHNET_EXTENSIONS": "no_such_module"}
    done = run(["-m", "experiments.run", str(tmp_path / "plan.toml")], changed)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "SCRATCHNET_EXTENSIONS = 'no_such_module'" in done.stderr
