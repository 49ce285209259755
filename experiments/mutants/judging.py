"""What the judge, and the usual practice, make of a mutant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from experiments.mutants.article import FILE, article_values, article_weights, load_article
from experiments.mutants.mutant import Mutant
from experiments.mutants.package import load
from experiments.mutants.practice import RULES
from experiments.mutants.scenes import twin_step
from experiments.parity.initial import (
    judge_initial_slots,
    judge_initial_weights,
    judge_initializer,
)
from experiments.parity.mistakes import Diagnosis
from experiments.parity.step import TwinStep, values_of
from experiments.parity.trace import ParityRow, named_slots, restore
from experiments.parity.verdict import Judgement, judge_network, judge_values
from scratchnet.architecture import Architecture
from scratchnet.optimizers import optimizer_to_dict
from scratchnet.types import Array


@dataclass(frozen=True)
class Outcome:
    """What was made of a mutant in one dtype.

    Attributes
    ----------
    mutant, dtype
        What was judged.
    tensor, code
        Full name of the first divergent tensor, and the diagnosis; both empty if none was.
    sentence
        The same in words.
    alarms
        Whether each rule of the usual practice calls the mutant wrong, by the rule's name.
    """

    mutant: Mutant
    dtype: str
    tensor: str
    code: str
    sentence: str
    alarms: dict[str, bool]

    @property
    def found(self) -> bool:
        """Whether the judge calls it divergent."""
        return bool(self.tensor)

    @property
    def pinned(self) -> bool:
        """Whether the first divergence is where the mistake was made."""
        return self.tensor == self.mutant.tensor

    @property
    def diagnosed(self) -> bool:
        """Whether it is called by its name."""
        return self.pinned and bool(self.code) and self.code == self.mutant.code


def judge(mutant: Mutant, dtype: str) -> Outcome:
    """Load a mutant, and judge it in a dtype."""
    with np.errstate(all="ignore"):
        return (_judge_article if mutant.file == FILE else _judge_scratchnet)(mutant, dtype)


def _judge_article(mutant: Mutant, dtype: str) -> Outcome:
    module, step = load_article(mutant), twin_step(mutant.scene, dtype).for_foreign_code()

    def draw(architecture: Architecture, seed: int) -> Mapping[str, Array]:
        return article_weights(module, architecture, seed)

    initial = [judge_initializer(draw, "article")]
    ours = article_values(module, step)
    judgement = judge_values("step", step, ours)
    alarms = {name: rule(ours, values_of(step.twin)) for name, rule in RULES.items()}
    return Outcome(mutant, dtype, *first_divergence(initial, judgement), alarms)


def _judge_scratchnet(mutant: Mutant, dtype: str) -> Outcome:
    package, step = load(mutant), twin_step(mutant.scene, dtype)
    network, state = _network(package, step)
    initial = _initial(package, network, state)
    judgement = judge_network(step, network, state)
    fresh, fresh_state = _network(package, step)
    restore(fresh, fresh_state, step.snapshot)
    ours = values_of(fresh.trace_step(step.snapshot.x, step.snapshot.y, fresh_state))
    alarms = {name: rule(ours, values_of(step.twin)) for name, rule in RULES.items()}
    return Outcome(mutant, dtype, *first_divergence(initial, judgement), alarms)


Initial = list[tuple[ParityRow, Diagnosis | None]]


def first_divergence(initial: Initial, judgement: Judgement) -> tuple[str, str, str]:
    """Return tensor, code and sentence of the first divergence."""
    for row, diagnosis in initial:
        if diagnosis is not None:
            return f"{row.layer}/{row.tensor}", diagnosis.code, diagnosis.sentence
    first = judgement.first_divergence
    if first is None:
        return "", "", ""
    name = "loss" if first.tensor == "loss" else f"{first.layer}/{first.tensor}"
    return name, first.diagnosis, first.sentence


def _network(package: Any, step: TwinStep) -> tuple[Any, Any]:
    """Make a mutant's own network and optimizer."""
    architecture = package.Architecture.from_dict(step.architecture.to_dict())
    network = package.Network(architecture, seed=0, dtype=step.dtype)
    assert step.optimizer is not None
    rule = package.optimizers.optimizer_from_dict(optimizer_to_dict(step.optimizer))
    return network, package.OptimizerState(rule, network.parameters)


def _initial(package: Any, network: Any, state: Any) -> Initial:
    # Most mutants draw the very same numbers, which need judging only once.
    drawn = _drawn(package)
    weights = _judged_weights(drawn.tobytes(), _Draws(package))
    return [*judge_initial_slots(named_slots(network, state), state.iterations), *weights]


class _Draws:
    """Draws a mutant's initial weights; all are equal, so that they do not tell a cache apart."""

    def __init__(self, package: Any) -> None:
        self._package = package

    def __call__(self, architecture: Any, seed: int) -> Any:
        mutated = self._package.Architecture.from_dict(architecture.to_dict())
        return self._package.initial_weights(mutated, seed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Draws)

    def __hash__(self) -> int:
        return 0


def _drawn(package: Any) -> Any:
    architecture = package.Architecture.from_dict(
        {
            "input_shape": [9],
            "loss": "mean_squared_error",
            "layers": [
                {"units": units, "kernel_initializer": name, "bias_initializer": name}
                for units, name in enumerate(package.initializers.INITIALIZERS, start=2)
            ],
        }
    )
    draws = [package.initial_weights(architecture, seed) for seed in (0, 1)]
    return np.concatenate([value.ravel() for weights in draws for value in weights.values()])


@cache
def _judged_weights(drawn: bytes, draw: Callable[..., Any]) -> Initial:  # noqa: ARG001
    return judge_initial_weights(draw)


def judge_all(mutants: Sequence[Mutant]) -> list[Outcome]:
    """Judge mutants in every dtype in which they differ."""
    return [judge(mutant, dtype) for mutant in mutants for dtype in mutant.dtypes]
