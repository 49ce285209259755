"""Samples as they were made or read, before they are divided: numbers, with what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.plan.mistakes import PlanError, shown
from scratchnet.types import Array

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = ("one_hot", "number", "refuse")
MISSING = ("refuse", "drop", "mean", "median", "most_frequent")

Place = Callable[[int], str]
"""Says in words where a row comes from, as ``line 17``."""


class DatasetError(PlanError):
    """A dataset cannot be made; the message names the field and what was expected."""


@dataclass(frozen=True)
class Samples:
    """Inputs and classes.

    Attributes
    ----------
    x
        float64 ``(samples, ...)``; NaN where a value is missing.
    y
        int64 class numbers from 0, ``(samples,)``.
    columns
        What the columns of ``x`` are called; empty where they have no names.
    classes
        What the classes are called, by their numbers; empty where they have no names.
    blocks
        Columns of ``x`` that are one categorical column, as slices.
    fill
        How missing values are filled once the samples are divided: a word of `MISSING`.
    dropped
        Number of rows left out because a value was missing.
    """

    x: Array
    y: Array
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    blocks: tuple[slice, ...] = ()
    fill: str = "refuse"
    dropped: int = 0


def encode_frame(
    frame: pd.DataFrame,
    targets: Any,
    *,
    target: str,
    categories: str,
    missing: str,
    place: Place,
) -> Samples:
    """Turn columns of numbers and words, and targets of any form, into samples.

    Parameters
    ----------
    frame
        A column per feature.
    targets
        ``(samples,)`` class numbers, words or truth values; ``(samples, classes)`` one-hot.
    target
        What the targets are called, for messages.
    categories
        What becomes of a column of words: a column of 0 and 1 per word, the word's number in
        alphabetical order, or a refusal.
    missing
        What becomes of a missing value: a refusal, the row is dropped, or it is filled by what
        the training part has: the column's mean, median, or most frequent value. A column of
        words is always filled by its most frequent one.
    place
        Says where a row comes from.

    Raises
    ------
    DatasetError
        With a line for each column that is wrong.
    """
    targets = np.asarray(targets)
    rows = np.arange(len(frame))
    empty = frame.isna().to_numpy().any(axis=1) | _is_missing(targets)
    if missing == "drop":
        frame, targets, rows = frame[~empty], targets[~empty], rows[~empty]
    mistakes: list[str] = []
    if len(frame) == 0:
        raise DatasetError("no rows are left; expected some without missing values")
    columns: list[str] = []
    blocks: list[slice] = []
    parts: list[Array] = []
    for name in map(str, frame.columns):
        try:
            part, words = _encode_column(frame[name], name, categories, missing, rows, place)
        except DatasetError as error:
            mistakes += error.mistakes
            continue
        if words:
            blocks.append(slice(len(columns), len(columns) + part.shape[1]))
        columns += words or [name]
        parts.append(part)
    try:
        y, classes = encode_targets(targets, target, lambda row: place(int(rows[row])))
    except DatasetError as error:
        mistakes += error.mistakes
    if mistakes:
        raise DatasetError(mistakes)
    return Samples(
        np.concatenate(parts, axis=1),
        y,
        tuple(columns),
        classes,
        tuple(blocks),
        missing,
        int(empty.sum()) if missing == "drop" else 0,
    )


def _is_missing(values: Array) -> Array:
    """Return for each row whether its target is missing."""
    import pandas as pd

    found: Array = np.asarray(pd.isna(values))
    return np.asarray(found.any(axis=1)) if found.ndim > 1 else found


def _encode_column(
    column: pd.Series[Any],
    name: str,
    categories: str,
    missing: str,
    rows: Array,
    place: Place,
) -> tuple[Array, list[str]]:
    """Return a column's numbers, ``(samples, 1 or words)``, and a name for each word it has."""
    import pandas as pd
    from pandas.api import types

    def at(position: int) -> str:
        return f"{place(int(rows[position]))}, column {name!r}"

    absent = column.isna().to_numpy()
    if missing == "refuse" and absent.any():
        raise DatasetError(
            f"{at(int(absent.argmax()))}: no value ({int(absent.sum())} of {len(column)} rows have "
            f"none); expected one, or missing = one of {', '.join(MISSING[1:])}"
        )
    if absent.all():
        raise DatasetError(f"column {name!r} has no values at all; expected some, or leave it out")
    if types.is_bool_dtype(column.dtype) or types.is_numeric_dtype(column.dtype):
        if types.is_complex_dtype(column.dtype):
            raise DatasetError(f"column {name!r} has complex numbers; expected real ones")
        numbers = column.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        infinite = np.isinf(numbers)
        if infinite.any():
            position = int(infinite.argmax())
            raise DatasetError(f"{at(position)} = {numbers[position]}; expected a finite number")
        return numbers[:, None], []
    words = column.astype(object)
    present = words[~absent]
    odd = next((entry for entry in present if not isinstance(entry, str | bool)), None)
    if odd is not None:
        raise DatasetError(
            f"column {name!r} has values of type {type(odd).__name__}; expected numbers or words"
        )
    as_numbers = pd.to_numeric(words.astype(str), errors="coerce").to_numpy(np.float64)
    wrong = np.isnan(as_numbers) & ~absent
    if 2 * wrong.sum() < (~absent).sum():
        position = int(wrong.argmax())
        value = shown(words.iloc[position])
        raise DatasetError(f"{at(position)} = {value}; expected a number, as in most of its rows")
    known = sorted({str(entry) for entry in present})
    if categories == "refuse":
        raise DatasetError(f"column {name!r} has words, as {shown(known[0])}; expected numbers")
    if len(known) > max(2, len(present) // 2):
        raise DatasetError(
            f"column {name!r}: {len(known)} different words in {len(present)} rows; expected "
            "categories that repeat; leave it out by naming the features"
        )
    codes = {word: float(number) for number, word in enumerate(known)}
    numbers = np.array([codes.get(str(entry), np.nan) for entry in words.where(~absent, None)])
    if categories == "number":
        return numbers[:, None], [name]
    one_hot = (numbers[:, None] == np.arange(len(known))).astype(np.float64)
    one_hot[absent] = np.nan
    return one_hot, [f"{name}={word}" for word in known]


def encode_targets(targets: Any, name: str, place: Place) -> tuple[Array, tuple[str, ...]]:
    """Turn class numbers, words, truth values or one-hot rows into class numbers and names.

    Parameters
    ----------
    targets
        ``(samples,)``, ``(samples, 1)``, or one-hot ``(samples, classes)``.
    name
        What they are called.
    place
        Says where a row comes from.

    Raises
    ------
    DatasetError
        If they are no classes.
    """
    values = np.asarray(targets)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    gone = _is_missing(values)
    if gone.any():
        raise DatasetError(
            f"{place(int(gone.argmax()))}: no target {name!r}; expected one, or missing = 'drop'"
        )
    if values.ndim == 2:
        return _from_one_hot(values, name, place)
    if values.ndim != 1:
        raise DatasetError(f"target {name!r} has the shape {values.shape}; expected (samples,)")
    if values.dtype.kind == "f" or (
        values.dtype.kind == "O" and all(isinstance(v, float) for v in values)
    ):
        fractions = values.astype(np.float64) % 1 != 0
        if fractions.any():
            position = int(fractions.argmax())
            raise DatasetError(
                f"{place(position)}, target {name!r} = {values[position]}; expected a class: a "
                "whole number or a word"
            )
        values = values.astype(np.int64)
    elif values.dtype.kind not in "iub":
        values = np.array([str(value) for value in values])
    names, y = np.unique(values, return_inverse=True)
    if len(names) > max(2, len(values) // 2):
        raise DatasetError(
            f"target {name!r}: {len(names)} different values in {len(values)} rows; expected "
            "classes that repeat"
        )
    return y.astype(np.int64), tuple(str(entry) for entry in names.tolist())


def _from_one_hot(values: Array, name: str, place: Place) -> tuple[Array, tuple[str, ...]]:
    if values.dtype.kind not in "fiub":
        raise DatasetError(f"target {name!r}: words in several columns; expected 0 and 1")
    wrong = ((values != 0) & (values != 1)).any(axis=1) | (values.sum(axis=1) != 1)
    if wrong.any():
        position = int(wrong.argmax())
        raise DatasetError(
            f"{place(position)}, target {name!r} = {shown(values[position].tolist())}; expected a "
            "single 1 among zeros"
        )
    return values.argmax(axis=1).astype(np.int64), ()


def filled(samples: Samples, x_train: Array, x_test: Array) -> tuple[Array, Array]:
    """Fill missing values of both parts by what the training part has.

    Raises
    ------
    DatasetError
        If a column of the training part has no value at all.
    """
    if not (np.isnan(x_train).any() or np.isnan(x_test).any()):
        return x_train, x_test
    empty = np.isnan(x_train).all(axis=0)
    if empty.any():
        column = int(empty.argmax())
        name = samples.columns[column] if samples.columns else str(column + 1)
        raise DatasetError(
            f"column {name!r} has no value in the training part; expected some, or leave it out"
        )
    values: Array
    if samples.fill == "mean":
        values = np.nanmean(x_train, axis=0)
    elif samples.fill == "median":
        values = np.nanmedian(x_train, axis=0)
    else:
        values = np.array([_frequent(column[~np.isnan(column)]) for column in x_train.T])
    for block in samples.blocks:
        values[block] = _frequent_row(x_train[:, block])
    return (
        np.where(np.isnan(x_train), values, x_train),
        np.where(np.isnan(x_test), values, x_test),
    )


def _frequent(values: Array) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def _frequent_row(rows: Array) -> Array:
    """Return the row that most samples have: the most frequent word, as it is encoded."""
    found, counts = np.unique(rows[~np.isnan(rows).any(axis=1)], axis=0, return_counts=True)
    row: Array = found[counts.argmax()]
    return row


def class_shares(y: Array, names: Sequence[str]) -> Mapping[str, float]:
    """Return the share of each class by its name."""
    counts = np.bincount(y, minlength=len(names))
    return {
        names[number] if names else str(number): float(count / len(y))
        for number, count in enumerate(counts)
    }
