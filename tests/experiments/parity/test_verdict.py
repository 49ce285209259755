import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.parity.exact.rounding import Bounded, Precision
from experiments.parity.mistakes import SENTENCES, diagnose
from experiments.parity.step import TwinStep, values_of
from experiments.parity.trace import Snapshot
from experiments.parity.verdict import (
    detectability_floor,
    judge_lockstep,
    judge_network,
    judge_tensor,
    judge_values,
)
from keras_baseline.tracing import KerasStep
from scratchnet import SGD, Adam, AdamW, Architecture, Dense, Network, RMSprop, initial_weights

OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    RMSprop(),
    Adam(),
    AdamW(),
]


def snapshot_of(architecture, batch, optimizer, dtype, step=0, seed=0):
    """A step in the middle of training: weights, slots and a batch in a dtype."""
    random = np.random.RandomState(seed)
    weights = {n: w.astype(dtype) for n, w in initial_weights(architecture, seed).items()}
    slots = {
        f"{name}_{slot}": (step > 0) * np.abs(0.01 * random.randn(*w.shape)).astype(dtype)
        for name, w in weights.items()
        for slot in (optimizer.slots if optimizer else ())
    }
    return Snapshot(step, weights, slots, *batch)


@given(data=st.data())
@settings(max_examples=20)
def test_keras_and_scratchnet_are_never_divergent(data, architectures, make_batch):
    architecture = data.draw(architectures)
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    optimizer = data.draw(st.sampled_from(OPTIMIZERS))
    scale = data.draw(st.sampled_from([1e-6, 1.0, 30.0, 1e5]))
    x, y = make_batch(architecture, data.draw(st.integers(1, 9)), dtype)
    snapshot = snapshot_of(
        architecture, ((x * scale).astype(dtype), y), optimizer, dtype, data.draw(st.integers(0, 3))
    )
    rows = judge_lockstep(architecture, dtype, optimizer, [snapshot])
    assert {row.mode for row in rows} == {"layer", "step"}
    assert not [row for row in rows if row.verdict == "divergent"]


@pytest.fixture(scope="module")
def steps():
    """One step of the same small network in each dtype."""
    architecture = Architecture(
        (3,), (Dense(4, "relu"), Dense(4, "tanh"), Dense(1, "sigmoid")), "binary_crossentropy"
    )
    random = np.random.RandomState(1)
    x, y = random.randn(6, 3), random.randint(0, 2, (6, 1)).astype(float)

    def take(dtype):
        snapshot = snapshot_of(
            architecture, (x.astype(dtype), y.astype(dtype)), Adam(), dtype, step=2
        )
        return TwinStep.take(KerasStep(architecture, dtype, Adam()), snapshot)

    return {dtype: take(dtype) for dtype in ("float32", "float64")}


def network_of(step):
    return Network(step.architecture, seed=0, dtype=step.dtype)


DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
def test_every_tensor_of_a_step_has_a_row_in_both_modes(steps, dtype):
    judgement = judge_network(steps[dtype], network_of(steps[dtype]))
    assert judgement.first_divergence is None
    for mode in ("layer", "step"):
        names = [
            row.tensor if row.tensor == "loss" else f"{row.layer}/{row.tensor}"
            for row in judgement.rows
            if row.mode == mode
        ]
        assert names == list(steps[dtype].whole)


@DTYPES
@pytest.mark.parametrize("side", ["scratchnet", "keras", "scratchnet and keras"])
def test_side_that_leaves_the_bound_is_named(steps, dtype, side):
    bounded = steps[dtype].whole["dense_1/kernel_gradient"]
    right = bounded.value.astype(dtype)
    values = {name: right.copy() for name in ("scratchnet", "keras")}
    for name in values:
        if name in side:
            values[name][1, 2] += 4 * bounded.error[1, 2]
    row, divergence = judge_tensor("step", 0, "dense_1/kernel_gradient", *values.values(), bounded)
    assert (row.verdict, row.side) == ("divergent", side)
    assert divergence.index == (1, 2)
    assert divergence.ours == values["scratchnet"][1, 2]
    assert divergence.twin == values["keras"][1, 2]


