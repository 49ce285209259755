from dataclasses import replace

import numpy as np
import pytest

from experiments.report.curves import numbers, thin_curves, thin_timings
from experiments.trials.turns import EpochSeconds
from scratchnet.history import History


def with_losses(result, ours, twin, width=None):
    """A result with other training losses and another envelope."""
    sides = [
        History(loss=list(loss), accuracy=[0.5] * len(loss), val_loss=[], val_accuracy=[])
        for loss in (ours, twin)
    ]
    envelope = {} if width is None else {"loss_width": np.array(width)}
    return replace(result, scratchnet=sides[0], keras=sides[1], envelope=envelope)


def test_few_epochs_are_all_kept(moons_result):
    found = thin_curves(moons_result)
    assert found["epoch"] == [1, 2, 3, 4, 5, 6]
    assert found["keras_loss"] == pytest.approx(moons_result.keras.loss, rel=1e-5)


def test_many_epochs_are_thinned_but_no_peak_is_lost(moons_result):
    ours = np.linspace(1, 0.1, 10_000)
    twin = ours.copy()
    twin[4321] += 0.25
    found = thin_curves(with_losses(moons_result, ours, twin), points=100)
    assert len(found["epoch"]) == 100
    assert (found["epoch"][0], found["epoch"][-1]) == (1, 10_000)
    peaks = [gap for gap in found["difference"] if gap is not None]
    assert peaks == [pytest.approx(0.25)]
    at = found["difference"].index(peaks[0])
    assert found["epoch"][at - 1] < 4322 <= found["epoch"][at]


def test_what_a_log_axis_cannot_show_is_left_out(moons_result):
    result = with_losses(
        moons_result, [1.0, 1.0, np.nan, np.inf], [1.0, 1.5, 1.0, 1.0], [0.0, 1e-9, np.inf, 1e-8]
    )
    found = thin_curves(result)
    assert found["difference"] == [None, 0.5, None, None]
    assert found["envelope"] == [None, 1e-9, None, 1e-8]
    assert found["scratchnet_loss"] == [1.0, 1.0, None, None]


def test_curves_of_unequal_length_are_cut_to_the_shorter(moons_result):
    found = thin_curves(with_losses(moons_result, [3.0, 2.0, 1.0], [3.0, 2.0]))
    assert found["epoch"] == [1, 2]


def test_no_epochs_make_no_points(moons_result):
    assert thin_curves(with_losses(moons_result, [], []))["epoch"] == []


def test_many_timings_become_quantiles():
    seconds = np.linspace(1e-3, 2e-3, 1001)
    rows = [EpochSeconds("scratchnet", 1, i, float(s)) for i, s in enumerate(seconds)]
    found = thin_timings(rows, most=11)
    assert found["scratchnet"] == pytest.approx([1 + 0.1 * i for i in range(11)])
    assert found["keras"] == []


def test_numbers_keep_so_many_digits_and_no_more():
    values = [0.123456, -98765.4, 1e-17 / 3, 2 / 3 * 1e30, 0.0, 5e-324, 100.0]
    found = numbers(np.array(values), 3)
    assert found == [0.123, -98800.0, 3.33e-18, 6.67e29, 0.0, 5e-324, 100.0]
    assert all(len(repr(number)) < 10 for number in found)


def test_what_is_no_number_becomes_none():
    assert numbers(np.array([np.nan, 1.25, -np.inf]), 2) == [None, 1.2, None]
