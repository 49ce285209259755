"""Every tensor of every layer, loss and activation that scratchnet knows can be diagnosed."""

import numpy as np
import pytest

from experiments.parity.exact.formulas.examples import LAYER_EXAMPLES
from experiments.parity.exact.reference import reference_step
from experiments.parity.exact.rounding import Bounded, Precision
from experiments.parity.mistakes import SENTENCES, ObservedStep, Scene, diagnose, mistakes
from experiments.parity.mistakes.observed import is_within
from experiments.parity.mistakes.scene import made
from experiments.parity.trace import Snapshot
from scratchnet.noise import draw_noise
from scratchnet.optimizers import SGD

EXAMPLES = [
    pytest.param(example, id=f"{kind}: {example.label}")
    for kind, examples in LAYER_EXAMPLES.items()
    for example in examples
]


def observed(example, wrong=None, factor=1.0):
    """The step of an example, of which all is observed, with one tensor times a factor."""
    architecture, rule = example.architecture, SGD(0.1)
    snapshot = Snapshot(
        0,
        example.weights("float64"),
        {},
        example.inputs("float64"),
        example.targets("float64"),
        draw_noise(architecture, 0, 0, example.samples),
    )

    def replay(replaced):
        return reference_step(architecture, "float64", snapshot, rule, replace=replaced)

    with np.errstate(all="ignore"):
        right = replay(lambda _name, value, _tensors: value)
        ours = replay(lambda name, value, _: value * factor if name == wrong else value)
    scene = Scene(
        architecture,
        Precision.of("float64", architecture.conventions),
        snapshot,
        rule,
        fused=architecture.fused,
        tensors=right,
        name="loss",
        right=right["loss"],
        replay=replay,
    )
    values = {name: value.value.astype(np.float64) for name, value in ours.items()}
    return ObservedStep(scene, right, values, lambda _, value, other: is_within(value, other))


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_layer_is_without_mistakes_to_try(example):
    step = observed(example)
    for name in step.right:
        with np.errstate(all="ignore"):
            tried = [(found, made(found)) for found in mistakes(step.scene(name))]
        assert {found.code for found, _ in tried} <= SENTENCES.keys()
        can_be_made = [value for _, value in tried if isinstance(value, Bounded)]
        assert len(can_be_made) > 10, name


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_sum_for_a_mean_is_named_in_every_gradient_of_a_weight(example):
    names = [
        f"{name}_gradient"
        for name in example.architecture.weight_shapes()
        if not name.rpartition("/")[2].startswith("moving")
    ]
    for name in names:
        step = observed(example, wrong=name, factor=example.samples)
        if name in step.wrong:
            found = diagnose(step, name)
            assert (found.code, found.tensor) == ("batch_size_missing", name)
            assert "is not divided by the batch size" in found.sentence
