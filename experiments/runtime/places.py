"""Where plans are found and results go: in the checkout, or where the package is installed."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
IN_CHECKOUT = (CHECKOUT / "pyproject.toml").exists()

PLANS = CHECKOUT / "plans" if IN_CHECKOUT else CHECKOUT / "experiments" / "plans"
"""The project's own plans; a wheel carries them inside the package."""

RESULTS = CHECKOUT / "results" if IN_CHECKOUT else Path("results")
"""Where commands write; an installed package has only the current folder for it."""


def plan_path(text: str) -> Path:
    """Read the path of a plan, as a ``type`` for `argparse`.

    Where no such file is here, ``quick`` and ``plans/quick.toml`` are the project's own plan.
    """
    given = Path(text)
    own = PLANS / f"{given.stem}.toml"
    named = given.parent == Path() and not given.suffix
    if not given.exists() and own.exists() and (named or given == Path("plans", own.name)):
        return own
    return given
