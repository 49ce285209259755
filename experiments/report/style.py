"""The style that all pictures share, the words on them, and the files they become."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from experiments.plan.describe import describe_architecture, describe_optimizer
from experiments.plan.plan import Trial
from experiments.runtime.files import whole_file

STYLE = mpl.rc_params_from_file(
    Path(__file__).parent / "style.mplstyle", use_default_template=False
)

# Of Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {"scratchnet": "#0072B2", "keras": "#D55E00"}


def add_title(figure: Figure, trial: Trial, caption: str) -> None:
    """Write a trial's name and settings above its picture, and what to see below it."""
    title = (
        f"{trial.name}: {describe_architecture(trial.architecture)} · "
        f"{describe_optimizer(trial.optimizer)} · {trial.dtype}"
    )
    width, height = figure.get_size_inches()
    # A character of the title is about a fourteenth of an inch wide.
    figure.text(0.02, 1 - 0.1 / height, textwrap.shorten(title, int(14 * width)), va="top", size=11)
    add_caption(figure, caption)


def add_caption(figure: Figure, caption: str) -> None:
    """Write below a picture what to see in it."""
    width, height = figure.get_size_inches()
    # A character is about a sixteenth of an inch wide.
    lines = textwrap.fill(caption, int(15.5 * width))
    figure.text(0.02, 0.08 / height, lines, va="bottom", size=8, color="#444444")


def save(figure: Figure, stem: Path) -> None:
    """Write a picture as PNG and as SVG, to a path without suffix."""
    with whole_file(stem.with_name(f"{stem.name}.png")) as temporary:
        figure.savefig(temporary, format="png")
    with whole_file(stem.with_name(f"{stem.name}.svg")) as temporary:
        # Without the time of the drawing the same data make the same file.
        figure.savefig(temporary, format="svg", metadata={"Date": None})
