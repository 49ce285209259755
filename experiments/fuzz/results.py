"""What a case showed, in a form that travels between processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import Any

from experiments.plan.plan import Trial

SEVERITY = ("identical", "rounding", "undecidable", "divergent")
"""Verdicts, the worst last."""


@dataclass(frozen=True)
class Ratio:
    """The largest ratio of difference to bound of a kind of tensor.

    Attributes
    ----------
    mode, tensor
        As in `experiments.parity.trace.ParityRow`.
    ratio
        At most 1 where rounding explains the difference.
    case
        Name of the trial.
    """

    mode: str
    tensor: str
    ratio: float
    case: str


@dataclass(frozen=True)
class CaseResult:
    """What a case showed.

    Attributes
    ----------
    trial
        The case.
    verdict
        The worst of its tensors', or ``crashed``.
    tensors
        Number of comparisons by verdict.
    ratios
        The largest by mode and tensor, where decided.
    divergence
        The first one, by the fields of `experiments.parity.verdict.Divergence`, or empty.
    crash
        A traceback, where the case could not be judged.
    """

    trial: Trial
    verdict: str
    tensors: Counter[str] = field(default_factory=Counter)
    ratios: tuple[Ratio, ...] = ()
    divergence: dict[str, Any] = field(default_factory=dict)
    crash: str = ""

    @property
    def failed(self) -> bool:
        """Whether somebody must look at it."""
        return self.verdict in ("divergent", "crashed")

    @property
    def signature(self) -> tuple[str, ...]:
        """What failures of one cause have in common, as far as can be told."""
        if self.crash:
            return ("crashed", self.crash.splitlines()[-1].partition(":")[0])
        keys = ("mode", "tensor", "diagnosis") if self.divergence else ()
        return (self.verdict, *(self.divergence[key] for key in keys))

    @property
    def largest_ratio(self) -> float:
        """The largest of all ratios."""
        return max((ratio.ratio for ratio in self.ratios), default=0.0)

    @property
    def height(self) -> float:
        """What a climb climbs: grows with the largest ratios of all kinds of tensors.

        The largest alone stays where a number is flushed to 0, which reaches its bound exactly.
        """
        return sum(ratio.ratio**4 for ratio in self.ratios)


@dataclass
class Findings:
    """What many cases showed.

    Attributes
    ----------
    verdicts, tensors
        Number of cases, and of comparisons, by verdict.
    ratios
        The largest by mode and tensor.
    failures
        Divergent and crashed cases.
    nearest
        The cases that came nearest to their bounds without leaving them, the nearest first.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    tensors: Counter[str] = field(default_factory=Counter)
    ratios: dict[tuple[str, str], Ratio] = field(default_factory=dict)
    failures: list[CaseResult] = field(default_factory=list)
    nearest: list[CaseResult] = field(default_factory=list)

    def add(self, result: CaseResult, most_nearest: int) -> None:
        """Count a case, and keep at most so many of the nearest."""
        self.verdicts[result.verdict] += 1
        self.tensors.update(result.tensors)
        if result.failed:
            self.failures.append(result)
            return
        for ratio in result.ratios:
            key = (ratio.mode, ratio.tensor)
            if key not in self.ratios or ratio.ratio > self.ratios[key].ratio:
                self.ratios[key] = ratio
        self.nearest.append(result)
        self.nearest.sort(key=lambda other: other.largest_ratio, reverse=True)
        del self.nearest[most_nearest:]

    def kinds_of_failure(self) -> list[CaseResult]:
        """Return one failure of each kind, the one of the smallest network."""
        kinds: dict[tuple[str, ...], CaseResult] = {}
        for failure in sorted(self.failures, key=lambda failure: _weights(failure.trial)):
            kinds.setdefault(failure.signature, failure)
        return list(kinds.values())


def _weights(trial: Trial) -> int:
    return sum(prod(shape) for shape in trial.architecture.weight_shapes().values())
