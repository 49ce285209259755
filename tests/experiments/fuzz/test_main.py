"""The fuzzer: what it draws, finds, makes small, saves and climbs."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments import run
from experiments.fuzz import __main__ as fuzz
from experiments.fuzz.cases import draw_case
from experiments.fuzz.climb import climb, written_out
from experiments.fuzz.judge import Judge
from experiments.fuzz.shrink import shrink
from experiments.plan.plan import Plan, load_plan
from experiments.plan.random_data import VALUES
from experiments.trials.data import load_data
from scratchnet.activations import ACTIVATIONS, Activation
from scratchnet.activations.basic import tanh
from scratchnet.layers import LAYERS, Dense
from scratchnet.losses import LOSSES
from scratchnet.optimizers import OPTIMIZERS, SGD


def test_a_case_depends_on_its_numbers_alone():
    assert draw_case(3, 17, "tensorflow") == draw_case(3, 17, "tensorflow")
    assert draw_case(3, 17, "tensorflow") != draw_case(3, 18, "tensorflow")
    assert draw_case(3, 17, "tensorflow") != draw_case(4, 17, "tensorflow")


def test_cases_cover_the_catalogue():
    cases = [draw_case(0, index, "tensorflow") for index in range(1200)]
    layers = [layer for case in cases for layer in case.architecture.layers]
    assert {layer.kind for layer in layers} == set(LAYERS)
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    assert {layer.activation for layer in dense} == {
        name for name, entry in ACTIVATIONS.items() if not entry.needs_arguments
    }
    assert {layer.use_bias for layer in dense} == {True, False}
    assert {case.architecture.loss.name for case in cases} == set(LOSSES)
    assert {type(case.optimizer) for case in cases} == set(OPTIMIZERS.values())
    assert {case.dtype for case in cases} == {"float32", "float64"}
    assert {case.dataset.parameters["values"] for case in cases} == set(VALUES)
    assert {len(case.architecture.layers) for case in cases} >= {1, 2, 3, 4, 5}
    assert {len(case.architecture.input_shape) for case in cases} >= {1, 2, 3}
    scales = [case.dataset.parameters["scale"] for case in cases]
    assert min(scales) < 1e-20
    assert max(scales) > 1e20


@pytest.mark.parametrize("index", range(20))
def test_a_case_goes_through_a_plan_unchanged(index, tmp_path):
    case = draw_case(1, index, "tensorflow")
    plain = len(case.architecture.input_shape) == 1
    for trial in (case, written_out(case)) if plain else (case,):
        path = tmp_path / "case.toml"
        path.write_text(Plan("case", "", (trial,)).to_toml())
        (read,) = load_plan(path).trials
        assert read == trial


def test_written_out_data_are_the_drawn_ones():
    cases = (draw_case(1, index, "tensorflow") for index in range(50))
    case = next(case for case in cases if len(case.architecture.input_shape) == 1)
    drawn, written = load_data(case), load_data(written_out(case))
    rows = {tuple(row) for row in drawn.x_train} | {tuple(drawn.x_test[0])}
    assert {tuple(row) for row in np.concatenate([written.x_train, written.x_test])} == rows


def test_some_cases_find_nothing_and_say_so_in_json(tmp_path, capsys):
    status = fuzz.main(["--count", "12", "--jobs", "1", "--json", "--out", str(tmp_path)])
    report = json.loads(capsys.readouterr().out)
    assert status == 0
    assert sum(report["verdicts"].values()) == report["cases"] == 12
    assert report["failures"] == 0
    assert 0 < report["largest_ratios"][0]["ratio"] <= 1
    assert not list(tmp_path.iterdir())


def test_work_that_takes_long_says_how_far_it_is_where_no_bar_is_drawn(
    tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr(fuzz, "SILENCE", 0.0)
    arguments = ["--count", "12", "--jobs", "1", "--json", "--out", str(tmp_path)]
    assert fuzz.main(arguments) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["cases"] == 12
    said = [line for line in err.splitlines() if " of 3 groups of 5 cases" in line]
    assert [line.split()[0] for line in said] == ["1", "2", "3"]


def test_inputs_beyond_float32_are_judged_in_float64():
    case = next(
        case
        for case in (draw_case(20261125, index, "tensorflow") for index in range(2000))
        if abs(case.dataset.parameters["scale"]) > 1e100
    )
    assert case.dtype == "float64"
    result = Judge()(case)
    assert result.verdict != "crashed", result.crash
    assert result.tensors


def test_the_report_for_people_counts_the_verdicts(tmp_path, capsys):
    assert fuzz.main(["--count", "2", "--jobs", "1", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "2 cases of seed 0 against Keras on tensorflow" in printed
    assert "divergent" in printed


def wrong_backward(tape, z, a, da, dz, scratch):
    """The derivative of tanh without its square."""
    tape.add(np.subtract, np.ones_like(a), a, out=dz)
    tape.add(np.multiply, dz, da, out=dz)


def test_a_planted_mistake_is_found_made_small_and_repeated(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "tanh", Activation("tanh", tanh, wrong_backward))
    status = fuzz.main(["--count", "8", "--jobs", "1", "--json", "--out", str(tmp_path)])
    report = json.loads(capsys.readouterr().out)
    assert status == 1
    assert report["failures"] >= 1
    (failure,) = [
        found
        for found in report["smallest_failures"]
        if "pre_activation_gradient" in found["sentence"]
    ][:1]
    (trial,) = load_plan(Path(failure["plan"])).trials
    # One unit of tanh on one sample shows it.
    assert activations(trial).count("tanh") == 1
    assert max(shape[0] for shape in trial.architecture.shapes()) <= 2
    assert trial.epochs == 1
    assert trial.optimizer == SGD()
    # The plan repeats it, and is well once the mistake is mended.
    arguments = [failure["plan"], "--out", str(tmp_path / "run"), "--fresh"]
    assert run.main([*arguments, "--in-process"]) == 1
    monkeypatch.undo()
    assert run.main(arguments) == 0


def test_shrinking_keeps_what_fails_and_nothing_else():
    case = next(
        case
        for case in (draw_case(0, index, "tensorflow") for index in range(600))
        # Inputs with positions cannot become a single number.
        if len(case.architecture.input_shape) == 1
        and len(case.architecture.layers) == 4
        and "relu" in activations(case)
    )
    smallest = shrink(case, lambda trial: "relu" in activations(trial))
    assert smallest.architecture.input_shape == (1,)
    assert activations(smallest).count("relu") == 1
    assert len(smallest.architecture.layers) <= 2
    assert smallest.dataset.parameters["n_samples"] == 2
    assert smallest.optimizer == SGD()
    assert (smallest.batch_size, smallest.shuffle_seed, smallest.seed) == (None, None, 0)


def test_shrinking_leaves_a_case_that_cannot_be_smaller():
    case = draw_case(0, 5, "tensorflow")
    assert shrink(case, lambda _: False) == case


def test_shrinking_shortens_numbers_that_are_written_out():
    case = written_out(draw_case(0, 5, "tensorflow"))
    first = case.dataset.parameters["x"][0][0]
    smallest = shrink(case, lambda trial: trial.dataset.parameters["x"][0][0] != 0)
    assert len(repr(smallest.dataset.parameters["x"][0][0])) < len(repr(first))


def activations(trial):
    """Return the activation of each layer; None for a layer that has no such setting."""
    return [getattr(layer, "activation", None) for layer in trial.architecture.layers]


def test_a_climb_ends_no_lower_than_it_began():
    judge = Judge()
    start = judge(draw_case(0, 2, "tensorflow"))
    end = climb(start, judge, steps=15, seed=1)
    assert end.verdict in ("rounding", "undecidable")
    assert end.height >= judge(climb(start, judge, steps=0, seed=1).trial).height


def test_a_case_that_crashes_is_reported_and_ends_with_3(tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("planted")

    for name in ACTIVATIONS:
        monkeypatch.setitem(ACTIVATIONS, name, Activation(name, broken, broken))
    status = fuzz.main(["--count", "1", "--jobs", "1", "--json", "--out", str(tmp_path)])
    report = json.loads(capsys.readouterr().out)
    assert status == 3
    assert report["verdicts"] == {"crashed": 1}
    assert report["smallest_failures"][0]["sentence"] == "ZeroDivisionError: planted"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "jaks"], "backend = 'jaks'; expected one of"),
        (["--out", "/proc/nowhere"], "choose a folder with --out"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert fuzz.main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--count", "-1"], ["--jobs", "0"], ["--seed", "x"]])
def test_a_number_that_cannot_be_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        fuzz.main(arguments)
    assert end.value.code == 2
    assert "expected a" in capsys.readouterr().err
