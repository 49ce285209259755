import numpy as np
import pytest

from scratchnet import ArchitectureError
from scratchnet.regularizers import L1, L1L2, L2, as_regularizer

WEIGHT = np.array([[2.0, -3.0], [0.0, 0.5]])


def run(rule):
    """The penalty on `WEIGHT`, and what its gradient gets."""
    gradient, penalty = np.zeros_like(WEIGHT), np.zeros(())
    loss, backward = rule.bind(WEIGHT, gradient, penalty, lambda value: np.asarray(float(value)))
    loss.run()
    backward.run()
    return float(penalty), gradient


@pytest.mark.parametrize(
    ("rule", "penalty", "gradient"),
    [
        (L1(0.5), 2.75, [[0.5, -0.5], [0, 0.5]]),
        (L2(0.5), 6.625, [[2, -3], [0, 0.5]]),
        (L1L2(0.5, 0.5), 9.375, [[2.5, -3.5], [0, 1]]),
        (L1L2(), 0, np.zeros((2, 2))),
    ],
)
def test_penalty_and_gradient_are_those_of_the_definition(rule, penalty, gradient):
    found, slope = run(rule)
    assert found == penalty
    np.testing.assert_array_equal(slope, gradient)


def test_a_table_names_the_rule():
    assert as_regularizer("kernel_regularizer", {"name": "l1_l2", "l1": 0.1}) == L1L2(0.1)


@pytest.mark.parametrize("make", [lambda: L1(-1), lambda: L1L2(0, float("nan"))])
def test_a_wrong_factor_is_named(make):
    with pytest.raises(ArchitectureError, match=r"l[12] = .*; expected a number from 0"):
        make()