@DTYPES
def test_value_within_the_bound_is_rounding_and_equal_values_are_identical(steps, dtype):
    for name, bounded in steps[dtype].whole.items():
        right = np.asarray(bounded.value.astype(dtype))
        row, _ = judge_tensor("step", 0, name, right, right, bounded)
        assert row.verdict == "identical"
        # Toward the right value's own side, or rounding to the dtype would carry it beyond.
        moved = (right + 0.4 * (bounded.value + bounded.error - right)).astype(dtype)
        row, _ = judge_tensor("step", 0, name, np.asarray(moved), right, bounded)
        assert row.verdict == ("identical" if np.array_equal(moved, right) else "rounding")
        assert row.bound_ratio <= 1


@DTYPES
def test_mistake_above_the_detectability_floor_is_found_in_every_tensor(steps, dtype):
    step = steps[dtype]
    ours = values_of(step.twin)
    for name, bounded in step.local.items():
        floor = detectability_floor(bounded)
        if not 0 < floor < np.inf:
            continue
        wrong = np.asarray(ours[name] * (1 + 1.01 * floor), dtype)
        # Where the floor is as small as one unit in the last place the product may round down.
        wrong = np.where(wrong == ours[name], np.nextafter(ours[name], np.inf), wrong)
        row, _ = judge_tensor("layer", 0, name, wrong.astype(dtype), ours[name], bounded)
        assert row.verdict == "divergent", name


def test_not_a_number_is_divergent(steps):
    bounded = steps["float64"].local["dense_1/activation"]
    right = bounded.value.astype("float64")
    wrong = right.copy()
    wrong[0, 0] = np.nan
    row, _ = judge_tensor("layer", 0, "dense_1/activation", wrong, right, bounded)
    assert row.verdict == "divergent"


def test_branch_that_cannot_be_decided_is_undecidable_and_not_divergent():
    precision = Precision.of("float32")
    z = Bounded(np.array([[1e-9, 1.0]]), *[np.full((1, 2), 1e-7)] * 3, precision)
    da = precision.exact(np.float32([[5.0, 5.0]]))
    masked = da.passes(z.value > 0, z.size <= z.error)
    one, other = np.float32([[5.0, 5.0]]), np.float32([[0.0, 5.0]])
    row, divergence = judge_tensor("step", 0, "dense_1/pre_activation_gradient", one, other, masked)
    assert row.verdict == "undecidable"
    assert divergence is None
    decided = np.float32([[5.0, 0.0]])
    row, _ = judge_tensor("step", 0, "dense_1/pre_activation_gradient", decided, one, masked)
    assert row.verdict == "divergent"


def test_pre_activation_that_cancels_makes_what_follows_undecidable():
    # 0.1 + 0.2 - 0.3 is 0 or not, by the order of summation.
    architecture = Architecture((3,), (Dense(1, "relu"), Dense(1)), "mean_squared_error")
    weights = {
        "dense_1/kernel": np.ones((3, 1)),
        "dense_1/bias": np.zeros(1),
        "dense_2/kernel": np.ones((1, 1)),
        "dense_2/bias": np.zeros(1),
    }
    batch = np.array([[0.1, 0.2, -0.3], [1.0, 1.0, 1.0]]), np.array([[7.0], [1.0]])
    step = TwinStep.take(KerasStep(architecture, "float64"), Snapshot(0, weights, {}, *batch))
    ours = values_of(step.twin)
    flipped = ours["dense_1/pre_activation_gradient"].copy()
    flipped[0, 0] = 0.0 if flipped[0, 0] else ours["dense_1/activation_gradient"][0, 0]
    ours["dense_1/pre_activation_gradient"] = flipped
    ours["dense_1/kernel_gradient"] = batch[0].T @ flipped
    verdicts = {row.tensor: row.verdict for row in judge_values("step", step, ours).rows[-2:]}
    rows = judge_values("step", step, ours).rows
    verdicts = {(row.layer, row.tensor): row.verdict for row in rows}
    assert verdicts["dense_1", "pre_activation_gradient"] == "undecidable"
    assert verdicts["dense_1", "kernel_gradient"] == "undecidable"
    assert "divergent" not in verdicts.values()


