"""From everything that was observed to one verdict, and what leads to it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from experiments.check.cases import Case, Point, dense_layers
from experiments.check.judging import conventions, optimizers
from experiments.check.judging.diagnosis import diagnose
from experiments.check.judging.hard_inputs import DECISIVE, deciding_part, remarks_on
from experiments.check.judging.meaning import forgive, remark_on_outputs
from experiments.check.judging.noise import (
    CaseVerdict,
    TensorVerdict,
    confirm_against_keras,
    judge,
    worst,
)
from experiments.check.judging.training import judge_training
from experiments.check.not_judged import NotJudged, nothing_compared, tampered
from experiments.check.observation import Findings, Observation
from experiments.check.reference import Tensors, keras_tensors
from experiments.check.report import Difference, Report
from experiments.check.source import Source
from experiments.check.user.recorder import Problem
from experiments.parity.mistakes import Diagnosis

AskKeras = Callable[[Case, str, Point], Tensors]
"""Computes a step with Keras: case, dtype, where it starts."""

_GROUPS = ("core", "family", "outputs", "training", "hard")

_LONG_IMPORT = 5.0
"""Seconds of importing libraries that are worth a remark."""

_NO_ANSWER = ("raised", "exited", "timed_out")
"""Problems that leave nothing to compare; any other is an answer, if a wrong one."""

_FEW_DIGITS = 2.0**-38
"""Scatter relative to the tensor that leaves fewer digits than half-way between float32 and 64."""

_AS_IN_SINGLE = 2.0**-14
"""Half of what lies between float32 and float64, which scatter by 2^-29 of each other."""


def conclude(
    findings: Findings,
    source: Source,
    ask_keras: AskKeras | None = keras_tensors,
    keras_until: float = math.inf,
) -> Report:
    """Judge all that was observed.

    Parameters
    ----------
    findings
        From the user's process.
    source
        The user's file.
    ask_keras
        None to trust the reference without asking.
    keras_until
        Time of `time.monotonic` after which Keras is asked about the first divergence only.
    """
    report = Report(form=findings.form)
    report.longdouble = {o.case.name: o for o in findings.observations if o.dtype == "longdouble"}
    observed = sorted(
        (o for o in findings.observations if o.dtype != "longdouble"),
        key=lambda o: _GROUPS.index(o.group),
    )
    unknown = _refused(observed, source.path.name)
    deciding = [o for o in observed if o.case.name not in unknown and o.group != "training"]
    remarks = dict(findings.notes)
    deciding = _in_keras_terms(deciding, findings, report, remarks)
    report.cases = _judge_all(deciding, report, remarks)
    if ask_keras is not None:
        report.cases = _held_against_keras(report.cases, ask_keras, keras_until, remarks)
    _find_first(report, findings, observed, remarks, ask_keras)
    _allow_for_own_layers(report, findings)
    if report.first_divergence is not None and report.first_divergence.tensor.endswith("_updated"):
        remarks.pop("optimizer", None)
    report.found = _found(findings, unknown, report)
    if report.verdict == "divergent":
        remarks.pop("several_outputs", None)
    if report.diagnosis is not None and report.diagnosis.code == "wrong_names":
        remarks.pop("names", None)
    remarks |= _precision_remark(report) | _surroundings(findings, source)
    report.remarks_by_code = remarks
    return report


def _allow_for_own_layers(report: Report, findings: Findings) -> None:
    """Call nothing divergent that is no network of dense layers, and right by itself."""
    own, found = findings.self_check, findings.recognised
    if report.verdict != "divergent" or own is None or found is None or own.wrong:
        return
    first = report.first_divergence
    where = "" if first is None else f" ({first.layer}/{first.tensor} is another)"
    said = "" if report.diagnosis is None else f"; {report.diagnosis.sentence}"
    report.not_judged = NotJudged(
        "own_layers",
        "its prediction is none that dense layers with relu, sigmoid, tanh, softmax or linear "
        f"activations make{where}{said}. Its gradients are the derivative of its own loss, as "
        "differences show, so that no mistake was seen",
        "if it is meant to be such a network, look at its forward pass",
    )
    report.verdict = "not judged"
    report.first_divergence = report.diagnosis = None


def _in_keras_terms(
    observations: list[Observation], findings: Findings, report: Report, remarks: dict[str, str]
) -> list[Observation]:
    """Take conventions out of what was observed, each told once."""
    found = findings.recognised
    groups: dict[object, list[Observation]] = {}
    for observation in observations:
        architecture = observation.case.architecture
        key: object = architecture.loss.name
        if found is not None:
            key = len(architecture.layers)
        if observation.group in ("core", "family", "outputs") and not observation.problems:
            groups.setdefault(key, []).append(observation)
    by_case: dict[str, conventions.Convention] = {}
    for key, group in groups.items():
        in_float64 = [o for o in group if o.dtype == "float64"]
        if not in_float64:
            continue
        if found is not None:
            deeper = found.deeper is not None and key == len(found.deeper.way.chain)
            read = found.deeper if deeper and found.deeper is not None else found
            convention: conventions.Convention | None = conventions.find(in_float64, read)
            owned = read.reading.owned
        else:
            convention, owned = conventions.find_given(in_float64), True
        if convention is not None:
            by_case |= dict.fromkeys((o.case.name for o in group), convention)
            remarks |= conventions.remarks(convention, owned=owned)
    report.longdouble = {
        name: conventions.in_keras_terms(o, by_case[name]) if name in by_case else o
        for name, o in report.longdouble.items()
    }
    return [
        conventions.in_keras_terms(o, by_case[o.case.name]) if o.case.name in by_case else o
        for o in observations
    ]


def _judge_all(
    observations: list[Observation], report: Report, remarks: dict[str, str]
) -> list[CaseVerdict]:
    """Judge every case, and keep those that decide; the others leave remarks."""
    in_float32 = {o.case.name: o for o in observations if o.dtype == "float32"}
    # What stops the code everywhere is told once, as the finding.
    in_float64 = {
        problem.sentence
        for o in observations
        for problem in o.problems
        if o.group != "hard" and o.dtype == "float64"
    }
    in_double: dict[str, CaseVerdict] = {}
    verdicts: list[CaseVerdict] = []
    hard: list[CaseVerdict] = []
    ordinary = True
    for observation in observations:
        name, dtype, group = observation.case.name, observation.dtype, observation.group
        for code, text in observation.notes.items():
            remarks.setdefault(code, text)
        if dtype == "float32" and observation.problems:
            text = observation.problems[0].sentence
            if text not in in_float64:
                remarks.setdefault("float32", f"given float32, {text}")
            continue
        coarser = in_float32.get(name) if dtype == "float64" else None
        finer = report.longdouble.get(name) if dtype == "float64" else None
        settled = in_double.get(name) if dtype == "float32" else None
        verdict, meanings = forgive(judge(observation, coarser, finer, settled))
        verdict, optimizer = optimizers.allow_for(verdict)
        meanings |= optimizer
        if group == "hard" and "optimizer" in remarks:
            verdict = optimizers.without_updates(verdict)
        if dtype == "float64":
            in_double[name] = verdict
        if group == "hard":
            if not any(problem.sentence in in_float64 for problem in observation.problems):
                for code, text in remarks_on(verdict, ordinary=ordinary).items():
                    remarks.setdefault(code, text)
            part = deciding_part(verdict)
            if observation.case.hard in DECISIVE or (ordinary and part.divergent):
                hard.append(part)
            continue
        ordinary = ordinary and (group == "outputs" or verdict.verdict != "divergent")
        remarks |= meanings
        if group == "outputs":
            if text := remark_on_outputs(verdict):
                remarks["several_outputs"] = text
            continue
        verdicts.append(verdict)
    return verdicts + hard


def _held_against_keras(
    verdicts: list[CaseVerdict],
    ask_keras: AskKeras,
    until: float,
    remarks: dict[str, str],
) -> list[CaseVerdict]:
    """Make sure that the reference is Keras, and mark what is identical to Keras."""
    held, unasked = [], 0
    for verdict in verdicts:
        observation = verdict.observation
        if time.monotonic() > until:
            unasked += 1
            held.append(verdict)
            continue
        case, dtype = observation.case, observation.dtype
        marked, doubtful = confirm_against_keras(verdict, ask_keras(case, dtype, case.point(dtype)))
        if doubtful:
            remarks["doubts"] = (
                f"our reference and Keras disagree about {', '.join(doubtful)} ({case.name}, "
                f"{dtype}), so the case does not count; please report it"
            )
            continue
        held.append(marked)
    if unasked:
        remarks["unasked"] = (
            f"time was short: in {unasked} cases our reference was not held against Keras again"
        )
    return held


def _find_first(
    report: Report,
    findings: Findings,
    observed: list[Observation],
    remarks: dict[str, str],
    ask_keras: AskKeras | None,
) -> None:
    """Fill in verdict, first divergence and diagnosis."""
    problems = [p for v in report.cases for p in v.observation.problems]
    problems += findings.preparation
    if findings.end is not None:
        problems.append(findings.end)
    if (reason := _nothing_to_go_by(report, findings, problems)) is not None:
        report.verdict, report.not_judged = "not judged", reason
        if findings.unfinished is not None:
            problems.append(findings.unfinished)
        if problems:
            report.diagnosis = Diagnosis(problems[0].code, problems[0].sentence)
        return
    report.verdict = worst([v.verdict for v in report.cases] + ["divergent"] * bool(problems))
    # Whatever a case shows comes before what stopped it.
    event = next((v for v in report.cases if v.divergent or v.observation.problems), None)
    if event is not None and event.divergent:
        dtype = event.observation.dtype
        report.diagnosis = diagnose([v for v in report.cases if v.observation.dtype == dtype])
        report.first_divergence = _divergence(event, ask_keras)
        if problems:
            remarks.setdefault("problem", problems[0].sentence)
    elif not problems:
        _look_at_training(report, observed, remarks)
    else:
        case = "" if event is None else f" (in {event.observation.case.name})"
        report.diagnosis = Diagnosis(problems[0].code, problems[0].sentence + case)
        report.first_divergence = _missing_tensor(problems[0], event)


def _nothing_to_go_by(
    report: Report, findings: Findings, problems: list[Problem]
) -> NotJudged | None:
    """Say why there can be no verdict; None if there can."""
    if findings.tampered:
        return tampered(findings)
    if any(verdict.divergent for verdict in report.cases):
        return None
    ordinary = [v for v in report.cases if v.observation.group in ("core", "family")]
    if any(v.tensors and not v.observation.problems for v in ordinary):
        return None
    # Some of a step was right, and then it did not go on.
    if any(v.tensors for v in ordinary) and any(p.code != "timed_out" for p in problems):
        return None
    if any(problem.code not in _NO_ANSWER for problem in problems):
        return None
    return nothing_compared(findings, problems)


def _look_at_training(report: Report, observed: list[Observation], remarks: dict[str, str]) -> None:
    """Where every function is right, look at the loop that calls them."""
    for observation in observed:
        like = [
            v
            for v in report.cases
            if v.observation.case == observation.case and v.observation.dtype == "float64"
        ]
        guarded = {"epsilon_in_gradient"} & remarks.keys()
        if observation.group == "training" and like and not guarded:
            judged = judge_training(observation, like[0], remarks)
            if judged is not None:
                verdict, report.diagnosis = judged
                report.cases.append(verdict)
                report.verdict = "divergent"
                report.first_divergence = _divergence(verdict, None)


def _divergence(verdict: CaseVerdict, ask_keras: AskKeras | None) -> Difference:
    """Describe the first divergent tensor of a case, with Keras's own value."""
    tensor, observation = verdict.divergent[0], verdict.observation
    keras = None if tensor.index is None else tensor.right
    if ask_keras is not None and tensor.index is not None:
        values = ask_keras(observation.case, observation.dtype, _start_of_step(verdict, tensor))
        if tensor.name in values:
            keras = float(values[tensor.name][tensor.index])
    ulps = None
    if keras is not None and tensor.ours is not None:
        spacing = float(np.spacing(np.abs(np.asarray(keras, observation.dtype))))
        ulps = abs(tensor.ours - keras) / spacing
    return Difference(
        tensor.step,
        tensor.layer,
        tensor.tensor,
        tensor.index,
        tensor.ours,
        keras,
        ulps,
        None if tensor.index is None else tensor.bound,
        observation.case.name,
        observation.dtype,
    )


