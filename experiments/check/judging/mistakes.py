"""The known mistakes: what each one replaces in a step, and how it is told.

Codes are those of `experiments.parity.mistakes.search` wherever the mistake is the same. The
entries stand in three files, by where in a step the mistake is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.check.judging.replay import At, Value
from scratchnet.types import Array


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes
    ----------
    code
        For machines.
    sentence
        For people; ``{m}`` stands for the batch size, ``{units}`` for the number of outputs.
    places
        See `experiments.check.judging.replay.PLACES`; several where one slip shows in all of them.
    value
        What the mistaken code computes.
    activations, losses
        Layers and losses that can have it, by name; empty for all.
    """

    code: str
    sentence: str
    places: tuple[str, ...]
    value: Value
    activations: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The likely mistake.

    Attributes
    ----------
    code
        For machines, as ``batch_size_missing``.
    sentence
        For people.
    """

    code: str
    sentence: str


@dataclass(frozen=True)
class Factor:
    """A number that a tensor may be off by.

    Attributes
    ----------
    code, sentence
        As of a `Mistake`; the sentence goes on from its subject.
    number
        The number, from the place where it is wrong.
    """

    code: str
    sentence: str
    number: Callable[[At], Any]

    def at(self, place: At) -> Array:
        """Return the right value times the number."""
        value: Array = place.right * self.number(place)
        return value


FACTORS = (
    Factor("sign", "has the wrong sign", lambda _: -1),
    Factor("zero", "is all zero: never computed, or never stored", lambda _: 0),
    Factor(
        "batch_size_missing",
        "is not divided by the batch size ({m}): it is a sum where Keras takes the mean",
        lambda at: at.m,
    ),
    Factor(
        "batch_size_twice",
        "is divided by the batch size ({m}) once too often",
        lambda at: 1 / at.m,
    ),
    Factor("factor_2", "is twice what it should be", lambda _: 2),
    Factor("factor_half", "is half of what it should be", lambda _: 0.5),
    Factor(
        "batch_size_minus_one",
        "is divided by m - 1 instead of the batch size m = {m}",
        lambda at: at.m / (at.m - 1),
    ),
    Factor(
        "batch_size_plus_one",
        "is divided by m + 1 instead of the batch size m = {m}",
        lambda at: at.m / (at.m + 1),
    ),
    Factor(
        "units_missing", "is not divided by the number of outputs ({units})", lambda at: at.units
    ),
    Factor(
        "units_twice",
        "is divided by the number of outputs ({units}) once too often",
        lambda at: np.longdouble(1) / at.units,
    ),
    Factor(
        "size_missing",
        "is a sum over batch and outputs, not a mean",
        lambda at: at.m * at.units,
    ),
    Factor(
        "sign_batch_size",
        "has the wrong sign, and is not divided by the batch size ({m})",
        lambda at: -at.m,
    ),
    Factor(
        "batch_size_and_half",
        "is divided by twice the batch size ({m}) once too often",
        lambda at: 0.5 / at.m,
    ),
)

LAYER_FACTORS = (
    Factor(
        "inputs_for_batch_size",
        "is divided by the layer's number of inputs in place of the batch size ({m}): the other "
        "entry of a shape, as A_prev.shape[0] for A_prev.shape[1]",
        lambda at: at.m / at.layer_inputs,
    ),
    Factor(
        "units_for_batch_size",
        "is divided by the layer's number of units in place of the batch size ({m}): the other "
        "entry of a shape",
        lambda at: at.m / at.layer_units,
    ),
    Factor(
        "divided_by_units",
        "is divided by the layer's number of units",
        lambda at: 1 / at.layer_units,
    ),
    Factor(
        "divided_by_inputs",
        "is divided by the layer's number of inputs",
        lambda at: 1 / at.layer_inputs,
    ),
)
"""Numbers that a gradient may be off by, layer by layer."""


def entry(
    place: str,
    code: str,
    sentence: str,
    value: Value,
    activations: str = "",
    losses: str = "",
) -> Mistake:
    """Make a `Mistake` at one place; names of activations and losses are split at spaces."""
    return Mistake(
        code, sentence, (place,), value, tuple(activations.split()), tuple(losses.split())
    )


BINARY = "binary_crossentropy"
ROWS = "categorical_crossentropy sparse_categorical_crossentropy"
SQUARED = "mean_squared_error"
