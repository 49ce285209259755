"""From the first divergent tensor to the likely mistake.

What a tensor gives away by itself comes first: a shape, a NaN, another value at each call. Then
`experiments.parity.mistakes` looks for a known mistake, in this case and in others like it.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.check.judging.noise import CaseVerdict, TensorVerdict
from experiments.check.judging.observed import in_step, observed_step
from experiments.check.judging.symptoms import (
    accuracy,
    inputs_changed,
    keepdims_missing,
    not_finite,
    not_repeatable,
    second_call,
    second_step,
    transposed,
    wrong_shape,
)
from experiments.parity.mistakes import Diagnosis
from experiments.parity.mistakes import diagnose as find_mistake
from experiments.parity.mistakes.shapes import CODES as SHAPES

_CASES_TO_WEIGH = 3
"""How many cases of each kind have a say in which of several mistakes explains most."""


def diagnose(verdicts: Sequence[CaseVerdict]) -> Diagnosis | None:
    """Name the mistake behind the first divergence, if a known one explains it.

    Parameters
    ----------
    verdicts
        Of the cases in one dtype; the first divergent one is explained, and the others have a
        say, whether they diverge or not.

    Returns
    -------
    Diagnosis or None
    """
    divergent = [verdict for verdict in verdicts if verdict.divergent]
    if not divergent:
        return None
    # A batch of 1 cannot tell a sum from a mean.
    telling = [v for v in divergent if v.observation.case.batch_size > 1] or divergent
    main = telling[0]
    first = main.divergent[0]
    found = (
        keepdims_missing(main, first)
        or not_finite(main, first)
        or not_repeatable(main, first)
        or second_call(main, first)
        or accuracy(verdicts, first)
        or second_step(main, first)
    )
    if found is not None:
        return found
    if first.index is None and (shape := transposed(main, first)):
        return shape
    mistake = _known_mistake(main, telling, verdicts, first) if first.step == 0 else None
    if first.index is None and (mistake is None or mistake.code in SHAPES):
        return wrong_shape(main, first)
    return mistake or inputs_changed(main, first)


def _known_mistake(
    main: CaseVerdict,
    telling: Sequence[CaseVerdict],
    verdicts: Sequence[CaseVerdict],
    first: TensorVerdict,
) -> Diagnosis | None:
    """Look for a known mistake, in a case and in others like it."""
    # What a mistake would have spoilt elsewhere, and did not, speaks against it.
    right = [verdict for verdict in verdicts if not verdict.divergent]
    others = [
        observed_step(verdict)
        for group in (telling[1:], right)
        for verdict in [v for v in group if _alike(v, main)][:_CASES_TO_WEIGH]
    ]
    return find_mistake(observed_step(main), in_step(first.name), others)


def _alike(verdict: CaseVerdict, other: CaseVerdict) -> bool:
    """Whether two cases end alike: a network may compute each loss by code of its own."""
    one, two = verdict.observation.case.architecture, other.observation.case.architecture
    return (one.loss, one.last_activation) == (two.loss, two.last_activation)
