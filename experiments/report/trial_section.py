"""One trial's part of the page: what it says, and the data of its charts."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from experiments.parity.trace import ParityRow
from experiments.plan.datasets import DatasetError, DatasetSpecification, load
from experiments.plan.plan import Plan, Trial
from experiments.report import sentences
from experiments.report.boundaries import (
    CLASS_COLOURS,
    boundary_lines,
    difference_image,
    extent,
    looks,
    prediction_image,
)
from experiments.report.curves import POINTS, loss_difference, numbers, thin_curves, thin_timings
from experiments.report.network_drawing import draw_architecture
from experiments.report.summary import SIDES, Summary, summarize_trial
from experiments.runtime import figures
from experiments.runtime.files import whole_file
from experiments.runtime.places import CHECKOUT, IN_CHECKOUT
from experiments.trials.boundary import Boundary
from experiments.trials.run_folder import Missing
from experiments.trials.store import StoreError
from experiments.trials.tables import VERDICTS
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS

_SAMPLES = 150
"""Held-out samples drawn over a decision boundary."""


@dataclass(frozen=True)
class Part:
    """A trial's part of the page.

    Attributes
    ----------
    summary
        Its row in the first table.
    html
        A ``details`` element.
    data
        What its charts draw, as plain data for JSON.
    """

    summary: Summary
    html: str
    data: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return len(self.html.encode()) + len(json.dumps(self.data, separators=(",", ":")))


@cache
def templates() -> Environment:
    """Return the page's templates; what is put into them is escaped."""
    environment = Environment(
        loader=PackageLoader("experiments.report"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "times": figures.times,
        "duration": figures.duration,
        "quantity": figures.quantity,
        "share": figures.share,
        "place": sentences.place,
    }
    environment.filters["script"] = as_script
    return environment


def make_part(
    trial: Trial,
    result: TrialResult | Missing,
    *,
    folder: Path,
    plots: Mapping[str, str],
    thin: bool = False,
) -> Part:
    """Make the part of one trial.

    Parameters
    ----------
    trial
        Which one.
    result
        What it found out, or why there is nothing.
    folder
        Of the run; the command that runs the trial again names a plan in it.
    plots
        Names of the trial's pictures and their paths, relative to the page.
    thin
        Whether to leave out what a run of many trials can do without: half of the points of the
        curves, all but two looks at the decision boundaries, and tensors that are no gradients.
    """
    command = rerun_command(trial, folder)
    template = templates().get_template("trial.html")
    if isinstance(result, Missing):
        summary = summarize_trial(trial, None, result.status)
        html = template.render(trial=trial, summary=summary, missing=result, command=command)
        return Part(summary, html, {})
    summary = summarize_trial(trial, result)
    data: dict[str, Any] = {
        "curves": thin_curves(result, POINTS // 2 if thin else POINTS),
        "seconds": thin_timings(result.seconds_per_epoch),
        "agreement": agreement([row for row in result.parity if not thin or _matters(row)]),
    }
    if result.boundary is not None:
        data["boundary"] = boundary_data(trial, result.boundary, 2 if thin else None)
    html = template.render(
        trial=trial,
        summary=summary,
        missing=None,
        sentences=sentences.trial_sentences(summary),
        comparability=result.comparability,
        accuracies_sentence=sentences.accuracies_sentence(result.comparability.accuracies),
        alternatives=alternatives(trial, result, summary, data),
        loss_unit=loss_unit(trial),
        identical=not loss_difference(result).any(),
        data=data,
        thin=thin,
        classes=_class_legend(trial, data),
        architecture=draw_architecture(trial.architecture),
        remarks=_remarks(result.parity, summary.first_divergence),
        reference=trial.reference,
        command=command,
        plots=plots,
    )
    return Part(summary, html, data)


def loss_unit(trial: Trial) -> str:
    """Return the unit of a trial's loss: cross-entropies use natural logarithms."""
    return "nats" if trial.architecture.loss.name.endswith("crossentropy") else "squared units"


def rerun_command(trial: Trial, folder: Path) -> str:
    """Return the command that runs just this trial again, from the project's folder."""
    import os

    path = folder / "trials" / trial.key / "plan.toml"
    near = os.path.relpath(path.absolute(), CHECKOUT) if IN_CHECKOUT else str(path.absolute())
    return f"python -m experiments.run {shlex.quote(near)} --fresh"


def rerun_plan(trial: Trial) -> str:
    """Return where the plan of a single trial lies in a run's folder."""
    return f"trials/{trial.key}/plan.toml"


def write_rerun_plan(trial: Trial, run: str, folder: Path) -> None:
    """Write the plan that `rerun_command` names: this trial and nothing else."""
    path = folder / rerun_plan(trial)
    if path.exists():
        return  # The folder's name is a hash of what stands in it.
    plan = Plan(f"{run}-{trial.name}", f"One trial of the run {run}.", (trial,))
    with whole_file(path) as temporary:
        temporary.write_text(plan.to_toml(), encoding="utf-8")


def agreement(rows: Sequence[ParityRow]) -> dict[str, Any]:
    """Return the comparisons in lockstep as maps of tensors over steps.

    Returns
    -------
    dict
        ``modes``: by ``layer`` and ``step``, a table with ``steps`` and, tensor by tensor, its
        ``layer`` and ``tensor``, and lists over the steps: ``ulps``, ``share`` of the bound, and
        ``verdicts`` as numbers in the order of `VERDICTS` (None: not compared). ``first``: the
        mode, row and column of the first divergence, where there is one.
    """
    modes: dict[str, Any] = {}
    for mode in ("layer", "step"):
        own = [row for row in rows if row.mode == mode]
        if not own:
            continue
        steps = sorted({row.step for row in own})
        # Layers in the order of the data's way through them, each with all its tensors.
        layers = list(dict.fromkeys(row.layer for row in own))
        names = dict.fromkeys((row.layer, row.tensor) for row in own)
        ordered = sorted(names, key=lambda name: layers.index(name[0]))
        places = {name: position for position, name in enumerate(ordered)}
        shape = (len(ordered), len(steps))
        ulps, share = np.full(shape, np.nan), np.full(shape, np.nan)
        verdicts: list[list[int | None]] = [[None] * len(steps) for _ in ordered]
        for row in own:
            at = (places[row.layer, row.tensor], steps.index(row.step))
            ulps[at], share[at] = _drawable(row.max_ulp), _drawable(row.bound_ratio)
            verdicts[at[0]][at[1]] = VERDICTS.index(row.verdict)
        modes[mode] = {
            "steps": steps,
            "rows": [
                {
                    "layer": layer,
                    "tensor": tensor,
                    "ulps": numbers(ulps[position], 3),
                    "share": numbers(share[position], 3),
                    "verdicts": verdicts[position],
                }
                for position, (layer, tensor) in enumerate(ordered)
            ],
        }
    return {"modes": modes, "first": _first(rows)}


def _matters(row: ParityRow) -> bool:
    """Whether a comparison is one of a gradient or of the loss, or off."""
    return row.tensor.endswith("gradient") or row.tensor == "loss" or row.verdict == "divergent"


def _drawable(value: float) -> float:
    """Return infinity as the largest number that JSON has."""
    return 1e308 if math.isinf(value) else value


def _first(rows: Sequence[ParityRow]) -> dict[str, Any] | None:
    lockstep = [row for row in rows if row.mode != "free" and row.verdict == "divergent"]
    if not lockstep:
        return None
    row = min(lockstep, key=lambda row: (row.mode, row.step))
    return {"mode": row.mode, "step": row.step, "layer": row.layer, "tensor": row.tensor}


def _remarks(rows: Sequence[ParityRow], told: ParityRow | None) -> list[dict[str, str]]:
    """Return what divergent and undecidable comparisons say, each thing once."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    already = None if told is None else (told.verdict, told.diagnosis)
    for row in rows:
        key = (row.verdict, row.diagnosis)
        if row.verdict in ("divergent", "undecidable") and key != already:
            said = row.diagnosis or sentences.VERDICT_WORDS[row.verdict]
            remark = {"verdict": row.verdict, "place": sentences.place(row), "said": said}
            found.setdefault(key, remark)
    ordered = sorted(found.values(), key=lambda remark: remark["verdict"] != "divergent")
    return ordered[:6]


def held_out(trial: Trial) -> tuple[Any, Any]:
    """Return the held-out samples of two-dimensional data, ``(samples, 2)``, and their classes."""
    # A grid of trials has few datasets.
    return _held_out(json.dumps(trial.dataset.to_dict(), sort_keys=True))


@lru_cache(maxsize=16)
def _held_out(dataset: str) -> tuple[Any, Any]:
    try:
        data = load(DatasetSpecification.from_dict(json.loads(dataset)))
    except DatasetError:
        # A file that is not there any more, or not on this machine.
        return np.empty((0, 2)), np.empty(0, int)
    if data.x_test.shape[1:] != (2,):
        return np.empty((0, 2)), np.empty(0, int)
    return data.x_test, data.y_test.ravel()


def boundary_data(trial: Trial, boundary: Boundary, most: int | None = None) -> dict[str, Any]:
    """Return pictures, lines and held-out samples of a plane, at `most` of the epochs."""
    points, labels = held_out(trial)
    step = -(-len(labels) // _SAMPLES) or 1
    return {
        "extent": extent(boundary),
        "samples": [
            [round(float(x), 3), round(float(y), 3), int(label)]
            for (x, y), label in zip(points[::step], labels[::step], strict=True)
        ],
        "colours": list(CLASS_COLOURS),
        "looks": [
            {
                "epoch": look.epoch,
                "pictures": {side: prediction_image(look, side) for side in IMPLEMENTATIONS}
                | {"difference": difference_image(look)},
                "lines": {side: boundary_lines(boundary, look, side) for side in IMPLEMENTATIONS},
                "said": _apart(look.difference, look.apart),
            }
            for look in looks(boundary, most)
        ],
    }


def _apart(difference: Any, apart: Any) -> str:
    largest = figures.quantity(float(difference.max()))
    if not difference.any():
        return "both predict the same everywhere, to the last bit"
    count = int(apart.sum())
    places = f"the predicted class differs at {count:,} of {apart.size:,} points"
    return f"predictions differ by at most {largest}; {places}"


def _class_legend(trial: Trial, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a colour and a name for each class."""
    if "boundary" not in data:
        return []
    classes = max(trial.architecture.units, 2)
    return [(CLASS_COLOURS[i], f"class {i}") for i in range(min(classes, len(CLASS_COLOURS)))]


def alternatives(
    trial: Trial, result: TrialResult, summary: Summary, data: Mapping[str, Any]
) -> dict[str, str]:
    """Say in words what each chart shows, for those who cannot see it."""
    said = {}
    for curve, name in (("loss", "loss"), ("accuracy", "accuracy")):
        parts = []
        for side, called in SIDES.items():
            values = getattr(getattr(result, side), curve)
            if values:
                parts.append(f"{called} goes from {_figure(values[0])} to {_figure(values[-1])}")
        said[curve] = (
            f"Line chart of training and test {name} over {trial.epochs:,} epochs. "
            f"Training {name}: {'; '.join(parts)}."
        )
    gap = "nowhere" if not summary.curve_gap > 0 else figures.quantity(summary.curve_gap)
    said["difference"] = (
        "Line chart, log scale: distance of the two training losses by epoch, at most "
        f"{gap}. Verdict: {summary.free or 'none'}."
    )
    if "envelope" in data["curves"]:
        said["difference"] += " A grey area shows how far one more one-ulp perturbed run may stray."
    if summary.seconds is not None:
        both = " and ".join(
            f"{called} {figures.duration(summary.seconds[side])}" for side, called in SIDES.items()
        )
        counts = {
            side: sum(row.implementation == side for row in result.seconds_per_epoch)
            for side in IMPLEMENTATIONS
        }
        said["seconds"] = (
            f"Strip chart, log scale: {counts['scratchnet']} measured epochs of scratchnet and "
            f"{counts['keras']} of Keras. Medians: {both}."
        )
    if "boundary" in data:
        for side, called in SIDES.items():
            said[side] = f"What {called} predicts all over the plane"
        said["planes"] = "Where the predictions of both sides differ"
    return said


def _figure(value: float) -> str:
    return f"{value:.4g}"


def load_result(results: Mapping[str, TrialResult], name: str) -> TrialResult | Missing:
    """Return a result, or why it cannot be read."""
    try:
        return results[name]
    except StoreError as error:
        return Missing("unreadable", str(error))


def as_script(value: Any) -> Markup:
    """Return JSON that can stand in a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
