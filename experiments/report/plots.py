"""Which pictures a run has, and when they are drawn: beside the page, in several processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib as mpl

from experiments.plan.plan import Trial
from experiments.report.run_plots import draw_across, draw_seconds
from experiments.report.style import STYLE, save
from experiments.report.summary import Summary, summarize_trial
from experiments.report.trial_plots import PICTURES
from experiments.report.trial_section import load_result
from experiments.runtime.beside import beside
from experiments.trials.own_files import OwnFiles
from experiments.trials.run_folder import Missing, StoredRun
from experiments.trials.trial import TrialResult
from experiments.trials.turns import EpochSeconds

FEW, SOME = 60, 4
"""Up to `FEW` trials all have pictures of their own, of more only the first `SOME`."""

_SHARE = 4
"""So many trials are worth a process."""

_PAGE = 2
"""So many trials could be drawn while the page is made."""

Pictures = dict[str, dict[str, str]]
"""By trial, and by a picture's name: its path without suffix, relative to the page."""


@contextmanager
def drawn_beside(run: StoredRun, own_files: OwnFiles, *, all_: bool = False) -> Iterator[Pictures]:
    """Draw the pictures of a run into its folder ``plots``, partly while the block runs.

    Parameters
    ----------
    run
        Finished or not. Pictures that an earlier report drew are removed, except of trials whose
        results are no longer here.
    own_files
        Of its folder.
    all_
        Whether every trial has pictures, however many there are.

    Yields
    ------
    Pictures
        Those that are there when the block has ended.
    """
    folder = run.folder / "plots"
    most = None if all_ or len(run.plan.trials) <= FEW else SOME
    pictured = [trial for trial in run.plan.trials if trial.name in run.results][:most]
    found = [_shown(trial, run.results) for trial in pictured]
    shown = [one for one in found if one is not None]
    trials = [one.trial for one in shown]
    if shown:
        _remove_earlier(own_files, kept=[t.name for t in run.plan.trials if t.name in run.missing])
    own_files.claim(
        *(
            f"{picture}.{kind}"
            for one in shown
            for picture in (*_paths(one.trial, one.pictures).values(), *_TOGETHER)
            for kind in ("png", "svg")
        )
    )
    processes = min(os.cpu_count() or 1, 1 + len(trials) // _SHARE)
    # The block makes the page meanwhile, so this process has less time for pictures.
    own = len(trials) if processes == 1 else max(0, (len(trials) + _PAGE) // processes - _PAGE)
    works = [
        partial(_draw_trials, run.results, trials[own + i :: processes - 1], folder)
        for i in range(processes - 1)
    ]
    with beside(works) as rest:
        yield {one.trial.name: _paths(one.trial, one.pictures) for one in shown}
        _draw_trials(run.results, trials[:own], folder)
        _draw_together(shown, run.folder)
        rest()


_TOGETHER = ("plots/epoch-seconds", "plots/across")


def _remove_earlier(own_files: OwnFiles, kept: Sequence[str]) -> None:
    names = {f"plots/{name}-{picture}" for name in kept for picture in PICTURES}
    own_files.remove(
        *(path for path in own_files.under("plots/") if path.rpartition(".")[0] not in names)
    )


def existing_plots(run: StoredRun) -> Pictures:
    """Return the pictures that lie in a run's folder ``plots``."""
    folder = run.folder / "plots"
    return {
        trial.name: _paths(
            trial, [name for name in PICTURES if (folder / f"{trial.name}-{name}.png").exists()]
        )
        for trial in run.plan.trials
    }


def _paths(trial: Trial, names: Sequence[str]) -> dict[str, str]:
    return {name: f"plots/{trial.name}-{name}" for name in names}


def _wanted(result: TrialResult) -> list[str]:
    return [name for name, picture in PICTURES.items() if picture.shows(result)]


@dataclass(frozen=True)
class _Shown:
    """What of a trial is in pictures: those of its own, and what it has in those of all trials."""

    trial: Trial
    pictures: list[str]
    summary: Summary
    seconds: list[EpochSeconds]


def _shown(trial: Trial, results: Mapping[str, TrialResult]) -> _Shown | None:
    result = load_result(results, trial.name)
    if isinstance(result, Missing):
        return None
    summary = summarize_trial(trial, result)
    return _Shown(trial, _wanted(result), summary, result.seconds_per_epoch)


def _draw_trials(results: Mapping[str, TrialResult], trials: Sequence[Trial], folder: Path) -> None:
    """Draw the pictures of single trials."""
    # Figure is used without pyplot, so no screen is needed and no state stays behind.
    with mpl.rc_context(STYLE):
        for trial in trials:
            result = results[trial.name]
            for name in _wanted(result):
                save(PICTURES[name].draw(result), folder / f"{trial.name}-{name}")


def _draw_together(shown: Sequence[_Shown], folder: Path) -> None:
    """Draw the pictures that show all trials together."""
    measured = {one.trial.name: one.seconds for one in shown if one.seconds}
    with mpl.rc_context(STYLE):
        if measured:
            save(draw_seconds(measured), folder / _TOGETHER[0])
        if shown:
            save(draw_across([one.summary for one in shown]), folder / _TOGETHER[1])
