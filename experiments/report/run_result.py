"""A run, finished or not, and the ways in which it shows itself.

::

    from experiments.report.run_result import RunResult

    run = RunResult.load("results/article")
    run                 # in a notebook: the verdict and one row per trial
    run.tables.trials   # a pandas table, as are epochs, timings and parity
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.trials.run_folder import StoredRun

if TYPE_CHECKING:
    from experiments.trials.tables import Tables


@dataclass(frozen=True, repr=False)
class RunResult(StoredRun):
    """A run with its tables and its report."""

    @cached_property
    def tables(self) -> Tables:
        """The run's tables, as in its CSV files."""
        from experiments.trials.tables import build_tables

        statuses = {name: why.status for name, why in self.missing.items()}
        return build_tables(self.plan.trials, self.results, statuses)

    def write_report(self) -> Path:
        """Write ``report.html`` and ``plots/``, and return the page's path."""
        from experiments.report.html import write_report

        return write_report(self)

    def __repr__(self) -> str:
        return f"<{self.plan.name}: {len(self.results)} of {len(self.plan.trials)} trials finished>"

    def _repr_html_(self) -> str:
        from experiments.report.html import render_notebook

        return render_notebook(self)
