"""The report: one page that answers for a whole run, and opens from the disk.

What does not fit into one page lies in files beside it, a script for each trial, which the page
reads when the trial's part is unfolded: scripts may be read from the disk, data may not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from experiments.plan.plan import Trial
from experiments.report import sentences
from experiments.report.overview import across_data
from experiments.report.summary import Summary, summarize_trial
from experiments.report.trial_section import (
    Part,
    load_result,
    make_part,
    rerun_plan,
    templates,
    write_rerun_plan,
)
from experiments.runtime.beside import beside
from experiments.runtime.files import whole_file
from experiments.runtime.places import CHECKOUT
from experiments.trials.own_files import OwnFiles
from experiments.trials.run_folder import Missing, StoredRun
from experiments.trials.tables import VERDICTS
from experiments.trials.trial import TrialResult

PAGE_BYTES = 2_800_000
"""The page stays under 3 MB."""

PARTS_FOLDER = "report-parts"

_CANDIDATES = 60
"""More parts than that never fit into the page."""

_SHARED = 40
"""So many trials are worth a second process."""

_MANY = 200
"""Of more trials than that, each shows less."""

_DOCUMENTS = {
    "report.md": "this page",
    "results.md": "the columns of the tables",
    "verdicts.md": "verdicts and bounds",
    "timing.md": "timing",
    "keras.md": "what Keras means, exactly",
    "findings.md": "findings about Keras",
    "article.md": "the article and this project",
    "plan.md": "plans",
    "check.md": "checking a network of your own",
}


def write_report(run: StoredRun, *, draw: str = "some") -> Path:
    """Write ``report.html``, what lies beside it, and the pictures in ``plots/``.

    Parameters
    ----------
    run
        Finished or not.
    draw
        Which pictures: ``some``, see `experiments.report.plots`, ``all``, or ``none``: those that
        are there stay.

    Returns
    -------
    Path
        Of the page.
    """
    from experiments.report.plots import drawn_beside, existing_plots

    name = "report.html"
    own_files = OwnFiles.open(run.folder, name)
    if draw == "none":
        page = render_report(run, own_files, plots=existing_plots(run))
    else:
        with drawn_beside(run, own_files, all_=draw == "all") as plots:
            page = render_report(run, own_files, plots=plots)
    own_files.write_text(name, page)
    return run.folder / name


def render_report(
    run: StoredRun,
    own_files: OwnFiles,
    *,
    plots: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return the page as HTML; write the plans and the parts that lie beside it.

    Parameters
    ----------
    run
        Finished or not.
    own_files
        Of its folder.
    plots
        Of each trial: names of its pictures and their paths without suffix, relative to the page.
    """
    from experiments.report.charts import CONFIG, chart_library, chart_specifications

    own_files.remove(*own_files.under(f"{PARTS_FOLDER}/"))
    trials = run.plan.trials
    own_files.claim(
        *(_part_file(trial.name) for trial in trials[_CANDIDATES:]),
        *(rerun_plan(trial) for trial in trials),
    )
    parts = _all_parts(run, plots or {})
    summaries = [part.summary for part in parts]
    across = across_data(summaries, run.folder)
    page = partial(
        templates().get_template("report.html").render,
        plan=run.plan,
        answered=sentences.answers(summaries),
        missing=sentences.missing_sentence(summaries),
        summaries=summaries,
        verdicts=VERDICTS,
        words=sentences.VERDICT_WORDS,
        found_verdicts=_found_verdicts(summaries),
        dtypes=sorted({summary.dtype for summary in summaries}),
        references=_references(run, summaries),
        across=across,
        bench_folder="results/bench",
        parts_folder=PARTS_FOLDER,
        documents=_documents(run.folder),
        environment=_environment(run.environment),
        pictured=None if not plots else sum(bool(own) for own in plots.values()),
        files=[name for name in _FILES if (run.folder / name).exists()],
        charts={"specifications": chart_specifications(), "config": CONFIG},
        library=Markup(chart_library()),
    )
    room = PAGE_BYTES - len(page(parts={}, lazy=0).encode())
    embedded = _that_fit(parts, room)
    beside = [part for part in parts if not part.written and part.summary.name not in embedded]
    own_files.claim(*(_part_file(part.summary.name) for part in beside))
    for part in beside:
        _write_part(part, run.folder)
    return page(parts=embedded, lazy=len(parts) - len(embedded))


def render_notebook(run: StoredRun) -> str:
    """Return the verdict and one row per trial, for a notebook's cell."""
    results = run.results
    summaries = [
        summarize_trial(trial, results[trial.name])
        if trial.name in results
        else summarize_trial(trial, None, run.missing[trial.name].status)
        for trial in run.plan.trials
    ]
    return (
        templates()
        .get_template("notebook.html")
        .render(
            plan=run.plan,
            answered=sentences.answers(summaries),
            missing=sentences.missing_sentence(summaries),
            summaries=summaries,
        )
    )


