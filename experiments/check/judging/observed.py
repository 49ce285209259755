"""The first step of a case as the search for a mistake sees it: judged by measured noise."""

from __future__ import annotations

import numpy as np

from experiments.check.judging.noise import CaseVerdict, equals
from experiments.check.tensor_names import ACCURACY, LOSS
from experiments.parity.exact.formulas import Tensors
from experiments.parity.exact.reference import Replace, dense_targets, reference_step
from experiments.parity.exact.rounding import Bounded, Precision
from experiments.parity.mistakes import ObservedStep, Scene
from experiments.parity.trace import Snapshot
from scratchnet.optimizers import SGD
from scratchnet.types import Array


def observed_step(verdict: CaseVerdict) -> ObservedStep:
    """Return the first step of a case: what is right, and what the user's code computed.

    People differentiate loss and last activation one after the other, so the step does too.
    """
    observation = verdict.observation
    case, dtype = observation.case, observation.dtype
    architecture, point = case.architecture, case.point(dtype)
    snapshot = Snapshot(0, point.weights, {}, point.x, point.y)
    optimizer, precision = SGD(case.learning_rate), Precision.of(dtype, bounds=False)
    last = f"{architecture.layers[-1].name}/activation"
    y = precision.exact(dense_targets(architecture, point.y))

    def replay(replaced: Replace) -> Tensors:
        def plainly(name: str, right: Bounded, tensors: Tensors) -> Bounded:
            if name == f"{last}_gradient" and "categorical" in architecture.loss.name:
                # Keras also divides by the sum of the probabilities, which people do not.
                right = -(y / tensors[last]) / case.batch_size
            return replaced(name, right, tensors)

        return reference_step(
            architecture,
            dtype,
            snapshot,
            optimizer,
            replace=plainly,
            fused=False,
            precision=precision,
        )

    with np.errstate(all="ignore"):
        right = replay(lambda _name, value, _tensors: value)
    scene = Scene(
        architecture,
        precision,
        snapshot,
        optimizer,
        fused=False,
        tensors=right,
        name="loss",
        right=right["loss"],
        replay=replay,
    )
    judged = {
        in_step(tensor.name): tensor
        for tensor in verdict.tensors
        if tensor.key.startswith("0|") and tensor.name != ACCURACY
    }

    def within(name: str, ours: Array, value: Bounded) -> bool:
        return equals(verdict, judged[name], ours, value.value)

    ours = {name: observation.tensors[tensor.key][0] for name, tensor in judged.items()}
    return ObservedStep(scene, right, ours, within)


def in_step(name: str) -> str:
    """Return a tensor's full name in a step of parity."""
    return "loss" if name == LOSS else name
