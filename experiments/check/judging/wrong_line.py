"""The line of the user's that goes wrong first: its inputs are right, and its result is not.

The user's process says what its lines read and made; what the arrays should be is known here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.check.judging.noise import CaseVerdict
from experiments.check.judging.observed import observed_step
from experiments.check.user.line_watch import WatchedLine
from scratchnet.types import Array

_CLOSE = 1e-10
"""Relative distance within which two arrays are the same."""


@dataclass(frozen=True)
class WrongLine:
    """A line of the user's file.

    Attributes
    ----------
    function, number, text
        Where it is, and what it says.
    result
        The variable that is wrong after it.
    """

    function: str
    number: int
    text: str
    result: str


def find_wrong_line(
    verdict: CaseVerdict,
    key: str,
    lines: Sequence[WatchedLine],
    arrays: Sequence[Array],
    text: Sequence[str],
) -> WrongLine | None:
    """Find the first line whose inputs are right and whose result is not.

    Parameters
    ----------
    verdict, key
        A case, and the key of its first tensor that is wrong.
    lines, arrays
        What the user's process says of its own lines.
    text
        The lines of the user's file.

    Returns
    -------
    WrongLine or None
        None where the wrong tensor is not seen in any line.
    """
    with np.errstate(all="ignore"):
        found = _Search(verdict, key, lines, arrays).find()
    if found is None or not 0 < found[0].line <= len(text):
        return None
    line, result = found
    return WrongLine(line.function, line.line, text[line.line - 1].strip(), result)


class _Search:
    def __init__(
        self,
        verdict: CaseVerdict,
        key: str,
        lines: Sequence[WatchedLine],
        arrays: Sequence[Array],
    ) -> None:
        case = verdict.observation.case
        self._lines, self._arrays = lines, arrays
        self._factors = _factors(case.batch_size, case.architecture.units, case.learning_rate)
        ours = verdict.observation.tensors[key][0]
        self._ours = np.asarray(ours, np.float64)
        name = key.partition("|")[2].replace("_gradient", "").replace("_updated", "")
        point = case.point("float64")
        self._start = point.weights.get(name)
        step = observed_step(verdict)
        tensors = {n: np.asarray(v.value, np.float64) for n, v in step.right.items()}
        tensors |= {"x": point.x, "y": np.asarray(point.y, np.float64), **point.weights}
        layers = [layer.name for layer in case.architecture.layers]
        self._right = list(_right_values(tensors, layers, case.batch_size))
        self._known: dict[int, bool] = {}

    def find(self) -> tuple[WatchedLine, str] | None:
        """Return the line, and which of its results is wrong."""
        for index, line in enumerate(self._lines):
            for name, number in line.results.items():
                if self._is_ours(self._arrays[number]):
                    return self._first_wrong(index, name, set())
        return None

    def _first_wrong(self, index: int, name: str, seen: set[int]) -> tuple[WatchedLine, str]:
        """Follow the wrong inputs of a line to where they were made."""
        seen.add(index)
        for number in self._lines[index].inputs.values():
            if self._is_right(number):
                continue
            made = self._made(number, index)
            if made is not None and made[0] not in seen:
                return self._first_wrong(*made, seen)
        return self._lines[index], name

    def _made(self, number: int, before: int) -> tuple[int, str] | None:
        for index in range(before):
            line = self._lines[index]
            for name, result in line.results.items():
                if result == number and number not in line.inputs.values():
                    return index, name
        return None

    def _is_ours(self, array: Array) -> bool:
        if self._same(array, self._ours) and not self._like_right(array):
            return True
        if self._start is None or np.size(array) != self._start.size:
            return False
        # Or the weight has been updated by it.
        return any(
            laid.shape == np.shape(array) and self._same(laid - array, self._ours)
            for laid in (self._start, self._start.T, self._start.reshape(1, -1))
            if not np.array_equal(laid, array)
        )

    def _like_right(self, array: Array) -> bool:
        return array.size > 1 and any(_proportional(array, value) == 1.0 for value in self._right)

    def _is_right(self, number: int) -> bool:
        if number not in self._known:
            array = self._arrays[number]
            constant = array.size < 2 or bool(np.all(array == array.reshape(-1)[0]))
            self._known[number] = constant or any(self._same(array, v) for v in self._right)
        return self._known[number]

    def _same(self, array: Array, value: Array) -> bool:
        factor = _proportional(array, value)
        return factor is not None and any(
            abs(factor - nice) <= _CLOSE * abs(nice) for nice in self._factors
        )


def _proportional(array: Array, value: Array) -> float | None:
    """Return how many times a value an array is, transposed or not, if it is."""
    one, other = np.squeeze(np.asarray(array, np.float64)), np.squeeze(value)
    for laid in (other, other.T) if other.ndim == 2 else (other,):
        if one.shape != laid.shape or not one.size:
            continue
        size = float(np.sum(laid * laid))
        factor = float(np.sum(one * laid)) / size if size else 0.0
        largest = float(np.max(np.abs(one)))
        if factor and float(np.max(np.abs(one - factor * laid))) <= _CLOSE * largest:
            return factor
    return None


def _factors(samples: int, units: int, rate: float) -> list[float]:
    """Return the numbers by which somebody's arrays may differ from Keras's and be right."""
    parts = itertools.product(
        (1.0, -1.0),
        (1.0, 2.0, 0.5),
        (1.0, samples, 1 / samples),
        (1.0, units, 1 / units),
        (1.0, rate),
    )
    return sorted({a * b * c * d * e for a, b, c, d, e in parts})


def _right_values(tensors: dict[str, Array], layers: list[str], samples: int) -> Iterator[Array]:
    """Yield what right code has at hand: the tensors, their parts, one sample of each."""
    values = list(tensors.values())
    before = tensors["x"]
    for layer in layers:
        z, a = tensors[f"{layer}/pre_activation"], tensors[f"{layer}/activation"]
        dz = tensors[f"{layer}/pre_activation_gradient"]
        kernel = tensors[f"{layer}/kernel"]
        values += [before @ kernel, dz @ kernel.T, dz.sum(axis=1, keepdims=True)]
        values += [np.exp(z), np.exp(-z), 1 + np.exp(-z), 1 + np.exp(z), 1 - a, a * (1 - a)]
        values += [a * a, 1 - a * a, (z > 0).astype(float), (z <= 0).astype(float)]
        shifted = z - z.max(axis=1, keepdims=True)
        values += [shifted, z.max(axis=1), np.exp(shifted)]
        values += [np.exp(z).sum(axis=1), np.exp(shifted).sum(axis=1)]
        values += [before[i][:, None] * dz[i] for i in range(samples)]
        before = a
    p, y = before, tensors["y"]
    if p.shape == y.shape:
        values += [p - y, (p - y) ** 2, 1 - y, np.log(p), np.log(1 - p), y / p, (1 - y) / (1 - p)]
        values += [y * np.log(p), (1 - y) * np.log(1 - p)]
    for value in values:
        yield value
        if value.ndim == 2 and len(value) == samples:
            yield from value
