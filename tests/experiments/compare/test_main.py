"""Two runs, one beside the other: what counts as a regression, and what does not."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from experiments.compare import __main__ as compare
from experiments.plan.plan import Plan, Trial

TABLE = {
    "architecture": {
        "units": [2, 3, 1],
        "last_activation": "sigmoid",
        "loss": "mean_squared_error",
    },
    "dataset": {"name": "moons", "n_samples": 200, "random_state": 0},
    "epochs": 3,
}
TRIALS = [Trial.from_dict({"name": name, **TABLE, "seed": i}) for i, name in enumerate("abc")]


def write(folder, *, verdicts="rounding", accuracy=0.9, factor=1.0, keras=1.0, **further):
    """Write the tables of a run, all trials alike; `factor` is on scratchnet's seconds."""
    folder.mkdir()
    status = further.get("status", "finished")
    plan = Plan("run", "", tuple(further.get("trials", TRIALS)))
    names = [trial.name for trial in plan.trials]
    (folder / "plan.toml").write_text(plan.to_toml())
    machine = {"processor": further.get("processor", "P"), "cores": 2}
    (folder / "environment.json").write_text(json.dumps(machine))
    pd.DataFrame(
        {
            "trial": names,
            "status": status,
            "verdict": verdicts,
            "scratchnet_test_accuracy": accuracy,
            "keras_test_accuracy": 0.9,
            "parameters": 13,
        }
    ).to_csv(folder / "trials.csv", index=False)
    random = np.random.default_rng(0)
    middles = {"scratchnet": 1e-3 * factor, "keras": 2e-2 * keras}
    pd.DataFrame(
        [
            (name, side, repeat, epoch, middle * random.lognormal(0, further.get("noise", 0.02)))
            for name in names
            if name not in further.get("untimed", "")
            for side, middle in middles.items()
            for repeat in (1, 2, 3)
            for epoch in (1, 2)
        ],
        columns=["trial", "implementation", "repeat", "epoch", "seconds"],
    ).to_csv(folder / "timings.csv", index=False)
    pd.DataFrame(
        [(name, "layer", 2, "dense_1", "bias_gradient", verdicts, "a sign") for name in names],
        columns=["trial", "mode", "step", "layer", "tensor", "verdict", "diagnosis"],
    ).to_csv(folder / "parity.csv", index=False)
    pd.DataFrame({"trial": names}).to_csv(folder / "epochs.csv", index=False)
    pd.DataFrame({"trial": names}).to_csv(folder / "comparability.csv", index=False)
    return folder


@pytest.fixture
def outcome(tmp_path, capsys):
    """A function: status and output of comparing a run with another one."""

    def compare_with(before=None, **after):
        old = write(tmp_path / "old", **(before or {}))
        new = write(tmp_path / "new", **after)
        status = compare.main([str(old), str(new)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return compare_with


def test_a_run_is_no_worse_than_itself(outcome, tmp_path):
    status, out, err = outcome()
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == str(tmp_path / "new" / "compare-old.html")
    assert " worse " not in out


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"verdicts": "divergent"}, "a: differs from Keras now, and did not before: step 2"),
        ({}, {"status": "crashed"}, "a: crashes now"),
        ({}, {"accuracy": 0.875}, "a: its test accuracy is 2.5 percentage points lower"),
        ({}, {"factor": 2.0}, "a: an epoch of scratchnet takes 2.00 times as long as before"),
        (
            {"verdicts": "chaos"},
            {"verdicts": "chaos", "accuracy": 0.5},
            "its test accuracy is 40 percentage points lower",
        ),
        (
            {},
            {"factor": 3.0, "keras": 1.0, "processor": "Q"},
            "3.00 times as long",
        ),
    ],
)
def test_a_regression_is_named_and_gives_status_1(outcome, before, after, words):
    status, out, err = outcome(before, **after)
    assert (status, err) == (1, "")
    assert words in out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"verdicts": "divergent"}, {}),
        ({"verdicts": "divergent"}, {"verdicts": "divergent"}),
        ({"verdicts": "rounding"}, {"verdicts": "chaos"}),
        ({"accuracy": 0.8}, {}),
        # One of forty samples more or less, where rounding grows to chaos.
        ({"verdicts": "chaos"}, {"verdicts": "chaos", "accuracy": 0.875}),
        ({}, {"factor": 1.1}),
        ({}, {"factor": 0.3}),
        # A busy machine slows both sides down; a faster Keras does not slow scratchnet down.
        ({}, {"factor": 3.0, "keras": 3.0}),
        ({}, {"keras": 0.2}),
        # Another processor is compared beside Keras only.
        ({}, {"factor": 3.0, "keras": 3.0, "processor": "Q"}),
    ],
)
def test_what_is_no_worse_is_no_regression(outcome, before, after):
    status, out, err = outcome(before, **after)
    assert (status, err) == (0, "")
    assert " worse " not in out


