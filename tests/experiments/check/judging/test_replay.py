"""A replayed step, with an activation that the replay has no formula of its own for."""

import numpy as np
import pytest

from experiments.check.cases import Case
from experiments.check.judging.replay import Replay, activate, backward
from scratchnet import Architecture, Dense
from scratchnet.activations import ACTIVATIONS, Activation


def test_an_activation_without_a_formula_here_is_not_taken_for_linear(monkeypatch):
    def forward(tape, z, a, scratch):
        tape.add(np.multiply, z, z, out=a)

    def derivative(tape, z, a, da, dz, scratch):
        tape.add(np.multiply, da, z, out=dz)
        tape.add(np.add, dz, dz, out=dz)

    monkeypatch.setitem(ACTIVATIONS, "square", Activation("square", forward, derivative))
    layers = (Dense(3, "square"), Dense(1, "linear"))
    case = Case(Architecture((2,), layers, "mean_squared_error"), 4, 1, 0.25)
    step = Replay(case, case.point("float64"))
    np.testing.assert_array_equal(step.a[0], step.z[0] ** 2)
    np.testing.assert_array_equal(step.dz[0], 2 * step.z[0] * step.da[0])


def test_an_unknown_activation_is_refused():
    z = np.ones((1, 1), np.longdouble)
    with pytest.raises(KeyError, match="no_such"):
        activate("no_such", z)
    with pytest.raises(KeyError, match="no_such"):
        backward("no_such", z, z, z)
