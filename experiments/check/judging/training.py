"""The article's training loop, where there is one: whether it hands on what is returned.

A loop may differ from plain gradient descent on purpose, with batches or a rate that decays. So
only the known slips of a loop count as mistakes; anything else is a remark.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.check.cases import Point
from experiments.check.judging.noise import CaseVerdict, TensorVerdict
from experiments.check.observation import Observation
from experiments.check.reference import step_tensors
from experiments.check.user.article import TRAINED_EPOCHS
from experiments.parity.mistakes import Diagnosis
from scratchnet.types import Array

Weights = dict[str, Array]


def judge_training(
    observation: Observation, like: CaseVerdict, remarks: dict[str, str]
) -> tuple[CaseVerdict, Diagnosis] | None:
    """Hold the weights after a few epochs of `train` against as many steps of gradient descent.

    Parameters
    ----------
    observation
        Of the training.
    like
        The same case, step by step: it shows how much one update rounds.
    remarks
        Takes a remark if the loop does something else.

    Returns
    -------
    tuple or None
        A divergent case and its diagnosis, for a loop with a known slip.
    """
    if observation.problems:
        remarks["train"] = observation.problems[0].sentence
        return None
    case = observation.case
    start = case.point("float64")
    bounds = {t.name: TRAINED_EPOCHS * t.bound for t in like.tensors if t.key.startswith("0|")}
    names = [f"{name}_updated" for name in start.weights]
    trained = {name: observation.tensors[f"train|{name}"][0] for name in names}

    def equals(weights: Weights) -> bool:
        return all(
            trained[name].shape == weights[name].shape
            and bool(np.all(np.abs(trained[name] - weights[name]) <= bounds[name]))
            for name in names
        )

    path, first = _descend(like, start)
    if equals(path[TRAINED_EPOCHS]):
        return None
    stale = {
        f"{name}_updated": w - TRAINED_EPOCHS * case.learning_rate * first[f"{name}_gradient"]
        for name, w in start.weights.items()
    }
    slips = (
        ("not_updated", "the weights are those that it began with", path[0]),
        (
            "one_epoch",
            "the weights are those of a single step, as if it returned too early, or drew its "
            "weights anew in every epoch",
            path[1],
        ),
        ("epochs_off_by_one", f"it takes {TRAINED_EPOCHS - 1} steps", path[-3]),
        ("epochs_off_by_one", f"it takes {TRAINED_EPOCHS + 1} steps", path[-1]),
        ("stale_weights", "every step uses the gradient at the first weights", stale),
    )
    for code, sentence, weights in slips:
        if equals(weights):
            text = f"every function is right, but after {TRAINED_EPOCHS} epochs of train {sentence}"
            verdicts = [_divergent(name, trained, path[TRAINED_EPOCHS], bounds) for name in names]
            shown = [v for v in verdicts if v.max_abs > v.bound]
            return replace(like, observation=observation, tensors=shown), Diagnosis(code, text)
    remarks["train"] = (
        f"{TRAINED_EPOCHS} epochs of train are not {TRAINED_EPOCHS} steps of plain gradient "
        "descent on the whole batch; the functions themselves were judged one by one"
    )
    return None


def _descend(like: CaseVerdict, start: Point) -> tuple[list[Weights], Weights]:
    """Return the weights before and after each step, one step more than asked, and the first."""
    case = like.observation.case
    path = [{f"{name}_updated": value for name, value in start.weights.items()}]
    steps = []
    for _ in range(TRAINED_EPOCHS + 1):
        weights = {name.removesuffix("_updated"): value for name, value in path[-1].items()}
        point = Point(weights, start.x, start.y)
        steps.append(step_tensors(case.architecture, point, case.learning_rate, "longdouble"))
        path.append({name: steps[-1][name] for name in path[0]})
    return path, steps[0]


def _divergent(
    name: str, trained: Weights, right: Weights, bounds: dict[str, float]
) -> TensorVerdict:
    distance = np.abs(trained[name] - right[name])
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(distance)), distance.shape))
    expected = float(right[name][index])
    furthest = float(distance[index])
    return TensorVerdict(
        key=f"train|{name}",
        verdict="divergent",
        index=index,
        ours=float(trained[name][index]),
        right=expected,
        max_abs=furthest,
        scale=float(np.max(np.abs(right[name]))),
        max_ulp=furthest / float(np.spacing(abs(expected))),
        bound=bounds[name],
        tolerance=bounds[name],
        spread=0.0,
        internal=False,
    )
