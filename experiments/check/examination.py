"""Trying the user's network on every case: what is asked, and in what order.

The questions hold weights and a batch; what is right never leaves this process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from experiments.check.cases import (
    CORE,
    FAMILIES,
    FIXED,
    HARD_CASES,
    PERTURBATIONS,
    SEVERAL_OUTPUTS,
    Case,
    Point,
    dense_layers,
)
from experiments.check.observation import Findings, Observation
from experiments.check.recognition import Recognised, recognise
from experiments.check.self_check import self_check
from experiments.check.tensor_names import ACCURACY, LOSS
from experiments.check.user.answer import (
    InternalError,
    StepAnswer,
    read_lines,
    read_load,
    read_seconds,
    read_step,
)
from experiments.check.user.clock import LIBRARY_SECONDS
from experiments.check.user.line_watch import WatchedLine
from experiments.check.user.messages import MessageError
from experiments.check.user.process import NoAnswerError, TamperedError
from experiments.check.user.recorder import Problem
from experiments.check.user.task import Task
from scratchnet.types import Array

Ask = Callable[[dict[str, Any], dict[str, Array], float], tuple[dict[str, Any], dict[str, Array]]]
"""Puts a question to the user's process: header, arrays, seconds; see `UserProcess.ask`."""

_IMPORT_SHARE = 0.4
"""Share of the time that the file's own code may take while it is imported."""

_CASES_SHARE = 0.7
"""Share of the time after which no further case is begun."""

_RECOGNITION_SHARE = 0.5
"""Share of the time after which no further way to take a step is asked for."""

_LATEST_WAY = 4.0
"""Seconds more that the last way may take."""

_LEAST_PERTURBATIONS = 2
"""With fewer there is no scatter."""

_HANGING = 20.0
"""Whatever takes so many times as long as the longest before is not merely slow."""

_MOST_FIXED = 4
"""So many cases for fixed networks are enough."""

_WATCH_SECONDS = 4.0
"""What a step may take while its lines are watched."""

_START_SECONDS = 30.0
"""What Python and NumPy may take to start."""


