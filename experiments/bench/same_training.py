"""Whether two implementations train the same thing, before either is timed.

Both start from the same float32 weights and see the same batches, so after a few steps they may
differ by rounding and no more. How much that is, is not a chosen constant: scratchnet itself runs
in float32 while every input and, before each step, every weight is moved by a few units in the
last place, and the farthest of those runs from the float64 run is the envelope.

One-ulp moves stand for the rounding of the operands. A sum of n terms adds rounding of its own,
typically at most sqrt(n) times that of one operation (Higham & Mary 2019), so elements are moved
by up to sqrt(n) ulps, n being the longest sum in the network. Moving the elements, rather than
stretching the envelope afterwards, lets the runs cross kinks as rounding does: where a
pre-activation is within rounding of 0, two right implementations take different sides. A loss is
itself such a sum, and is allowed sqrt(n) roundings of its own size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.bench.peers.adam import ADAMS
from keras_baseline.peers.implementation import Task
from scratchnet import Adam, Network, OptimizerState
from scratchnet.optimizers import Optimizer
from scratchnet.types import Array

PERTURBED_RUNS = 4


@dataclass(frozen=True)
class Reference:
    """Where training must arrive, and how far from it rounding may lead.

    Attributes
    ----------
    weights
        After the checked epochs, in float64, by full name.
    losses
        ``"epoch mean"`` and ``"last batch"`` of the last checked epoch.
    weight_bounds, loss_bounds
        Largest difference for each: the Euclidean norm of a weight's, the absolute value of a
        loss's.
    """

    weights: dict[str, Array]
    losses: dict[str, float]
    weight_bounds: dict[str, float]
    loss_bounds: dict[str, float]


def reference(task: Task, epochs: int, adam: str = "keras") -> Reference:
    """Train in float64, and in float32 under perturbations of a few ulps.

    Parameters
    ----------
    task
        What is trained.
    epochs
        How long.
    adam
        Whose meaning of Adam is followed; see `experiments.bench.peers.adam`.

    Returns
    -------
    Reference
    """
    rule = task.optimizer
    if isinstance(rule, Adam):
        rule = ADAMS[adam](**vars(rule))
    exact, exact_losses = _train(task, rule, epochs, "float64", None)
    runs = [
        _train(task, rule, epochs, "float32", np.random.RandomState(seed))
        for seed in range(PERTURBED_RUNS)
    ]
    loss_rounding = float(np.sqrt(longest_sum(task)) * np.finfo(np.float32).eps / 2)
    return Reference(
        weights=exact,
        losses=exact_losses,
        weight_bounds={
            name: max(float(np.linalg.norm(run[name] - exact[name])) for run, _ in runs)
            for name in exact
        },
        loss_bounds={
            name: max(abs(losses[name] - loss) for _, losses in runs) + loss_rounding * abs(loss)
            for name, loss in exact_losses.items()
        },
    )


def longest_sum(task: Task) -> int:
    """Return the number of terms of the longest sum in a step: over a batch or a layer's inputs."""
    return max([task.batch_size, *(len(kernel) for kernel, _, _ in task.layers)])


def difference(expected: Reference, weights: Mapping[str, Array], loss: float, loss_is: str) -> str:
    """Return what differs beyond rounding, in a sentence; empty if nothing does.

    Parameters
    ----------
    expected
        From `reference`.
    weights, loss
        What an implementation reached.
    loss_is
        Which of the losses it is.
    """
    if weights.keys() != expected.weights.keys():
        return f"weights are {sorted(weights)}, expected {sorted(expected.weights)}"
    gap, bound = abs(loss - expected.losses[loss_is]), expected.loss_bounds[loss_is]
    if not gap <= bound:
        return (
            f"loss ({loss_is}) is {loss:.9g}, expected {expected.losses[loss_is]:.9g} "
            f"within {bound:.2g}"
        )
    for name, exact in expected.weights.items():
        if weights[name].shape != exact.shape:
            return f"{name} has shape {weights[name].shape}, expected {exact.shape}"
        gap, bound = float(np.linalg.norm(weights[name] - exact)), expected.weight_bounds[name]
        if not gap <= bound:
            return f"{name} is {gap:.2g} off (Euclidean norm), expected at most {bound:.2g}"
    return ""


def save(expected: Reference, path: str) -> None:
    """Write a reference as ``.npz``."""
    tables: dict[str, Any] = {f"weight {name}": array for name, array in expected.weights.items()}
    tables |= {f"bound {name}": value for name, value in expected.weight_bounds.items()}
    tables |= {f"loss {name}": value for name, value in expected.losses.items()}
    tables |= {f"loss bound {name}": value for name, value in expected.loss_bounds.items()}
    np.savez(path, **tables)


def load(path: str) -> Reference:
    """Read what `save` wrote."""
    with np.load(path) as tables:

        def under(prefix: str) -> dict[str, Any]:
            return {
                key.removeprefix(prefix): tables[key] for key in tables if key.startswith(prefix)
            }

        bounds = under("loss bound ")
        return Reference(
            weights=under("weight "),
            losses={name: float(tables[f"loss {name}"]) for name in bounds},
            weight_bounds={name: float(value) for name, value in under("bound ").items()},
            loss_bounds={name: float(value) for name, value in bounds.items()},
        )


def _train(
    task: Task, rule: Optimizer, epochs: int, dtype: str, random: np.random.RandomState | None
) -> tuple[dict[str, Array], dict[str, float]]:
    """Train step by step; `random` moves inputs and weights."""
    # float64 with the constants of float32: the exact result of the float32 computation.
    model = Network(task.architecture, seed=0, dtype=dtype, constants="float32")
    model.set_weights(task.weights)
    optimizer = OptimizerState(rule, model.parameters, constants="float32")
    ulps = np.sqrt(longest_sum(task))
    batch_losses: list[float] = []
    for _ in range(epochs):
        batch_losses = []
        for start, stop in task.bounds:
            x = task.x[start:stop]
            if random is not None:
                x = _moved(x, ulps, random)
                values = model.parameters.values
                values[...] = _moved(values, ulps, random)
            batch_losses.append(model.train_step(x, task.y[start:stop], optimizer))
    sizes = [stop - start for start, stop in task.bounds]
    losses = {
        "epoch mean": float(np.average(batch_losses, weights=sizes)),
        "last batch": batch_losses[-1],
    }
    return {name: value.astype(np.float64) for name, value in model.weights.items()}, losses


def _moved(values: Array, ulps: float, random: np.random.RandomState) -> Array:
    """Move each element by up to `ulps` of its own; zeros stay, as no rounding moves them."""
    share = random.uniform(-ulps, ulps, values.shape) * np.finfo(values.dtype).eps
    moved: Array = (values * (1 + share)).astype(values.dtype)
    return moved