def _start_of_step(verdict: CaseVerdict, tensor: TensorVerdict) -> Point:
    """Return where the step of a tensor started: after the update, from the user's weights."""
    observation = verdict.observation
    point = observation.case.point(observation.dtype)
    if not tensor.step:
        return point
    weights = {}
    for name in point.weights:
        updated = observation.tensors.get(f"0|{name}_updated")
        weights[name] = (
            verdict.references["0"][f"{name}_updated"] if updated is None else updated[0]
        )
    return Point(weights, point.x, point.y).rounded(observation.dtype)


def _missing_tensor(problem: Problem, verdict: CaseVerdict | None) -> Difference | None:
    """Describe a tensor that the code did not give."""
    if not problem.tensor or verdict is None:
        return None
    layer, _, tensor = problem.tensor.rpartition("/")
    observation = verdict.observation
    nothing = (None, None, None, None, None)
    return Difference(
        problem.step, layer, tensor, *nothing, observation.case.name, observation.dtype
    )


def _refused(observations: list[Observation], file: str) -> dict[str, str]:
    """Return the cases that a network says it does not know, and what it does not know.

    Nothing is refused if nothing else was answered. What the user's file is called says nothing.
    """
    refused: dict[str, str] = {}
    for observation in observations:
        if observation.group == "hard" or observation.dtype != "float64":
            continue
        architecture = observation.case.architecture
        words = {
            architecture.loss.name,
            *(layer.activation for layer in dense_layers(architecture)),
        }
        for problem in observation.problems[:1]:
            said = problem.sentence.replace(file, "")
            named = sorted(word for word in words if word in said)
            not_implemented = problem.error == "NotImplementedError"
            if not_implemented or (named and observation.group != "core"):
                refused[observation.case.name] = ", ".join(named) or _unusual(observation.case)
    answered = any(not o.problems for o in observations if o.group in ("core", "family"))
    return refused if answered else {}