@dataclass(frozen=True)
class _MadePart(Part):
    """A part, and whether it already lies beside the page."""

    written: bool = False


def _all_parts(run: StoredRun, plots: Mapping[str, Mapping[str, str]]) -> list[_MadePart]:
    """Make the parts of all trials, in the plan's order."""
    make = partial(
        _make_parts,
        run=run.plan.name,
        folder=run.folder,
        results=run.results,
        missing=run.missing,
        plots=plots,
        thin=len(run.plan.trials) > _MANY,
    )
    trials = list(enumerate(run.plan.trials))
    processes = min(os.cpu_count() or 1, 8)
    if len(trials) < _SHARED or processes < 2:
        return make(trials)
    with beside([partial(make, trials[share::processes]) for share in range(1, processes)]) as rest:
        made = {0: make(trials[::processes])}
        made |= dict(enumerate(rest(), start=1))
    return [made[index % processes][index // processes] for index, _ in trials]


def _make_parts(
    trials: Sequence[tuple[int, Trial]],
    *,
    run: str,
    folder: Path,
    results: Mapping[str, TrialResult],
    missing: Mapping[str, Missing],
    plots: Mapping[str, Mapping[str, str]],
    thin: bool,
) -> list[_MadePart]:
    """Make parts; those that cannot be in the page are written at once and come back empty."""
    parts = []
    for index, trial in trials:
        result = missing.get(trial.name) or load_result(results, trial.name)
        own = plots.get(trial.name, {})
        part = make_part(trial, result, folder=folder, plots=own, thin=thin)
        write_rerun_plan(trial, run, folder)
        written = index >= _CANDIDATES
        if written:
            _write_part(part, folder)
            part = Part(part.summary, "", {})
        parts.append(_MadePart(part.summary, part.html, part.data, written))
    return parts


def _that_fit(parts: Sequence[_MadePart], room: int) -> dict[str, _MadePart]:
    """Return the parts that go into the page: the first ones, as many as fit."""
    embedded = {}
    for part in parts:
        # A few more signs than the data itself: escapes, and the element around it.
        room -= part.size + 500
        if part.written or room < 0:
            break
        embedded[part.summary.name] = part
    return embedded


def _part_file(trial: str) -> str:
    return f"{PARTS_FOLDER}/{trial}.js"


def _write_part(part: Part, folder: Path) -> None:
    arguments = [part.summary.name, part.html, part.data]
    text = ", ".join(json.dumps(value, separators=(",", ":")) for value in arguments)
    with whole_file(folder / _part_file(part.summary.name)) as temporary:
        temporary.write_text(f"receivePart({text});\n", encoding="utf-8")


_FILES = (
    "trials.csv",
    "epochs.csv",
    "timings.csv",
    "parity.csv",
    "comparability.csv",
    "environment.json",
    "plan.toml",
)


def _found_verdicts(summaries: Sequence[Summary]) -> list[str]:
    found = {summary.verdict if summary.finished else summary.status for summary in summaries}
    return sorted(found - {""}, key=lambda word: (*VERDICTS, word).index(word))


def _references(run: StoredRun, summaries: Sequence[Summary]) -> list[tuple[Summary, Any]]:
    return [
        (summary, trial.reference)
        for trial, summary in zip(run.plan.trials, summaries, strict=True)
        if trial.reference is not None and summary.finished
    ]


def _documents(folder: Path) -> list[tuple[str, str]]:
    """Return titles and paths, relative to the page, of what explains it."""
    documents = CHECKOUT / "docs"
    return [
        (title, Path(os.path.relpath(documents / name, folder.absolute())).as_posix())
        for name, title in _DOCUMENTS.items()
        if (documents / name).exists()
    ]


def _environment(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the environment as names and values for people."""
    return [
        (
            _NAMES.get(name, name.replace("_", " ")),
            _libraries(value) if name == "blas" else _said(value),
        )
        for name, value in environment.items()
    ]


_NAMES = {"git_changes": "uncommitted changes", "blas": "BLAS and its threads"}


def _libraries(found: Any) -> str:
    """Return ``openblas 0.3.30, 2 threads; openmp, 2 threads``."""
    said = []
    for library in found if isinstance(found, Sequence) else []:
        name = " ".join(str(library[k]) for k in ("internal_api", "version") if library.get(k))
        count = library.get("num_threads", "unknown")
        said.append(f"{name}, {count} thread{'' if count == 1 else 's'}")
    return "; ".join(said) or "none found"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(item)}" for key, item in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(_said(item) for item in value) or "none"
    return "unknown" if value is None else str(value)
