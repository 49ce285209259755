"""Keras on JAX and torch: a process for each, in which a step and a training are compared."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_baseline.model import build
from keras_baseline.tracing import KerasStep
from keras_baseline.training import train
from scratchnet import SGD, Architecture, BatchOrder, Dense
from scratchnet.training import Training

ROOT = Path(__file__).parent.parent.parent
BACKENDS = [
    pytest.param("jax", marks=pytest.mark.jax),
    pytest.param("torch", marks=pytest.mark.torch),
]

PROGRAM = """
import json, sys
from dataclasses import replace
import numpy as np
from keras_baseline.model import build
from keras_baseline.tracing import KerasStep
from keras_baseline.training import fit_seconds, train
from keras_baseline.weights import set_weights
from experiments.parity.verdict import judge_snapshot
from experiments.parity.trace import Snapshot
from scratchnet import *
from scratchnet.activations import ACTIVATIONS
from scratchnet.losses import LOSSES
from scratchnet.optimizers import OPTIMIZERS
from scratchnet.training import Training

backend, told = sys.argv[1], {"verdicts": {}, "missing": [], "histories": []}
random = np.random.RandomState(0)
rules = [SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True),
         *(made() for name, made in OPTIMIZERS.items() if name != "sgd")]
hidden = [*ACTIVATIONS, *ACTIVATIONS]
pairs = [
    ("binary_crossentropy", "sigmoid"), ("binary_crossentropy", "linear"),
    ("categorical_crossentropy", "softmax"), ("categorical_crossentropy", "sigmoid"),
    ("sparse_categorical_crossentropy", "softmax"), ("sparse_categorical_crossentropy", "relu"),
    ("mean_squared_error", "linear"), ("mean_squared_error", "tanh"),
]
for i, (loss, last) in enumerate(pairs):
    for dtype in ("float32", "float64"):
        layers = (Dense(4, hidden[i]), Dense(3, last))
        architecture = Architecture((2,), layers, loss, backend)
        rule = rules[i % len(rules)]
        network = Network(architecture, seed=1, dtype=dtype)
        # Outputs that are taken for probabilities are to be positive.
        weights = network.weights
        weights["dense_2/bias"] += 0.5
        network.set_weights(weights)
        state = OptimizerState(rule, network.parameters, backend=backend)
        x = 0.3 * random.randn(5, 2).astype(dtype)
        y = random.randint(0, 3, (5, 1)).astype("int64")
        if not LOSSES[loss].sparse:
            y = np.eye(3, dtype=dtype)[y[:, 0]]
        network.train_step(x, y, state)
        slots = {f"{name}_{slot}": values for slot, flat in state.slots.items()
                 for name, values in network.parameters.named(flat).items()}
        snapshot = Snapshot(1, network.weights, slots, x, y)
        step = KerasStep(architecture, dtype, rule)
        for row in judge_snapshot(network, step, snapshot).rows:
            if row.verdict not in ("identical", "rounding"):
                place = f"{loss} {last} {dtype} {row.mode} {row.layer} {row.tensor}"
                told["verdicts"][place] = row.diagnosis
        traced = step.trace(snapshot.weights, x, y, slots, 1)
        network.set_weights(snapshot.weights)
        own = network.trace_step(x, y, state).tensors
        told["missing"] += sorted(set(own) ^ set(traced.tensors))
        plain_loss, plain = step.loss_and_gradients(snapshot.weights, x, y)
        for name, gradient in plain.items():
            if not np.allclose(gradient, traced.tensors[f"{name}_gradient"], rtol=1e-5):
                told["missing"].append(f"{loss} {last} {dtype} {name}")

for dtype in ("float32", "float64"):
    architecture = Architecture(
        (2,), (Dense(4, "tanh"), Dense(3, "softmax")), "sparse_categorical_crossentropy", backend)
    network = Network(architecture, seed=1, dtype=dtype)
    x, y = random.randn(20, 2).astype(dtype), random.randint(0, 3, (20, 1))
    model = build(architecture, dtype)
    set_weights(model, network.weights)
    training = Training(
        architecture=architecture, dtype=dtype, optimizer=Adam(0.01), weights=network.weights,
        x=x, y=y, order=BatchOrder(20, 8, shuffle_seed=3), epochs=6,
        validation_data=(x[:7], y[:7]))
    state = OptimizerState(training.optimizer, network.parameters, backend=backend)
    ours = training.fit(network, state)
    twin = train(model, training)
    told["histories"].append([[getattr(side, curve) for side in (ours, twin)]
        for curve in ("loss", "val_loss", "accuracy", "val_accuracy")])
    seconds = fit_seconds(build(architecture, dtype), replace(training, epochs=2))
    told["timed"] = len(seconds)