def _unusual(case: Case) -> str:
    """Say what a network that refuses a case without a word may not know of it."""
    words = {"use_bias": "layers without a bias"}
    return ", ".join(words.get(word, word) for word in case.words) or case.shape


def _found(findings: Findings, unknown: dict[str, str], report: Report) -> list[str]:
    """Say in a few lines what was recognised, and what was not."""
    lines = []
    if findings.form == "class":
        lines.append(findings.found[0])
    elif findings.form == "article":
        lines.append(f"the article's {', '.join(findings.found)}")
    else:
        lines += findings.found
    if findings.missing:
        lines.append(f"not found: {', '.join(findings.missing)}")
    if unknown:
        lines.append(f"not known to it, so not tried: {', '.join(sorted(set(unknown.values())))}")
    kept = [
        dtype
        for dtype in ("float32", "float64")
        if any(v.observation.dtype == dtype and _keeps(v.observation) for v in report.cases)
    ]
    if any(_keeps(observation) for observation in report.longdouble.values()):
        kept.append("longdouble")
    if kept:
        lines.append(f"keeps the precision it is given: {', '.join(kept)}")
    return lines


def _keeps(observation: Observation) -> bool:
    """Whether every gradient has the precision that was given."""
    dtypes = {d for key, d in observation.dtypes.items() if key.endswith("_gradient")}
    return dtypes == {str(np.dtype(observation.dtype))}


