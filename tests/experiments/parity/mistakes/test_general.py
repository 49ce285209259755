"""Mistakes of a layer that the engine has not been told about; its tensors have any rank."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.parity.exact.rounding import Precision
from experiments.parity.mistakes import KNOWN, ObservedStep, Scene, diagnose, mistake
from experiments.parity.mistakes.observed import is_within
from scratchnet.losses import MeanSquaredError

PRECISION = Precision.of("float64")


@dataclass(frozen=True)
class Novel:
    """A layer of a kind that has no entry."""

    name: str = "novel"


class Tree:
    """As much of an architecture as a tensor of a lone layer needs."""

    layers = (Novel(),)
    units = 3
    loss = MeanSquaredError()

    def sources(self, layer):  # noqa: ARG002 - as Architecture has it
        return ("input",)

    def readers(self, name):  # noqa: ARG002 - as Architecture has it
        return []


def step(tensor, right, ours, *, m=5):
    """A step of which one tensor was observed."""
    name = f"novel/{tensor}"
    exact = {name: PRECISION.exact(right), "loss": PRECISION.exact(1.0)}
    weights = {"novel/filters": np.zeros(np.shape(right))}
    snapshot = SimpleNamespace(x=np.ones((m, 4)), y=np.ones((m, 3)), weights=weights, slots={})
    scene = Scene(
        Tree(), PRECISION, snapshot, None, fused=False, tensors=exact, name=name, right=exact[name]
    )
    return ObservedStep(
        scene,
        exact,
        {name: np.asarray(ours)},
        lambda _name, value, other: is_within(value, other, 1e-14),
        isolated=True,
    )


RANKS = [(6,), (3, 4), (2, 3, 4), (3, 3, 2, 4)]


@pytest.mark.parametrize("shape", RANKS, ids=str)
@pytest.mark.parametrize("tensor", ["filters_gradient", "state", "activation"])
@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("zero", lambda v: 0 * v),
        ("sign", lambda v: -v),
        ("absolute", np.abs),
        ("batch_size_missing", lambda v: 5 * v),
        ("batch_size_twice", lambda v: v / 5),
        ("factor_2", lambda v: 2 * v),
        ("factor_half", lambda v: v / 2),
        ("units_missing", lambda v: 3 * v),
        ("reversed", lambda v: v[::-1]),
        ("shifted", lambda v: np.roll(v, 1, axis=-1)),
        ("squared", lambda v: v * v),
        ("through_float32", lambda v: v.astype(np.float32)),
        ("factor", lambda v: 0.7 * v),
        ("offset", lambda v: v + 0.25),
        ("clipped", lambda v: np.clip(v, -1, 1)),
        ("rounded", lambda v: np.round(v, 1)),
    ],
)
def test_any_tensor_of_any_layer_shows_general_mistakes(shape, tensor, code, wrong):
    right = np.random.RandomState(0).standard_normal(shape)
    seen = step(tensor, right, wrong(right))
    found = diagnose(seen, f"novel/{tensor}")
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 2), (2, 3, 3, 4)], ids=str)
def test_exchanged_axes_are_found_at_any_rank(shape):
    right = np.random.RandomState(0).standard_normal(shape)
    one = next(i for i in range(len(shape) - 1) if shape[i] == shape[i + 1])
    seen = step("filters_gradient", right, np.swapaxes(right, one, one + 1))
    assert diagnose(seen, "novel/filters_gradient").code == "transposed"


@pytest.mark.parametrize(
    ("shape", "code"), [((4, 3), "transposed"), ((5, 3, 4), "not_summed"), ((3,), "wrong_shape")]
)
def test_another_shape_is_told(shape, code):
    found = diagnose(
        step("filters_gradient", np.ones((3, 4)), np.ones(shape)), "novel/filters_gradient"
    )
    assert found.code == code


def test_a_right_tensor_that_noise_explains_has_no_name_made_up():
    right = np.random.RandomState(0).standard_normal((3, 4))
    other = np.random.RandomState(1).standard_normal((3, 4))
    assert diagnose(step("filters_gradient", right, other), "novel/filters_gradient") is None


def test_a_new_layer_brings_its_own_mistakes(monkeypatch):
    def filters(scene):
        yield mistake("input_missing", lambda: scene.right + 1000)

    right = np.random.RandomState(0).standard_normal((3, 4))
    seen = step("filters_gradient", right, right + 1000)
    assert diagnose(seen, "novel/filters_gradient").code == "offset"
    monkeypatch.setitem(KNOWN, ("Novel", "filters_gradient"), filters)
    assert diagnose(seen, "novel/filters_gradient").code == "input_missing"
