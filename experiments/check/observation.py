"""What was observed of the user's network, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.check.cases import Case
from experiments.check.recognition import Recognised
from experiments.check.self_check import SelfCheck
from experiments.check.user.recorder import Problem
from scratchnet.types import Array


@dataclass(frozen=True)
class Observation:
    """What one case in one dtype brought to light.

    Attributes
    ----------
    group
        ``core``, ``family``, ``outputs``, ``hard`` or ``training``.
    tensors
        As `experiments.check.user.recorder.Recorder` has them, each with the starting points along
        a first axis, the unperturbed one first.
    dtypes, internal, odd_shapes, notes, problems
        As in `Recorder`, of the unperturbed point.
    """

    group: str
    case: Case
    dtype: str
    tensors: dict[str, Array]
    dtypes: dict[str, str]
    internal: set[str]
    odd_shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    notes: dict[str, str]
    problems: list[Problem]


@dataclass
class Findings:
    """Everything that the user's process told.

    Attributes
    ----------
    form, found, missing
        What was recognised; the form is empty if nothing was.
    not_recognised
        Why nothing was recognised, or empty.
    import_problem
        What stopped the import before its end.
    library_seconds
        What the libraries took that the file imports.
    preparation
        Problems from before the first case, such as those of `init_layers`.
    notes
        Remarks from before the first case.
    observations
        In order.
    unfinished
        What was going on when the time was over before all cases had been tried.
    end
        What ended the process before its time, or did not end though it had ended before.
    tampered
        What the process said that it had not been asked, or empty.
    recognised
        A network in a form of its own; None for the two forms that are handed architectures.
    self_check
        What differences of its own loss say, of a network that is none of dense layers.
    printed
        Number of bytes that the user's code printed, and the first of them as text.
    """

    form: str = ""
    found: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    not_recognised: str = ""
    import_problem: Problem | None = None
    library_seconds: float = 0.0
    preparation: list[Problem] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    unfinished: Problem | None = None
    end: Problem | None = None
    tampered: str = ""
    recognised: Recognised | None = None
    self_check: SelfCheck | None = None
    printed: tuple[int, str] = (0, "")
