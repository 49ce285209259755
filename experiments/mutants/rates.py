"""How many mistakes are found and how many right networks are called wrong, as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.mutants.judging import Outcome
from experiments.mutants.mutant import DTYPES
from experiments.mutants.practice import RULES

JUDGE = "this judge"


def share(outcomes: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> float:
    """Return the share of outcomes of which something holds."""
    return sum(map(holds, outcomes)) / len(outcomes)


def markdown(mistakes: Sequence[Outcome], variants: Sequence[Outcome]) -> str:
    """Return the rates of the judge, and of the usual practice on the same cases.

    Parameters
    ----------
    mistakes, variants
        Outcomes of the mutants that change a result, and of those that do not.
    """
    header = [f"{what}, {dtype}" for what in ("found", "false alarms") for dtype in DTYPES]
    lines = [_row("", header), _row("---", ["---:"] * len(header))]
    rules: dict[str, Callable[[Outcome], bool]] = {JUDGE: lambda outcome: outcome.found}
    rules |= {name: _alarm(name) for name in RULES}
    for name, calls_wrong in rules.items():
        cells = [
            _fraction([o for o in group if o.dtype == dtype], calls_wrong)
            for group in (mistakes, variants)
            for dtype in DTYPES
        ]
        lines.append(_row(name, cells))
    pinned = _fraction(mistakes, lambda outcome: outcome.pinned)
    diagnosed = _fraction(mistakes, lambda outcome: outcome.diagnosed)
    lines += ["", f"Pinned to the right layer and tensor: {pinned}. Right diagnosis: {diagnosed}."]
    return "\n".join(lines)


def _alarm(name: str) -> Callable[[Outcome], bool]:
    return lambda outcome: outcome.alarms[name]


def _fraction(outcomes: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> str:
    count = sum(map(holds, outcomes))
    return f"{count} of {len(outcomes)} ({share(outcomes, holds):.1%})"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"