def _precision_remark(report: Report) -> dict[str, str]:
    """Remark on code that has fewer digits than the precision it is given."""
    scatters: dict[str, float] = {"float32": 0.0, "float64": 0.0}
    returned: set[str] = set()
    for verdict in report.cases:
        observation = verdict.observation
        if observation.group not in ("core", "family"):
            continue
        if observation.dtype == "float64":
            returned |= set(observation.dtypes.values())
        right = [t for t in verdict.tensors if t.scale and t.verdict != "divergent"]
        scatter = max((t.spread / t.scale for t in right), default=0.0)
        scatters[observation.dtype] = max(scatters[observation.dtype], scatter)
    double, single = scatters["float64"], scatters["float32"]
    as_single = double > single * _AS_IN_SINGLE and double > _FEW_DIGITS
    if report.verdict == "divergent" and "float32" not in returned:
        return {}
    if "float32" in returned or as_single:
        return {
            "single_precision": "given float64, it computes in float32 inside: its results scatter "
            f"by {double:.1g} of their size, and are judged by that"
        }
    if double > _FEW_DIGITS:
        return {
            "few_digits": f"its results scatter by {double:.1g} of their size in float64, where "
            "Keras's are right to 15 digits; as from finite differences, say"
        }
    return {}


def _surroundings(findings: Findings, source: Source) -> dict[str, str]:
    """Remark on what happened around the network: at import, on the terminal, in time."""
    remarks = {}
    if findings.import_problem is not None and findings.form:
        remarks["import"] = (
            f"{findings.import_problem.sentence}; what the file had defined by then was judged "
            "(what is to run belongs under if __name__ == '__main__')"
        )
    count, text = findings.printed
    if count:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")[:50]
        remarks["printed"] = f"it prints while it runs ({count:,} bytes, kept away): {first!r} ..."
    if findings.unfinished is not None:
        remarks["slow"] = (
            "the time was over before all cases had been tried; --seconds gives it more"
        )
    if findings.library_seconds > _LONG_IMPORT:
        remarks["libraries"] = (
            f"the libraries that it imports took {findings.library_seconds:.0f} s, which do not "
            "count as its time"
        )
    if lines := source.lines_with_is:
        remarks["is"] = (
            f"strings are compared with `is` in line {', '.join(map(str, lines))}, which is true "
            "only while Python happens to share them; use =="
        )
    return remarks
