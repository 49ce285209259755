"""Regularizers: what the size of a weight adds to the loss, and to the weight's gradient."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchnet.errors import ArchitectureError, check_choice, check_keys, check_share
from scratchnet.tape import Tape
from scratchnet.types import Array


@dataclass(frozen=True)
class Regularizer(ABC):
    """Description of a regularizer; subclasses are frozen dataclasses with Keras's arguments.

    Attributes
    ----------
    name
        The name in a dict or TOML, which is Keras's.
    """

    name: ClassVar[str]

    @abstractmethod
    def bind(
        self, weight: Array, gradient: Array, penalty: Array, setting: Callable[[float], Array]
    ) -> tuple[Tape, Tape]:
        """Make the ops for one weight.

        Parameters
        ----------
        weight, gradient
            Views of a weight and of its gradient.
        penalty
            Zero-dimensional: where the penalty goes.
        setting
            Turns a factor into a zero-dimensional array, rounded as Keras rounds it.

        Returns
        -------
        tuple of Tape
            What writes `penalty`, and what adds the penalty's gradient to `gradient`.
        """


@dataclass(frozen=True)
class L2(Regularizer):
    """Squared size: the loss gets ``l2 * sum(w^2)`` (``keras.regularizers.L2``).

    The gradient gets ``2 * l2 * w``: there is no half.

    Parameters
    ----------
    l2
        Factor, 0 or more.

    Raises
    ------
    ArchitectureError
        If it is not.
    """

    name: ClassVar[str] = "l2"

    l2: float = 0.01

    def __post_init__(self) -> None:
        check_share("l2", self.l2, highest=float("inf"))

    def bind(
        self, weight: Array, gradient: Array, penalty: Array, setting: Callable[[float], Array]
    ) -> tuple[Tape, Tape]:
        """Make the ops for one weight."""
        w, scratch = weight, np.zeros_like(weight)
        factor = setting(self.l2)
        doubled = factor + factor
        loss, backward = Tape(), Tape()
        loss.add(np.multiply, w, w, out=scratch)
        loss.add(np.add.reduce, scratch, axis=None, out=penalty)
        loss.add(np.multiply, penalty, factor, out=penalty)

        backward.add(np.multiply, w, doubled, out=scratch)
        backward.add(np.add, gradient, scratch, out=gradient)
        return loss, backward


@dataclass(frozen=True)
class L1(Regularizer):
    """Size: the loss gets ``l1 * sum(|w|)`` (``keras.regularizers.L1``).

    The gradient gets ``l1 * sign(w)``, nothing where ``w`` is 0.

    Parameters
    ----------
    l1
        Factor, 0 or more; Keras keeps it in float32 whatever the dtype.

    Raises
    ------
    ArchitectureError
        If it is not.
    """

    name: ClassVar[str] = "l1"

    l1: float = 0.01

    def __post_init__(self) -> None:
        check_share("l1", self.l1, highest=float("inf"))

    def bind(
        self, weight: Array, gradient: Array, penalty: Array, setting: Callable[[float], Array]
    ) -> tuple[Tape, Tape]:
        """Make the ops for one weight."""
        w, scratch, factor = weight, np.zeros_like(weight), setting(float(np.float32(self.l1)))
        loss, backward = Tape(), Tape()
        loss.add(np.abs, w, out=scratch)
        loss.add(np.add.reduce, scratch, axis=None, out=penalty)
        loss.add(np.multiply, penalty, factor, out=penalty)

        backward.add(np.sign, w, out=scratch)
        backward.add(np.multiply, scratch, factor, out=scratch)
        backward.add(np.add, gradient, scratch, out=gradient)
        return loss, backward


@dataclass(frozen=True)
class L1L2(Regularizer):
    """Both: the loss gets ``l1 * sum(|w|) + l2 * sum(w^2)`` (``keras.regularizers.L1L2``).

    Parameters
    ----------
    l1, l2
        Factors, 0 or more.

    Raises
    ------
    ArchitectureError
        If one is not.
    """

    name: ClassVar[str] = "l1_l2"

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        check_share("l1", self.l1, highest=float("inf"))
        check_share("l2", self.l2, highest=float("inf"))

    def bind(
        self, weight: Array, gradient: Array, penalty: Array, setting: Callable[[float], Array]
    ) -> tuple[Tape, Tape]:
        """Make the ops for one weight."""
        w, scratch, part = weight, np.zeros_like(weight), np.zeros_like(penalty)
        l1, l2 = setting(self.l1), setting(self.l2)
        doubled = l2 + l2
        loss, backward = Tape(), Tape()
        loss.add(np.abs, w, out=scratch)
        loss.add(np.add.reduce, scratch, axis=None, out=penalty)
        loss.add(np.multiply, penalty, l1, out=penalty)
        loss.add(np.multiply, w, w, out=scratch)
        loss.add(np.add.reduce, scratch, axis=None, out=part)
        loss.add(np.multiply, part, l2, out=part)
        loss.add(np.add, penalty, part, out=penalty)

        backward.add(np.sign, w, out=scratch)
        backward.add(np.multiply, scratch, l1, out=scratch)
        backward.add(np.add, gradient, scratch, out=gradient)
        backward.add(np.multiply, w, doubled, out=scratch)
        backward.add(np.add, gradient, scratch, out=gradient)
        return loss, backward


REGULARIZERS: dict[str, type[Regularizer]] = {entry.name: entry for entry in (L1, L1L2, L2)}


def as_regularizer(field: str, value: object) -> Regularizer | None:
    """Return a regularizer from itself, its table or its name.

    Raises
    ------
    ArchitectureError
        If it is none; the message names the field.
    """
    if value is None or isinstance(value, Regularizer):
        return value
    table: Mapping[str, Any]
    if isinstance(value, Mapping):
        table = value
    elif isinstance(value, str):
        table = {"name": value}
    else:
        raise ArchitectureError(
            f"{field} = {value!r}; expected a regularizer, as {{'name': 'l2', 'l2': 0.01}}"
        )
    check_choice(field, table.get("name"), REGULARIZERS)
    made: Any = REGULARIZERS[table["name"]]
    settings = {key: entry for key, entry in table.items() if key != "name"}
    check_keys(settings, ["name", *(entry.name for entry in dataclasses.fields(made))])
    regularizer: Regularizer = made(**settings)
    return regularizer


def regularizer_to_dict(regularizer: Regularizer) -> dict[str, Any]:
    """Return plain data that `as_regularizer` takes."""
    return {"name": regularizer.name, **dataclasses.asdict(regularizer)}
