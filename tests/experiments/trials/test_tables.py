from dataclasses import replace

import numpy as np
import pytest

from experiments.trials.tables import VERDICTS, build_tables, worst_verdict

# As in the contract, docs/results.md.
TRIALS = [
    "trial",
    "dataset",
    "architecture",
    "optimizer",
    "dtype",
    "backend",
    "seed",
    "batch_size",
    "epochs",
    "parameters",
    "status",
    "verdict",
    "scratchnet_train_accuracy",
    "keras_train_accuracy",
    "scratchnet_test_accuracy",
    "keras_test_accuracy",
    "scratchnet_final_loss",
    "keras_final_loss",
    "scratchnet_median_epoch_seconds",
    "keras_median_epoch_seconds",
    "not_finite_epoch",
    "speedup",
]
EPOCHS = ["trial", "implementation", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
TIMINGS = ["trial", "implementation", "repeat", "epoch", "seconds"]
PARITY = [
    "trial",
    "mode",
    "step",
    "layer",
    "tensor",
    "max_abs",
    "max_rel",
    "max_ulp",
    "bound_ratio",
    "verdict",
    "diagnosis",
]
COMPARABILITY = [
    "trial",
    "comparable",
    *(
        f"{side}_{column}"
        for side in ("scratchnet", "keras")
        for column in (
            "initial_weights",
            "batch_order",
            "updates",
            "layer_dtype",
            "loss_dtype",
            "metric_dtype",
            "loss_path",
            "backend",
            "jit",
        )
    ),
    "samples",
    "scratchnet_correct",
    "keras_correct",
    "scratchnet_low",
    "scratchnet_high",
    "keras_low",
    "keras_high",
    "only_scratchnet",
    "only_keras",
    "mcnemar",
]


@pytest.fixture(scope="module")
def tables(small_trials, moons_result, blobs_result):
    return build_tables(small_trials, {"moons": moons_result, "blobs": blobs_result})


def test_columns_are_those_of_the_contract(tables):
    assert list(tables.trials) == TRIALS
    assert list(tables.epochs) == EPOCHS
    assert list(tables.timings) == TIMINGS
    assert list(tables.parity)[: len(PARITY)] == PARITY
    assert list(tables.comparability) == COMPARABILITY
    assert set(tables.parity) - set(PARITY) == {"expected_ratio", "floor", "side"}


def test_every_trial_of_the_plan_has_a_row(tables):
    assert list(tables.trials["trial"]) == ["moons", "blobs", "table"]
    assert list(tables.trials["status"]) == ["finished", "finished", "not run"]
    assert np.isnan(tables.trials["speedup"].iloc[2])


def test_a_trials_row_says_what_its_history_ends_with(tables, moons_result):
    row = tables.trials.iloc[0]
    assert row["scratchnet_final_loss"] == moons_result.scratchnet.loss[-1]
    assert row["keras_test_accuracy"] == moons_result.keras.val_accuracy[-1]
    assert row["parameters"] == 2 * 4 + 4 + 4 + 1
    assert row["architecture"] == "2-4-1 relu, sigmoid"
    assert row["optimizer"] == "sgd(learning_rate=0.1)"
    assert row["batch_size"] == "full"


def test_the_speedup_is_the_quotient_of_the_medians_of_the_timings(tables):
    for _, row in tables.trials.iloc[:2].iterrows():
        own = tables.timings[tables.timings["trial"] == row["trial"]]
        medians = own.groupby("implementation")["seconds"].median()
        assert row["keras_median_epoch_seconds"] == medians["keras"]
        assert row["speedup"] == pytest.approx(medians["keras"] / medians["scratchnet"])


def test_both_trainings_of_a_trial_are_comparable(tables, moons_result):
    rows = tables.comparability.set_index("trial")
    assert rows["comparable"].all()
    assert rows.loc["moons", "scratchnet_initial_weights"].startswith("sha256:")
    targets, ours = moons_result.test_targets, moons_result.scratchnet_predictions
    right = np.sum((ours > 0.5) == (targets == 1))
    assert rows.loc["moons", "scratchnet_correct"] == right


def test_a_trial_without_a_result_has_the_status_that_is_given(small_trials):
    found = build_tables(small_trials, {}, {"blobs": "crashed"}).trials["status"]
    assert list(found) == ["not run", "crashed", "not run"]


def test_every_epoch_of_both_sides_has_a_row(tables):
    counts = tables.epochs.groupby(["trial", "implementation"])["epoch"].agg(["min", "max", "size"])
    assert counts.loc[("moons", "keras")].tolist() == [1, 6, 6]
    assert counts.loc[("blobs", "scratchnet")].tolist() == [1, 4, 4]


def test_the_worst_row_gives_the_verdict(moons_result):
    row = moons_result.parity[0]
    for index, verdict in enumerate(VERDICTS):
        rows = [replace(row, verdict=other) for other in reversed(VERDICTS[: index + 1])]
        assert worst_verdict(rows) == verdict
    assert worst_verdict([]) == ""


def test_without_results_tables_still_have_their_columns(small_trials):
    tables = build_tables(small_trials, {})
    assert list(tables.trials) == TRIALS
    assert list(tables.epochs) == EPOCHS
    assert list(tables.timings) == TIMINGS
    assert list(tables.parity) == PARITY
    assert list(tables.comparability) == COMPARABILITY
