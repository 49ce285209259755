"""The report: one page with all of a run, from finished tables and pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape

from experiments.plan import Plan, Trial
from experiments.report.tables import Tables


def render_report(
    plan: Plan,
    tables: Tables,
    crashes: Mapping[str, str],
    plots: Mapping[str, Path],
    environment: Mapping[str, Any],
) -> str:
    """Return the page as HTML, pictures included.

    Parameters
    ----------
    plan
        What was to be run.
    tables
        What was found.
    crashes
        Why trials crashed, by name.
    plots
        Paths of the PNG files, as `experiments.report.plots.draw_plots` returns them.
    environment
        As in ``environment.json``.
    """
    page = Environment(
        loader=PackageLoader("experiments.report"), autoescape=select_autoescape(default=True)
    ).get_template("report.html")
    return page.render(
        plan=plan,
        sentences=summarize(tables),
        rows=[_row(row, tables.parity) for row in tables.trials.to_dict("records")],
        references=[
            _reference(trial, row)
            for trial, row in zip(plan.trials, tables.trials.to_dict("records"), strict=True)
            if trial.reference is not None and row["status"] == "finished"
        ],
        crashes=crashes,
        plots={name: _embedded(path) for name, path in plots.items()},
        environment=environment,
    )


def summarize(tables: Tables) -> list[str]:
    """Say in sentences whether it is right, whether it learns the same, and what it costs."""
    trials, parity = tables.trials, tables.parity
    finished = trials[trials["status"] == "finished"]
    if finished.empty:
        return ["No trial finished."]
    count = len(finished)
    sentences = []
    lockstep = parity[parity["mode"] != "free"]
    wrong = lockstep[lockstep["verdict"] == "divergent"]["trial"].nunique()
    sentences.append(
        f"In {count - wrong} of {count} trials every step that was compared, forward, backward "
        "and update, equals Keras's to within rounding."
    )
    free = parity[parity["mode"] == "free"]
    apart = free[free["verdict"] == "divergent"]["trial"].nunique()
    sentences.append(
        f"In {count - apart} of {count} the two loss curves stay as close as rounding and its "
        "growth allow."
    )
    speedup = finished["speedup"]
    slower = int((speedup < 1).sum())
    sentences.append(
        f"Per epoch scratchnet is {speedup.median():.0f} times as fast as keras.Model.fit at the "
        f"median ({speedup.min():.3g} to {speedup.max():.3g}), and slower in {slower or 'none'}."
    )
    if len(trials) > count:
        sentences.append(f"{len(trials) - count} of {len(trials)} trials crashed.")
    return sentences


def _row(row: Mapping[Any, Any], parity: pd.DataFrame) -> dict[str, Any]:
    """Add to a trial's row what it says about gradients and what diverged."""
    own = parity[parity["trial"] == row["trial"]]
    gradients = own[own["tensor"].astype(str).str.endswith("gradient")]
    divergent = own[own["verdict"] == "divergent"]
    return {
        **row,
        "gradient_difference": gradients["max_rel"].max(),
        "compared": len(own),
        "divergent": divergent.head(3).to_dict("records"),
    }


def _reference(trial: Trial, row: Mapping[Any, Any]) -> dict[str, Any]:
    return {**row, "reference": trial.reference}


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
