"""What the check has to say, and the same for machines."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from experiments.check.judging.noise import CaseVerdict
from experiments.check.judging.wrong_line import WrongLine
from experiments.check.not_judged import NotJudged
from experiments.check.observation import Observation
from experiments.parity.mistakes import Diagnosis


@dataclass(frozen=True)
class Difference:
    """The first tensor that no rounding explains.

    Attributes
    ----------
    step
        Number of updates made before.
    layer, tensor
        As ``dense_1`` and ``kernel_gradient``; ``loss`` and ``loss`` for the loss itself.
    index
        Of the element that is furthest off, in Keras's layout; None where there is no element.
    ours, keras
        The user's value and Keras's; None where there is none.
    ulps
        Their distance in units in the last place of Keras's.
    bound
        Largest difference that rounding can explain.
    case
        Name of the case.
    dtype
        Of the case.
    """

    step: int
    layer: str
    tensor: str
    index: tuple[int, ...] | None
    ours: float | None
    keras: float | None
    ulps: float | None
    bound: float | None
    case: str
    dtype: str


@dataclass
class Report:
    """The outcome of a check.

    Attributes
    ----------
    verdict
        ``identical``, ``rounding``, ``divergent`` or ``not judged``.
    first_divergence, diagnosis
        None where nothing diverges, or no known mistake explains it.
    cases
        Those that decide, in float64 and float32.
    found
        Sentences.
    remarks_by_code
        Sentences by code, as ``binary:loss``.
    form
        ``class`` or ``article``.
    longdouble
        Observations in longdouble, by case name.
    not_judged
        Why there is no verdict; None where there is one.
    line
        The first line of the user's that is wrong, as their process says; None if not found.
    """

    verdict: str = "not judged"
    first_divergence: Difference | None = None
    diagnosis: Diagnosis | None = None
    cases: list[CaseVerdict] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    remarks_by_code: dict[str, str] = field(default_factory=dict)
    form: str = ""
    longdouble: dict[str, Observation] = field(default_factory=dict)
    not_judged: NotJudged | None = None
    line: WrongLine | None = None

    @property
    def remarks(self) -> list[str]:
        """The remarks without their codes."""
        return list(self.remarks_by_code.values())

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data; numbers that are not finite become strings."""
        first, diagnosis = self.first_divergence, self.diagnosis
        return {
            "verdict": self.verdict,
            "first_divergence": None
            if first is None
            else {
                "step": first.step,
                "layer": first.layer,
                "tensor": first.tensor,
                "index": None if first.index is None else list(first.index),
                "ours": _plain(first.ours),
                "keras": _plain(first.keras),
                "ulps": _plain(first.ulps),
                "bound": _plain(first.bound),
            },
            "diagnosis": None
            if diagnosis is None
            else {"code": diagnosis.code, "sentence": diagnosis.sentence},
            "cases": [_case_to_json(case) for case in self.cases],
            "remarks": self.remarks,
            "found": self.found,
            "line": None if self.line is None else asdict(self.line),
            "not_judged": None if self.not_judged is None else asdict(self.not_judged),
        }


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _case_to_json(verdict: CaseVerdict) -> dict[str, Any]:
    observation = verdict.observation
    return {
        "name": observation.case.name,
        "architecture": observation.case.shape,
        "loss": observation.case.architecture.loss.name,
        "batch_size": observation.case.batch_size,
        "seed": observation.case.seed,
        "dtype": observation.dtype,
        "verdict": verdict.verdict,
        "problems": [problem.sentence for problem in observation.problems],
        "tensors": [
            {
                "step": tensor.step,
                "layer": tensor.layer,
                "tensor": tensor.tensor,
                "verdict": tensor.verdict,
                "max_abs": _plain(tensor.max_abs),
                "max_ulp": _plain(tensor.max_ulp),
                "bound": _plain(tensor.bound),
            }
            for tensor in verdict.tensors
        ],
    }