class Examination:
    """Asks everything there is to ask of one file.

    Parameters
    ----------
    ask
        Puts a question to the user's process.
    words
        Words that the user's source knows; see `experiments.check.source.Source`.
    seconds
        Own seconds that the user's code may take.

    Attributes
    ----------
    findings
        What has been found out so far.
    """

    def __init__(
        self,
        ask: Ask,
        words: Collection[str],
        seconds: float,
        *,
        names: Collection[str] = (),
        expressions: Mapping[str, str] | None = None,
    ) -> None:
        self.findings = Findings()
        self._ask = ask
        self._words = set(words)
        self._seconds = seconds
        self._names = set(names)
        self._expressions = dict(expressions or {})
        self._recognised: Recognised | None = None
        self._used = 0.0
        self._longest = 0.0

    def recognise(self) -> bool:
        """Let the file be loaded, and say whether a network was found in it."""
        findings = self.findings
        try:
            limit = _IMPORT_SHARE * self._seconds
            header, _ = self._ask(
                {"ask": "load", "seconds": limit}, {}, limit + LIBRARY_SECONDS + _START_SECONDS
            )
            loaded = read_load(header)
            self._used += loaded.seconds
            findings.import_problem = loaded.problem
            findings.library_seconds = loaded.library_seconds
            findings.not_recognised = loaded.not_recognised
            findings.form, findings.found = loaded.form, loaded.found
            findings.missing = loaded.missing
            if loaded.form and not self._expressions:
                self._prepare()
            if findings.not_recognised or self._expressions:
                self._recognise_own_form()
        except NoAnswerError as error:
            findings.import_problem = findings.import_problem or error.problem
            findings.not_recognised = "the file could not be loaded"
        except (TamperedError, MessageError) as error:
            findings.tampered = _tampered(error)
        return not (findings.not_recognised or findings.tampered)

    def try_cases(self) -> Findings:
        """Try every case that suits what was recognised, until the time is over."""
        try:
            self._try_cases()
        except NoAnswerError as error:
            if error.problem.code == "timed_out":
                self._take_time_out(error.problem, np.inf)
            else:
                self.findings.end = error.problem
        except (TamperedError, MessageError) as error:
            self.findings.tampered = _tampered(error)
        return self.findings

    def _recognise_own_form(self) -> None:
        """Look for a network in a form of its author's own."""
        until = self._used + _RECOGNITION_SHARE * self._seconds

        def ask(question: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
            limit = max(until + _LATEST_WAY - self._used, 0.5)
            header, arrays = self._ask(question | {"seconds": limit}, {}, limit)
            if isinstance(header.get("internal"), str):
                raise InternalError(header["internal"])
            self._used += read_seconds(header.get("seconds"))
            return header, arrays

        found = recognise(ask, self._names, lambda: self._used > until, self._expressions)
        if found is None:
            return
        findings = self.findings
        findings.not_recognised = ""
        findings.recognised = self._recognised = found
        findings.form = found.way.kind
        findings.found = [found.way.found, describe(found)]
        findings.missing = []
        # What it takes to find the form is not the network's time.
        self._used = min(self._used, _RECOGNITION_SHARE * self._seconds)

    def _settle(self, found: Recognised) -> None:
        question = {"ask": "settle", "way": found.way.number, "places": found.places()}
        self._ask(question, {}, 1.0)

    def _prepare(self) -> None:
        answer = self._put({"ask": "prepare"}, {}, ())
        self.findings.not_recognised = answer.not_recognised
        self.findings.preparation = answer.problems
        self.findings.notes |= answer.notes

    def _try_cases(self) -> None:
        findings = self.findings
        if any(problem.code == "timed_out" for problem in findings.preparation):
            return
        found = self._recognised
        if found is None:
            cases = list(plan(findings.form, self._words))
        else:
            cases = [("core", case) for case in found.cases()]
            if found.deeper is not None:
                cases += [("core", case) for case in found.deeper.cases()[:3]]
        settled: Recognised | None = None
        perturbations = PERTURBATIONS
        answered = 0
        for number, (group, case) in enumerate(_with_fixed(cases, findings)):
            fixed = case in FIXED
            without_bias = not all(layer.use_bias for layer in dense_layers(case.architecture))
            if fixed and (answered >= _MOST_FIXED or (answered and without_bias)):
                break
            if found is not None:
                wanted = found.for_depth(len(case.architecture.layers))
                if wanted is not settled:
                    self._settle(wanted)
                    settled = wanted
            if self._used > _CASES_SHARE * self._seconds:
                findings.unfinished = Problem("timed_out", "", "the time was over")
                return
            for dtype in ("float64", "float32", "longdouble"):
                if dtype != "float64" and group in ("hard", "outputs"):
                    continue
                if dtype == "longdouble" and not perturbations:
                    continue
                before = self._used
                answers = [self._step(case, dtype, 0)]
                if number == 0 and dtype == "float64":
                    perturbations = self._affordable(self._used - before, len(cases))
                if dtype != "longdouble" and not _timed_out(answers[0]):
                    answers += [self._step(case, dtype, 1 + i) for i in range(perturbations)]
                if late := [answer for answer in answers if _timed_out(answer)]:
                    self._take_time_out(late[0].problems[-1], late[0].seconds)
                    return
                findings.observations.append(_observation(group, case, dtype, answers))
            answered += fixed and not findings.observations[-1].problems
        if found is not None and not found.reading.forward:
            self._check_against_itself(found)
        if findings.form == "article" and {"train", "init_layers"} <= set(findings.found):
            self._try_training()

    def watch(self, case: Case) -> tuple[list[WatchedLine], list[Array]] | None:
        """Take the step of a case again, and return what every line of the user's read and made.

        None where the user's process does not tell.
        """
        found = self._recognised
        try:
            if found is not None:
                self._settle(found.for_depth(len(case.architecture.layers)))
            header, arrays = task_of(case, "float64", 0).to_message()
            question = {"ask": "watch", "seconds": _WATCH_SECONDS}
            answer, values = self._ask(question | header, arrays, _WATCH_SECONDS)
            lines = read_lines(answer, values)
        except (NoAnswerError, TamperedError, MessageError, InternalError):
            return None
        return lines, [values[str(number)] for number in range(len(values))]

    def _check_against_itself(self, found: Recognised) -> None:
        """Compare its gradients with differences of its own loss."""
        self._settle(found)

        def step(case: Case, point: Point) -> dict[str, Array] | None:
            if self._used > self._seconds:
                return None
            header, arrays = task_at(case, point).to_message()
            question = {"ask": "step", "again": False, "watchful": False} | header
            answer = self._put(question, arrays, tensor_names(case))
            if answer.problems:
                return None
            return {key.removeprefix("0|"): value for key, value in answer.tensors.items()}

        self.findings.self_check = self_check(found.cases()[0], step, found)

    def _affordable(self, first: float, cases: int) -> int:
        """Return how many perturbed copies of each point there is time for.

        A slow network is perturbed less often, so that it gets through more cases.
        """
        left = _CASES_SHARE * self._seconds - self._used
        if 2 * _LEAST_PERTURBATIONS * first > left:
            return 0
        affordable = left / (2.5 * max(first, 1e-9) * cases) - 1
        return int(np.clip(affordable, _LEAST_PERTURBATIONS, PERTURBATIONS))

    def _step(self, case: Case, dtype: str, number: int) -> StepAnswer:
        """Let the network take its steps from one starting point."""
        task = task_of(case, dtype, number)
        header, arrays = task.to_message()
        question = {"ask": "step", "again": number == 0, "watchful": number == 0}
        answer = self._put(question | header, arrays, tensor_names(case))
        self._expect_gradients(answer, case)
        if not _timed_out(answer):
            self._longest = max(self._longest, answer.seconds)
        return answer

    def _try_training(self) -> None:
        case = CORE[0]
        header, arrays = task_of(case, "float64", 0).to_message()
        answer = self._put({"ask": "train"} | header, arrays, tensor_names(case))
        self.findings.observations.append(_observation("training", case, "float64", [answer]))

    def _put(
        self, question: dict[str, Any], arrays: dict[str, Array], names: Collection[str]
    ) -> StepAnswer:
        """Put a question that lets the user's functions run."""
        left = max(self._seconds - self._used, 0.01)
        header, tensors = self._ask(question | {"seconds": left}, arrays, left)
        answer = read_step(header, tensors, names)
        self._used += answer.seconds
        return answer

    def _expect_gradients(self, answer: StepAnswer, case: Case) -> None:
        """See that an answer without a problem is whole, as the code over there makes it."""
        names = case.architecture.weight_shapes() if self.findings.form == "class" else ()
        missing = {f"0|{name}_gradient" for name in names} - answer.tensors.keys()
        if not answer.problems and (missing or not answer.tensors):
            raise MessageError("an answer that leaves out what was asked")

    def _take_time_out(self, problem: Problem, seconds: float) -> None:
        """Tell what does not end from what is slow, or starved."""
        if self._longest and min(seconds, self._seconds) > _HANGING * self._longest:
            self.findings.end = problem
        else:
            self.findings.unfinished = problem


def _tampered(error: Exception) -> str:
    if isinstance(error, TamperedError):
        return str(error)
    return f"your code's process does not answer as it was made to: {error}"


def _with_fixed(cases: list[tuple[str, Case]], findings: Findings) -> Iterator[tuple[str, Case]]:
    """Yield the cases, and those for fixed networks where all others were refused."""
    yield from cases
    tried = [o for o in findings.observations if o.group in ("core", "family")]
    refused = all(
        any(problem.error == "NotImplementedError" for problem in o.problems) for o in tried
    )
    if findings.form == "class" and refused:
        yield from (("family", case) for case in FIXED)


def describe(found: Recognised) -> str:
    """Say as what network something in a form of its own is judged."""
    reading, way = found.reading, found.way
    shape = "-".join(map(str, way.sizes))
    activations = ", ".join(reading.activations)
    loss = reading.loss.replace("_", " ")
    biases = "" if all(way.biases) else (", no bias" if not any(way.biases) else ", some biases")
    return f"read as {shape} {activations}, {loss}{biases}; {way.samples}"


def plan(form: str, words: set[str]) -> Iterator[tuple[str, Case]]:
    """Yield the cases that suit a form, and the words that its source knows.

    Each comes with its group: ``core``, ``family``, ``hard`` or ``outputs``.
    """
    yield from (("core", case) for case in CORE)
    extra: tuple[Case, ...] = FAMILIES
    if form == "article":
        # The article has one loss and no choice about biases.
        extra = tuple(case for case in FAMILIES if case.words == ("tanh",))
    yield from (("family", case) for case in extra if set(case.words) <= words)
    for case in HARD_CASES:
        if not case.words or (form == "class" and set(case.words) <= words):
            yield "hard", case
    if form == "class":
        yield from (("outputs", case) for case in SEVERAL_OUTPUTS)


def task_of(case: Case, dtype: str, number: int) -> Task:
    """Return what the user's process learns of a case, from one of its starting points."""
    return task_at(case, case.point(dtype, number))


def task_at(case: Case, point: Point) -> Task:
    """Return what the user's process learns of a case, from any point."""
    table = case.architecture.to_dict()
    for entry, layer in zip(table["layers"], dense_layers(case.architecture), strict=True):
        entry |= {"activation": layer.activation, "use_bias": layer.use_bias}
    return Task(table, case.learning_rate, point.weights, point.x, point.y)


def tensor_names(case: Case) -> list[str]:
    """Return the full name of every tensor of a step."""
    layers = [layer.name for layer in dense_layers(case.architecture)]
    weights = case.architecture.weight_shapes()
    return [
        *(f"{layer}/{short}" for layer in layers for short in ("pre_activation", "activation")),
        *(f"{name}_{suffix}" for name in weights for suffix in ("gradient", "updated")),
        *(LOSS, ACCURACY),
    ]


def _timed_out(answer: StepAnswer) -> bool:
    return any(problem.code == "timed_out" for problem in answer.problems)


def _observation(group: str, case: Case, dtype: str, answers: list[StepAnswer]) -> Observation:
    """Put the unperturbed point and, behind it, the perturbed ones together."""
    first = answers[0]
    tensors = {}
    for key, value in first.tensors.items():
        others = [answer.tensors[key] for answer in answers[1:] if key in answer.tensors]
        tensors[key] = np.stack([value, *(o for o in others if o.shape == value.shape)])
    return Observation(
        group,
        case,
        dtype,
        tensors,
        first.dtypes,
        first.internal,
        first.odd_shapes,
        first.notes,
        first.problems,
    )