def answers_of(page):
    """Question and answer, as ``Is it still right? Yes.``, and the sentence below."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"<h2>([^<]*) <strong>([^<]*)</strong></h2>\s*<p>([^<]*)</p>", text)
    return [(f"{question} {short}", sentence) for question, short, sentence in found]


@pytest.mark.parametrize(
    ("before", "after", "short", "words"),
    [
        ({}, {"keras": 1.01}, "Yes.", "Of 3 trials, time per epoch is the same in 3."),
        ({}, {"factor": 0.3}, "Less.", "time per epoch is better in 3."),
        ({}, {"factor": 3.0}, "No.", "time per epoch is worse in 3."),
        ({"untimed": "abc"}, {}, "Unknown.", "is not known in the earlier run"),
        ({}, {"untimed": "abc"}, "Unknown.", "is not known in the later run"),
        ({"untimed": "abc"}, {"untimed": "abc"}, "Unknown.", "is not known in either run"),
        ({}, {"untimed": "b"}, "Partly unknown.", "is the same in 2 and unknown in 1. b: its"),
        # The interval reaches from less than the same to more than the same.
        ({"noise": 0.9}, {"noise": 0.9}, "Unknown.", "it is not known whether its time changed"),
    ],
)
def test_the_same_a_change_and_unknown_are_three_words(
    outcome, tmp_path, before, after, short, words
):
    _, out, err = outcome(before, **after)
    assert err == ""
    (_, right), (_, learns), (costs, sentence) = answers_of(tmp_path / "new" / "compare-old.html")
    assert costs == f"Does it still cost the same? {short}"
    assert words in sentence
    assert right == "Of 3 trials, parity is the same in 3."
    assert learns == "Of 3 trials, test accuracy is the same in 3."
    assert (" unknown " in out) == ("nknown" in short)


def test_two_runs_without_results_are_not_the_same(outcome, tmp_path):
    status, out, err = outcome({"status": "not run"}, status="not run")
    assert status == 2
    assert err == "experiments.compare: nothing could be compared, see above\n"
    assert "a: it is not known whether it is still right: neither run judged it" in out
    answers = [answer for answer, _ in answers_of(tmp_path / "new" / "compare-old.html")]
    assert [answer.rpartition("? ")[2] for answer in answers] == ["Unknown."] * 3


def test_a_trial_that_was_not_run_before_and_diverges_now_is_worse(outcome):
    status, out, _ = outcome({"status": "not run"}, verdicts="divergent")
    assert status == 1
    assert "a: differs from Keras now, and was not judged before: step 2" in out


def test_improvements_and_other_settings_are_told(outcome):
    longer = [Trial.from_dict(trial.to_dict() | {"epochs": 9}) for trial in TRIALS]
    status, out, _ = outcome({"verdicts": "divergent"}, trials=longer)
    assert status == 0
    assert "a: is rounding now; it was divergent" in out
    assert "a: other settings: epochs: 3, then 9" in out


def test_one_of_forty_samples_is_no_merit(outcome):
    status, out, _ = outcome({"accuracy": 0.875})
    assert status == 0
    assert "2.5 percentage points higher, a difference that chance could explain" in out
    assert "better" not in out


def test_of_other_settings_only_a_fall_beyond_chance_is_worse(outcome, tmp_path):
    longer = [Trial.from_dict(trial.to_dict() | {"epochs": 9}) for trial in TRIALS]
    assert outcome(trials=longer, accuracy=0.875)[0] == 0
    far = write(tmp_path / "far", trials=longer, accuracy=0.5)
    assert compare.main([str(tmp_path / "old"), str(far)]) == 1


def test_trials_of_one_run_only_are_told(outcome):
    status, out, _ = outcome(trials=TRIALS[1:])
    assert status == 0
    assert "old: a" in out


def test_one_divergent_row_is_enough(tmp_path, capsys):
    old, new = write(tmp_path / "old"), write(tmp_path / "new")
    parity = pd.read_csv(new / "parity.csv")
    parity.loc[1, "verdict"] = "divergent"
    parity.to_csv(new / "parity.csv", index=False)
    assert compare.main([str(old), str(new)]) == 1
    assert "b: differs from Keras now" in capsys.readouterr().out


def test_a_stored_run_needs_no_tables(tmp_path, moons_result, capsys):
    from experiments.trials.store import Store

    folder = tmp_path / "stored"
    store = Store.open(folder)
    store.save(moons_result)
    store.write_text("plan.toml", Plan("stored", "", (moons_result.trial,)).to_toml())
    assert compare.main([str(folder), str(folder)]) == 0
    assert "moons" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "RUN"], "nowhere: no such folder"),
        (["RUN", "EMPTY"], "has no plan.toml"),
        (["RUN", "OTHER"], "no trial in common"),
        (["RUN", "RUN", "--out", "RUN/none/page.html"], "cannot be written"),
        (["RUN", "BROKEN"], "has no column 'repeat'"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, capsys, arguments, words):
    write(tmp_path / "RUN")
    (tmp_path / "EMPTY").mkdir()
    write(tmp_path / "OTHER", trials=[Trial.from_dict({"name": "z", **TABLE})])
    write(tmp_path / "BROKEN")
    timings = pd.read_csv(tmp_path / "BROKEN" / "timings.csv")
    timings.drop(columns="repeat").to_csv(tmp_path / "BROKEN" / "timings.csv", index=False)
    arguments = [a if a.startswith("--") else str(tmp_path / a) for a in arguments]
    assert compare.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err


def test_json_says_what_the_table_says(tmp_path, capsys):
    old, new = write(tmp_path / "old"), write(tmp_path / "new", accuracy=0.5)
    assert compare.main([str(old), str(new), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["exit_status"] == 1
    assert [trial["trial"] for trial in found["trials"]] == ["a", "b", "c"]
    assert found["trials"][0]["accuracy"] == {"kind": "worse", "before": "0.900", "after": "0.500"}