def test_result_beyond_the_largest_number_may_be_infinite():
    architecture = Architecture((1,), (Dense(1),), "mean_squared_error")
    weights = {"dense_1/kernel": np.float32([[1e30]]), "dense_1/bias": np.float32([0])}
    batch = np.float32([[1e10]]), np.float32([[0]])
    [*rows] = judge_lockstep(architecture, "float32", SGD(), [Snapshot(0, weights, {}, *batch)])
    assert not [row for row in rows if row.verdict == "divergent"]


@DTYPES
def test_first_divergence_is_where_the_mistake_arises(steps, dtype):
    step = steps[dtype]
    ours = values_of(step.twin)
    # All that comes after a wrong tensor is wrong too; the first is named.
    for name in list(ours):
        if "gradient" in name and name.startswith("dense_1"):
            ours[name] = ours[name] * 2
    first = judge_values("step", step, ours).first_divergence
    assert f"{first.layer}/{first.tensor}" == "dense_1/activation_gradient"
    assert first.diagnosis == "factor_2"
    assert "twice" in first.sentence
    assert "dense_1/activation_gradient[" in first.sentence


def only_gradients(step, replace):
    """Loss and gradients of weights of a network that makes a mistake somewhere inside."""
    tensors = step.replayed(replace)
    return {
        name: np.asarray(bounded.value.astype(step.dtype))
        for name, bounded in tensors.items()
        if name == "loss" or name.endswith(("kernel_gradient", "bias_gradient"))
    }


@DTYPES
@pytest.mark.parametrize(
    ("tensor", "wrong", "code"),
    [
        (
            "dense_1/pre_activation_gradient",
            lambda t: t["dense_1/activation_gradient"],
            "derivative_missing",
        ),
        (
            "dense_2/pre_activation_gradient",
            lambda t: t["dense_2/activation_gradient"] * (1 - t["dense_2/activation"]),
            "square_missing",
        ),
        (
            "dense_3/pre_activation_gradient",
            lambda t: t["dense_3/pre_activation_gradient"] * 6,
            "batch_size_missing",
        ),
        ("dense_2/activation", lambda t: t["dense_2/pre_activation"].relu(), "wrong_activation"),
        ("loss", lambda t: -t["loss"], "sign"),
    ],
)
def test_mistake_inside_a_network_that_tells_only_its_gradients_is_named(
    steps, dtype, tensor, wrong, code
):
    step = steps[dtype]

    def replace(name, right, tensors):
        return wrong({**tensors, name: right}) if name == tensor else right

    ours = only_gradients(step, replace)
    first = judge_values("step", step, ours).first_divergence
    name = f"{first.layer}/{first.tensor}".removeprefix("loss/")
    diagnosis = diagnose(step.observed("step", ours), name)
    assert (diagnosis.code, diagnosis.tensor) == (code, tensor)
    assert first.diagnosis == code


@DTYPES
def test_same_mistake_in_every_layer_is_named(steps, dtype):
    step = steps[dtype]

    snapshot = dataclasses.replace(
        step.snapshot,
        weights={n: w + (1 if "bias" in n else 0) for n, w in step.snapshot.weights.items()},
    )
    step = TwinStep.take(KerasStep(step.architecture, dtype), snapshot)

    def without_bias(name, right, tensors):
        if not name.endswith("pre_activation"):
            return right
        return right - step.precision.exact(
            snapshot.weights[name.replace("pre_activation", "bias")]
        )

    first = judge_values("step", step, only_gradients(step, without_bias)).first_divergence
    assert first.diagnosis == "bias_missing"


def test_what_no_known_mistake_explains_is_described(steps):
    step = steps["float64"]
    ours = values_of(step.twin)
    ours["dense_2/kernel_gradient"] = ours["dense_2/kernel_gradient"] * 0.7
    diagnosis = diagnose(step.observed("step", ours), "dense_2/kernel_gradient")
    assert diagnosis.code == "factor"
    assert diagnosis.sentence == "the gradient of the kernel is 0.7 times what it should be"
    ours["dense_2/kernel_gradient"] = np.random.RandomState(0).randn(4, 4)
    first = judge_values("step", step, ours).first_divergence
    assert first.diagnosis == ""
    assert "no known mistake explains it" in first.sentence


def test_sentences_are_short_and_have_no_full_stop():
    for code, sentence in SENTENCES.items():
        assert len(sentence) < 150, code
        assert not sentence.endswith("."), code