told["loaded"] = sorted({"tensorflow", "jax", "torch"} & set(sys.modules))
print(json.dumps(told))
"""


def run_on(backend, program, **variables):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, backend],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module", params=BACKENDS)
def told(request):
    """What the program says on each backend."""
    done = run_on(request.param, PROGRAM, JAX_ENABLE_X64="1")
    assert done.returncode == 0, done.stderr
    return {"backend": request.param, **json.loads(done.stdout.splitlines()[-1])}


def test_every_step_agrees_with_scratchnet_to_rounding(told):
    assert told["verdicts"] == {}


def test_every_tensor_is_traced_and_gradients_are_those_of_the_plain_model(told):
    assert told["missing"] == []


@pytest.mark.parametrize("curve", range(4), ids=["loss", "val_loss", "accuracy", "val_accuracy"])
def test_training_takes_the_same_batches_and_reports_in_the_same_meaning(told, curve):
    for history in told["histories"]:
        ours, twin = history[curve]
        # Six epochs amplify float32's rounding little; a wrong batch changes the second digit.
        assert twin == pytest.approx(ours, rel=1e-4)


def test_model_fit_is_timed_epoch_by_epoch(told):
    assert told["timed"] == 2


def test_no_other_backend_is_loaded(told):
    assert "tensorflow" not in told["loaded"]
    assert told["backend"] in told["loaded"]


@pytest.mark.jax
def test_float64_on_jax_without_its_switch_is_refused():
    program = """
from keras_baseline.backends import active
active("float32")
try:
    active("float64")
except RuntimeError as error:
    print(error)
"""
    done = run_on("jax", program, JAX_ENABLE_X64="0")
    assert done.stdout == "float64 on JAX: set JAX_ENABLE_X64=1 before Keras is imported\n"


@pytest.mark.jax
def test_a_step_on_jax_compiles_its_parts_and_not_every_operation():
    program = """
import numpy as np
from jax import monitoring
from keras_baseline.tracing import KerasStep
from scratchnet import Adam, Architecture, Dense, initial_weights

layers = (Dense(5, "tanh"), Dense(4, "relu"), Dense(3, "softmax"))
architecture = Architecture((2,), layers, "categorical_crossentropy", "jax")
step = KerasStep(architecture, "float32", Adam())
compiled = []
monitoring.register_event_duration_secs_listener(
    lambda event, _, **__: "backend_compile" in event and compiled.append(event)
)
weights = {name: w.astype("float32") for name, w in initial_weights(architecture, 0).items()}
batch = np.ones((6, 2), "float32"), np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]
step.trace(weights, *batch)
first = len(compiled)
step.trace(weights, *batch)
print(first, len(compiled) - first)
"""
    first, second = map(int, run_on("jax", program, JAX_ENABLE_X64="1").stdout.split())
    # The step, the update, and a slot of zeros for each of six shapes: not 20 operations for each.
    assert first <= 12
    assert second == 0


def test_a_network_of_another_backend_is_refused():
    architecture = Architecture((1,), (Dense(1),), "mean_squared_error", backend="jax")
    message = "backend = 'jax', but Keras runs on 'tensorflow'; set KERAS_BACKEND=jax"
    with pytest.raises(RuntimeError, match=message):
        KerasStep(architecture, "float32")
    training = Training(
        architecture=architecture,
        dtype="float32",
        optimizer=SGD(),
        weights={},
        x=None,
        y=None,
        order=BatchOrder(1),
        epochs=1,
        validation_data=(None, None),
    )
    with pytest.raises(RuntimeError, match=message):
        train(build(architecture, "float32"), training)


@pytest.mark.jax
def test_tracing_on_jax_keeps_masks():
    program = """
import numpy as np
from keras_baseline.tracing import KerasStep
from scratchnet import Architecture, Network
from scratchnet.layers import Dense, Embedding, GlobalAveragePooling1D

layers = (Embedding(4, 2, mask_zero=True), GlobalAveragePooling1D(), Dense(1))
architecture = Architecture((3,), layers, "mean_squared_error", "jax")
network = Network(architecture, seed=0)
x, y = np.array([[1, 0, 0], [2, 3, 0]], "float32"), np.zeros((2, 1), "float32")
twin = KerasStep(architecture, "float32").trace(network.weights, x, y)
print(abs(twin.loss - network.trace_step(x, y).loss) < 1e-6)
"""
    assert run_on("jax", program).stdout == "True\n"
