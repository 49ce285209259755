"""What the judge, and the usual practice, make of a mutant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.mutants.article import article_values, article_weights, load_article
from experiments.mutants.mutant import Mutant, Mutation
from experiments.mutants.mutation import Initial, MutatedNetwork, Replaced, Update
from experiments.mutants.patch import Patch
from experiments.mutants.practice import RULES
from experiments.mutants.scenes import twin_step
from experiments.parity.initial import (
    judge_initial_slots,
    judge_initial_weights,
    judge_initializer,
)
from experiments.parity.mistakes import Diagnosis
from experiments.parity.step import TwinStep, values_of
from experiments.parity.trace import ParityRow, named_slots, new_state, restore
from experiments.parity.verdict import Judgement, judge_network, judge_values
from scratchnet.architecture import Architecture
from scratchnet.network import Network
from scratchnet.optimizers import OptimizerState
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
        foreign = isinstance(mutant.mutation, Patch)
        return (_judge_article if foreign else _judge_scratchnet)(mutant, dtype)


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
    step, mutation = twin_step(mutant.scene, dtype), mutant.mutation
    network, state = _network(mutation, step)
    initial = _initial(mutation, network, state)
    judgement = judge_network(step, network, state)
    fresh, fresh_state = _network(mutation, step)
    restore(fresh, fresh_state, step.snapshot)
    ours = values_of(fresh.trace_step(step.snapshot.x, step.snapshot.y, fresh_state))
    alarms = {name: rule(ours, values_of(step.twin)) for name, rule in RULES.items()}
    return Outcome(mutant, dtype, *first_divergence(initial, judgement), alarms)


Judged = list[tuple[ParityRow, Diagnosis | None]]


def first_divergence(initial: Judged, judgement: Judgement) -> tuple[str, str, str]:
    """Return tensor, code and sentence of the first divergence."""
    for row, diagnosis in initial:
        if diagnosis is not None:
            return f"{row.layer}/{row.tensor}", diagnosis.code, diagnosis.sentence
    first = judgement.first_divergence
    if first is None:
        return "", "", ""
    name = "loss" if first.tensor == "loss" else f"{first.layer}/{first.tensor}"
    return name, first.diagnosis, first.sentence


def _network(mutation: Mutation, step: TwinStep) -> tuple[Network, OptimizerState]:
    """Make a mutant's network and optimizer."""
    network = MutatedNetwork(
        mutation if isinstance(mutation, Replaced) else None, step.architecture, step.dtype
    )
    assert step.optimizer is not None
    rule = mutation.of(step.optimizer) if isinstance(mutation, Update) else step.optimizer
    return network, new_state(network, rule)


def _initial(mutation: Mutation, network: Network, state: OptimizerState) -> Judged:
    if not isinstance(mutation, Initial):
        return []
    if mutation.state is not None:
        mutation.state(state)
    judged = judge_initial_slots(named_slots(network, state), state.iterations)
    return [*judged, *judge_initial_weights(mutation.weights)]


def judge_all(mutants: Sequence[Mutant]) -> list[Outcome]:
    """Judge mutants in every dtype in which they differ."""
    return [judge(mutant, dtype) for mutant in mutants for dtype in mutant.dtypes]
