"""Deliberate mistakes are found, pinned and named; what only rounds otherwise is left alone."""

import numpy as np
import pytest

from experiments.mutants.catalogue import MISTAKES, VARIANTS
from experiments.mutants.judging import judge_all
from experiments.mutants.mutant import DTYPES
from experiments.mutants.mutation import Initial, MutatedNetwork, Replaced, Update
from experiments.mutants.patch import Patch
from experiments.mutants.practice import RULES, differs, muffin, padiff
from experiments.mutants.rates import markdown, share
from experiments.mutants.scenes import SCENES
from experiments.parity.initial import judge_initial_slots, judge_initial_weights
from experiments.parity.mistakes import SENTENCES
from scratchnet import SGD, Architecture, Dense, Network, OptimizerState, initial_weights


@pytest.fixture(scope="module")
def mistakes():
    return judge_all(MISTAKES)


@pytest.fixture(scope="module")
def variants():
    return judge_all(VARIANTS)


def test_every_mistake_is_found_in_every_dtype(mistakes):
    assert not [(o.mutant.name, o.dtype) for o in mistakes if not o.found]
    for dtype in DTYPES:
        assert sum(outcome.dtype == dtype for outcome in mistakes) >= 120


def test_most_mistakes_are_pinned_to_the_right_tensor(mistakes):
    assert share(mistakes, lambda outcome: outcome.pinned) >= 0.95


def test_most_mistakes_are_called_by_their_name(mistakes):
    assert share(mistakes, lambda outcome: outcome.diagnosed) >= 0.8


def test_what_changes_nothing_but_rounding_is_never_divergent(variants):
    assert not [(o.mutant.name, o.dtype, o.sentence) for o in variants if o.found]
    assert len(VARIANTS) >= 30


def test_no_fixed_tolerance_does_as_well(mistakes, variants, capsys):
    for name in RULES:
        missed = [o for o in mistakes if not o.alarms[name]]
        false_alarms = [o for o in variants if o.alarms[name]]
        assert missed or false_alarms, name
    with capsys.disabled():
        print("\n" + markdown(mistakes, variants))


def test_some_mistakes_are_smaller_than_every_usual_tolerance(mistakes):
    smaller = [o for o in mistakes if not o.alarms["rtol = atol = 1e-07"]]
    assert {"adam: epsilon 1e-8, ordinary gradients", "weights through float32"} <= {
        outcome.mutant.name for outcome in mistakes
    }
    assert len(smaller) >= 20


def test_some_right_networks_are_rejected_by_loose_tolerances(variants):
    assert [o for o in variants if o.alarms["rtol = 1e-03, atol = 0"]]
    assert [o for o in variants if o.alarms["rtol = atol = 1e-05"]]


def test_mutants_are_well_formed_data():
    names = [mutant.name for mutant in (*MISTAKES, *VARIANTS)]
    assert len(names) == len(set(names))
    for mutant in (*MISTAKES, *VARIANTS):
        assert mutant.scene in SCENES
        assert not mutant.code or mutant.code in SENTENCES
        assert set(mutant.dtypes) <= set(DTYPES)
    assert all(mutant.harmless for mutant in VARIANTS)
    assert not any(mutant.harmless for mutant in MISTAKES)


def test_patch_that_fits_nowhere_is_an_error_that_says_so():
    source = "def relu(z):\n    return max(z, 0)\n"
    with pytest.raises(ValueError, match=r"'np.minimum' stands 0 times in relu"):
        Patch("relu", "np.minimum", "").applied(source)
    with pytest.raises(ValueError, match="0 definitions of gone"):
        Patch("gone", "x", "").applied(source)


def gradients(network):
    x, y = np.random.RandomState(0).randn(5, 3), np.array([0, 1, 1, 0, 1])
    return network.loss_and_gradients(x, y)


ARCHITECTURE = Architecture((3,), (Dense(4, "relu"), Dense(1, "sigmoid")), "binary_crossentropy")


def test_without_a_mutation_a_network_computes_what_scratchnet_computes():
    loss, ours = gradients(Network(ARCHITECTURE, seed=0, dtype="float64"))
    for mutation in (None, Replaced("pre_activation", lambda t: t.z)):
        again, theirs = gradients(MutatedNetwork(mutation, ARCHITECTURE, "float64"))
        assert loss == again
        for name, gradient in ours.items():
            np.testing.assert_array_equal(gradient, theirs[name])


