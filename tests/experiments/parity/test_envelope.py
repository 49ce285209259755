"""Free-running: what one-ulp perturbations can do to a training, and what they cannot."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import t as student

from experiments.parity.envelope import (
    SIGNIFICANCE,
    Envelope,
    PerturbedState,
    envelope,
    judge_free,
    perturbed_histories,
)
from experiments.parity.exact.reference import reference_step
from experiments.parity.trace import Snapshot
from keras_baseline.model import build
from keras_baseline.training import train
from keras_baseline.weights import set_weights
from scratchnet import (
    SGD,
    Architecture,
    BatchOrder,
    Dense,
    History,
    Network,
    OptimizerState,
    initial_weights,
)
from scratchnet.training import Training

ARCHITECTURE = Architecture((2,), (Dense(6, "relu"), Dense(1, "sigmoid")), "binary_crossentropy")
ORDER = BatchOrder(24, batch_size=9, shuffle_seed=1)
EPOCHS = 40


def training(dtype, rule):
    random = np.random.RandomState(0)
    x = random.randn(24, 2)
    y = (x[:, :1] * x[:, 1:] > 0).astype(float)
    weights = {n: w.astype(dtype) for n, w in initial_weights(ARCHITECTURE, 3).items()}
    x, y = x.astype(dtype), y.astype(dtype)
    return Training(
        architecture=ARCHITECTURE,
        dtype=dtype,
        optimizer=rule,
        weights=weights,
        x=x,
        y=y,
        order=ORDER,
        epochs=EPOCHS,
        validation_data=(x, y),
    )


def base_run(dtype, rule):
    described = training(dtype, rule)
    network = described.network()
    return described.fit(network, OptimizerState(rule, network.parameters))


def keras_run(dtype, rule):
    described = training(dtype, rule)
    model = build(ARCHITECTURE, dtype)
    set_weights(model, described.weights)
    return train(model, described)


def first_loss(dtype):
    start = training(dtype, SGD())
    snapshot = Snapshot(0, start.weights, {}, start.x, start.y)
    return reference_step(ARCHITECTURE, dtype, snapshot)["loss"]


def verdicts(ours, twin, strayed, dtype):
    return {r.tensor: r.verdict for r in judge_free(ours, twin, strayed, first_loss(dtype))}


@pytest.fixture(scope="module", params=["float32", "float64"])
def trained(request):
    """A base run and its envelope."""
    dtype, rule = request.param, SGD(0.3)
    base = base_run(dtype, rule)
    return dtype, base, envelope(base, perturbed_histories(training(dtype, rule), range(4)))


def test_keras_lies_within_the_envelope(trained):
    dtype, base, strayed = trained
    found = verdicts(base, keras_run(dtype, SGD(0.3)), strayed, dtype)
    assert set(found) == {"loss", "val_loss"}
    assert set(found.values()) <= {"identical", "rounding", "chaos"}


def test_further_perturbed_runs_lie_within_the_envelope(trained):
    dtype, base, strayed = trained
    for run in perturbed_histories(training(dtype, SGD(0.3)), range(100, 120)):
        assert "divergent" not in verdicts(base, run, strayed, dtype).values()


@pytest.mark.parametrize("share", [0.999, 1.001])
def test_learning_rate_a_thousandth_off_is_divergent_within_a_few_epochs(trained, share):
    dtype, base, strayed = trained
    other = keras_run(dtype, SGD(0.3 * share))
    rows = judge_free(base, other, strayed, first_loss(dtype))
    assert {row.verdict for row in rows} == {"divergent"}
    assert max(row.step for row in rows) < 5


def test_equal_curves_are_identical(trained):
    dtype, base, strayed = trained
    assert set(verdicts(base, base, strayed, dtype).values()) == {"identical"}


def test_width_is_students_t_times_the_root_mean_square_so_far():
    gaps = np.array([[1.0, 3.0, 2.0], [1.0, 0.0, 4.0]])
    widths = Envelope({"loss": gaps}).width("loss")
    quantile = student.isf(SIGNIFICANCE / 2, 2)
    # The gaps never shrink: the largest so far counts.
    expected = [np.sqrt((1 + 1) / 2), np.sqrt((9 + 1) / 2), np.sqrt((9 + 16) / 2)]
    np.testing.assert_allclose(widths, quantile * np.array(expected))


def test_one_more_normal_gap_leaves_the_width_as_rarely_as_it_should():
    # With a significance of 1 %, of 20,000 gaps about 200 lie outside.
    random = np.random.RandomState(0)
    gaps = np.abs(random.standard_normal((20_000, 5)))
    quantile = student.isf(0.01 / 2, 4)
    outside = gaps[:, 4] > quantile * np.sqrt(np.mean(gaps[:, :4] ** 2, axis=1))
    assert 0.008 < outside.mean() < 0.012


def test_run_that_becomes_nan_on_one_side_is_divergent(trained):
    dtype, base, strayed = trained
    broken = dataclasses.replace(base, loss=[*base.loss[:-1], float("nan")])
    found = verdicts(broken, base, strayed, dtype)
    assert found == {"loss": "divergent", "val_loss": "identical"}
    both = verdicts(broken, broken, strayed, dtype)
    assert both["loss"] == "identical"


def test_envelope_of_runs_that_overflow_says_nothing():
    base = History(loss=[1.0, 2.0], val_loss=[1.0, 2.0])
    wild = History(loss=[1.0, float("inf")], val_loss=[1.0, 2.0])
    strayed = envelope(base, [wild, base])
    assert strayed.width("loss")[1] == np.inf
    assert strayed.width("val_loss")[1] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_perturbation_is_at_most_one_unit_in_the_last_place(dtype):
    network = Network(ARCHITECTURE, seed=1, dtype=dtype)
    before = network.parameters.values.copy()
    PerturbedState(SGD(), network.parameters, np.random.default_rng(0))
    after = network.parameters.values
    moved = np.abs(after - before) / np.spacing(np.abs(before))
    # Between 1 and 2 units: a relative eps is up to two units just above a power of 2.
    assert 0 < np.count_nonzero(moved) < len(moved)
    assert moved.max() <= 2
