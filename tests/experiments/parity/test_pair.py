"""Two implementations of a step, one of them spoilt, and a third as arbiter."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.parity.pair import Pair, judge_pair, trace_scratchnet
from experiments.parity.trace import Snapshot
from keras_baseline.tracing import KerasStep
from scratchnet import Adam, Architecture, Dense, Network

ARCHITECTURE = Architecture((3,), (Dense(4, "relu"), Dense(1, "sigmoid")), "binary_crossentropy")
RULE = Adam(0.01)


@pytest.fixture(scope="module")
def snapshot():
    random = np.random.RandomState(0)
    network = Network(ARCHITECTURE, seed=3, dtype="float32")
    x = random.randn(6, 3).astype("float32")
    y = random.randint(0, 2, (6, 1)).astype("float32")
    slots = {
        f"{name}_{slot}": np.zeros_like(values)
        for name, values in network.weights.items()
        for slot in RULE.slots
    }
    return Snapshot(0, network.weights, slots, x, y)


@pytest.fixture(scope="module")
def traces(snapshot):
    """TensorFlow's own step, and scratchnet's in the place of torch's and JAX's."""
    keras = KerasStep(ARCHITECTURE, "float32", RULE).trace(
        snapshot.weights, snapshot.x, snapshot.y, snapshot.slots
    )
    ours = trace_scratchnet(ARCHITECTURE, "float32", RULE, snapshot)
    clipped = trace_scratchnet(replace(ARCHITECTURE, backend="torch"), "float32", RULE, snapshot)
    return {"tensorflow": keras, "scratchnet": ours, "torch": clipped, "jax": clipped}


def judged(pair, snapshot, traces):
    return judge_pair(pair, ARCHITECTURE, "float32", RULE, snapshot, traces)


def spoilt(trace, name, factor):
    return replace(trace, tensors={**trace.tensors, name: trace.tensors[name] * factor})


@pytest.mark.parametrize(
    "names",
    [
        ("scratchnet", "tensorflow"),
        ("torch", "tensorflow"),
        ("tensorflow", "jax"),
        ("jax", "torch"),
    ],
)
def test_right_sides_agree(names, snapshot, traces):
    judgement = judged(Pair(*names), snapshot, traces)
    assert judgement.first_divergence is None
    assert judgement.arbiters == {}
    assert {row.verdict for row in judgement.step.rows} <= {"identical", "rounding"}
    assert set(judgement.own) == set(names)


@pytest.mark.parametrize("wrong", ["torch", "tensorflow"])
def test_the_side_that_is_off_is_named_and_arbiters_stand_with_the_other(wrong, snapshot, traces):
    right = {"torch": "tensorflow", "tensorflow": "torch"}[wrong]
    name = "dense_1/kernel_gradient"
    bad = {**traces, wrong: spoilt(traces[wrong], name, np.float32(6))}
    judgement = judged(Pair("torch", "tensorflow"), snapshot, bad)
    first = judgement.first_divergence
    assert (first.layer, first.tensor, first.side) == ("dense_1", "kernel_gradient", wrong)
    assert judgement.arbiters == {"scratchnet": right, "jax": right}


def test_an_operation_is_judged_on_its_own_sides_inputs(snapshot, traces):
    bad = {**traces, "torch": spoilt(traces["torch"], "dense_1/activation", np.float32(1.5))}
    judgement = judged(Pair("torch", "tensorflow"), snapshot, bad)
    # Only the spoilt tensor is off, and what is computed from it with the unspoilt one.
    assert judgement.own["torch"].first_divergence.tensor == "activation"
    assert judgement.own["tensorflow"].first_divergence is None


@pytest.mark.parametrize(
    ("pair", "meaning"),
    [
        (("scratchnet", "tensorflow"), "tensorflow"),
        (("scratchnet", "torch"), "torch"),
        (("tensorflow", "scratchnet"), "tensorflow"),
        (("tensorflow", "jax"), "jax"),
        (("jax", "tensorflow"), "jax"),
        (("jax", "torch"), "torch"),
    ],
)
def test_a_pair_follows_the_less_exact_backend(pair, meaning):
    assert Pair(*pair).meaning == meaning