@pytest.mark.parametrize(
    ("tensor", "changed"),
    [
        ("kernel_gradient", ["dense_1/kernel", "dense_2/kernel"]),
        ("bias_gradient", ["dense_1/bias", "dense_2/bias"]),
        ("activation_gradient", ["dense_1/kernel", "dense_1/bias"]),
    ],
)
def test_a_mutation_changes_the_tensor_that_it_names_and_what_follows(tensor, changed):
    own = {"kernel_gradient": "dkernel", "bias_gradient": "dbias", "activation_gradient": "da"}
    doubled = Replaced(tensor, lambda t: 2 * getattr(t, own[tensor]))
    _, right = gradients(Network(ARCHITECTURE, seed=0, dtype="float64"))
    _, wrong = gradients(MutatedNetwork(doubled, ARCHITECTURE, "float64"))
    for name, gradient in right.items():
        expected = 2 * gradient if name in changed else gradient
        np.testing.assert_allclose(wrong[name], expected, rtol=1e-14)


def test_a_mutation_is_made_only_where_it_says():
    zero = Replaced("kernel_gradient", lambda _: 0, layer="dense_2")
    _, wrong = gradients(MutatedNetwork(zero, ARCHITECTURE, "float64"))
    assert np.any(wrong["dense_1/kernel"])
    assert not np.any(wrong["dense_2/kernel"])


def test_another_rule_leaves_the_description_as_it_is():
    rule = Update(lambda p: {"w": p.w + p.learning_rate * p.g}).of(SGD(0.25))
    network = Network(ARCHITECTURE, seed=0, dtype="float64")
    before = network.weights
    state = OptimizerState(rule, network.parameters)
    network.parameters.gradients[...] = 1
    state.step()
    assert rule.learning_rate == 0.25
    for name, weight in network.weights.items():
        np.testing.assert_array_equal(weight, before[name] + 0.25)


def test_another_initializer_is_put_back_afterwards():
    ones = Initial("glorot_uniform", lambda _, shape: np.ones(shape))
    assert np.all(ones.weights(ARCHITECTURE, 0)["dense_1/kernel"] == 1)
    assert np.ptp(initial_weights(ARCHITECTURE, 0)["dense_1/kernel"]) > 0


def test_initial_state_of_scratchnet_is_as_specified():
    verdicts = {row.layer: row.verdict for row, _ in judge_initial_weights(initial_weights)}
    assert set(verdicts.values()) == {"rounding", "identical"}
    assert verdicts["article"] == verdicts["zeros"] == verdicts["ones"] == "identical"
    slots = {"dense_1/kernel_momentum": np.zeros((3, 4))}
    assert [row.verdict for row, _ in judge_initial_slots(slots)] == ["identical", "identical"]


def tensors(activation, loss=1.0, gradient=0.5):
    return {
        "dense_1/activation": np.full((2, 2), 1.0),
        "dense_2/activation": np.full((2, 2), activation),
        "loss": np.asarray(loss),
        "dense_2/kernel_gradient": np.array([gradient, -gradient / 2]),
    }


def test_fixed_tolerance_is_that_of_allclose():
    right = tensors(1.0)
    assert not differs(tensors(1.0 + 1.9e-6), right, rtol=1e-6, atol=1e-6)
    assert differs(tensors(1.0 + 2.1e-6), right, rtol=1e-6, atol=1e-6)
    assert not differs(tensors(1.0, gradient=0.5 + 1e-6), right, rtol=1e-6, atol=1e-6)


def test_muffin_sees_only_jumps_above_its_threshold():
    right = tensors(1.0)
    assert muffin(tensors(1.2), right)
    assert not muffin(tensors(1.1), right)
    assert muffin(tensors(1.0, loss=1.3), right)


def test_padiff_compares_means():
    right = tensors(1.0)
    assert padiff(tensors(1.0 + 3e-7), right)
    swapped = tensors(1.0)
    swapped["dense_2/kernel_gradient"] = swapped["dense_2/kernel_gradient"][::-1]
    assert not padiff(swapped, right)
