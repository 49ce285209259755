"""A file with data: CSV, Parquet or NumPy's ``.npz``."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from experiments.plan.kinds import Choice, Either, List, Pattern, Text
from experiments.plan.mistakes import did_you_mean, shown
from experiments.plan.samples import (
    CATEGORIES,
    MISSING,
    DatasetError,
    Samples,
    encode_frame,
    encode_targets,
)
from scratchnet.types import Array

if TYPE_CHECKING:
    import pandas as pd

SHA256 = Pattern("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")
Columns = Annotated[str | list[str], Either((Text(), List(Text(), least=2)))]


def read_file(
    *,
    path: str,
    target: Columns,
    features: Annotated[list[str] | None, List(Text(), least=1)] = None,
    categories: Annotated[str, Choice(CATEGORIES)] = "one_hot",
    missing: Annotated[str, Choice(MISSING)] = "refuse",
    separator: Annotated[str, Pattern(r"[^\r\n\"]", "one character")] = ",",
    sha256: Annotated[str | None, SHA256] = None,
) -> Samples:
    """Read a file of samples.

    Parameters
    ----------
    path
        ``.csv`` (UTF-8, the first line names the columns), ``.parquet`` or ``.npz``; seen from the
        plan's folder.
    target
        The column, or in ``.npz`` the array, with the classes: numbers, words, or truth values.
        Several columns, or an array of several: one-hot.
    features
        The columns or arrays that are inputs. Left out: all but the target.
    categories
        What becomes of a column of words: ``one_hot``, its ``number`` in alphabetical order, or
        ``refuse``.
    missing
        What becomes of a missing value: ``refuse``, ``drop`` its row, or fill it by the ``mean``,
        ``median`` or ``most_frequent`` value of the training part; words by the most frequent.
    separator
        Between the values of a line of CSV.
    sha256
        Of the file's content; left out, that which the file has when the plan is read.

    Raises
    ------
    DatasetError
        Naming the file, and the line or the column.
    """
    file = Path(path)
    try:
        content = _content(file)
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise DatasetError("its content is not that of sha256; expected the file as it was")
        if file.suffix == ".npz":
            return _from_arrays(_arrays(content), target, features, missing)
        frame, lines = (
            _read_csv(content, separator) if file.suffix == ".csv" else _read_parquet(content)
        )
        targets = [target] if isinstance(target, str) else target
        _check_columns([*targets, *(features or ())], list(frame.columns), separator)
        inputs = features or [name for name in frame.columns if name not in targets]
        if shared := [name for name in inputs if name in targets]:
            raise DatasetError(f"features: {shared[0]!r} is the target; expected others")
        if not inputs:
            raise DatasetError("no columns but the target; expected some features")
        return encode_frame(
            frame[inputs],
            frame[target].to_numpy(),
            target=", ".join(targets),
            categories=categories,
            missing=missing,
            place=(lambda row: f"line {lines[row]}") if lines else (lambda row: f"row {row + 1}"),
        )
    except DatasetError as error:
        raise DatasetError(f"{path}: {mistake}" for mistake in error.mistakes) from None


FORMATS = (".csv", ".parquet", ".npz")


def content_hash(path: str) -> str:
    """Return the SHA-256 of a file's content.

    Raises
    ------
    DatasetError
        If it cannot be read, or is of no form that is known.
    """
    try:
        status = os.stat(path) if os.path.exists(path) else None
        changed, size = (status.st_mtime_ns, status.st_size) if status else (0, 0)
        return _hash_of(path, changed, size)
    except DatasetError as error:
        raise DatasetError(f"{path}: {mistake}" for mistake in error.mistakes) from None


# Not read once for each trial of a grid.
@lru_cache(maxsize=64)
def _hash_of(path: str, changed: int, size: int) -> str:  # noqa: ARG001
    return hashlib.sha256(_content(Path(path))).hexdigest()


def _content(file: Path) -> bytes:
    if file.suffix not in FORMATS:
        raise DatasetError(f"ends in {file.suffix!r}; expected one of {', '.join(FORMATS)}")
    if not file.is_file():
        # A pipe would be waited for.
        what = "not a file" if file.exists() else "no such file"
        raise DatasetError(f"{what}{_nearest(file)}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot be read ({error.strerror})") from None


def _nearest(file: Path) -> str:
    if not file.parent.is_dir():
        return ""
    return did_you_mean(file.name, [other.name for other in file.parent.iterdir()])


def _check_columns(wanted: list[str], known: list[str], separator: str) -> None:
    mistakes = []
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known)
            if len(known) == 1:
                hint = f" (is separator = {separator!r} right?)"
            names = ", ".join(known[:30])
            mistakes.append(f"no column {name!r}; expected one of {names}{hint}")
    if mistakes:
        raise DatasetError(mistakes)


def _read_csv(content: bytes, separator: str) -> tuple[pd.DataFrame, list[int]]:
    """Return the table, and for each row the line where it ends."""
    import pandas as pd

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DatasetError(f"line {line}: not UTF-8; expected text in UTF-8") from None
    lines: list[int] = []
    header: list[str] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for record in reader:
            if not record:
                continue
            if not header:
                header = record
                _check_header(header)
                continue
            if len(record) != len(header):
                raise DatasetError(
                    f"line {reader.line_num}: {len(record)} values; expected {len(header)}, as the "
                    "first line has"
                )
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DatasetError(f"line {reader.line_num}: not CSV ({error})") from None
    if not lines:
        raise DatasetError("no rows; expected a line of names, and a line for each sample")
    try:
        frame = pd.read_csv(io.StringIO(text), sep=separator, engine="c", low_memory=False)
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"not CSV ({error})") from None
    if len(frame) != len(lines):
        raise DatasetError("blank lines between the rows; expected a line for each sample")
    frame.columns = pd.Index(header)
    return frame, lines


def _check_header(names: list[str]) -> None:
    for position, name in enumerate(names):
        if not name.strip():
            raise DatasetError(f"line 1: column {position + 1} has no name; expected one")
        if name in names[:position]:
            raise DatasetError(f"line 1: column {name!r} appears twice; expected unique names")


def _read_parquet(content: bytes) -> tuple[pd.DataFrame, list[int]]:
    import pandas as pd

    try:
        return pd.read_parquet(io.BytesIO(content)), []
    except ImportError:
        raise DatasetError(
            "Parquet needs pyarrow, which is not installed; pip install '.[parquet]' does it"
        ) from None
    except Exception as error:
        # pyarrow has errors of its own.
        raise DatasetError(f"cannot be read as Parquet: {error}") from None


def _arrays(content: bytes) -> dict[str, Array]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:
        # A damaged archive may raise anything: of zip, of zlib, of the header's own syntax.
        raise DatasetError(f"cannot be read as .npz without pickle: {error}") from None


def _from_arrays(
    arrays: dict[str, Array], target: Any, features: list[str] | None, missing: str
) -> Samples:
    if not isinstance(target, str):
        raise DatasetError(f"target = {shown(target)}; expected the name of one array")
    names = features or [name for name in arrays if name != target]
    mistakes = [
        f"no array {name!r}; expected one of {', '.join(arrays)}{did_you_mean(name, arrays)}"
        for name in [target, *names]
        if name not in arrays
    ]
    if mistakes:
        raise DatasetError(mistakes)
    targets = arrays[target]
    for name in names:
        array = arrays[name]
        if array.dtype.kind not in "fiub":
            raise DatasetError(f"array {name!r} is of {array.dtype}; expected real numbers")
        if array.ndim == 0 or len(array) != len(np.atleast_1d(targets)):
            raise DatasetError(
                f"array {name!r} has the shape {array.shape}; expected {targets.shape[:1]} samples "
                f"first, as {target!r} has"
            )
    if len(names) == 1:
        x = arrays[names[0]].astype(np.float64)
    elif names and all(arrays[name].ndim <= 2 for name in names):
        x = np.concatenate([arrays[n].reshape(len(targets), -1) for n in names], axis=1)
        x = x.astype(np.float64)
    else:
        raise DatasetError(f"arrays {', '.join(names) or 'none'}; expected one array of features")
    return from_numbers(x, targets, target=target, missing=missing)


def from_numbers(x: Array, targets: Any, *, target: str, missing: str) -> Samples:
    """Return samples whose inputs are numbers without names, of any shape.

    Raises
    ------
    DatasetError
        If a value is infinite, or missing although that was not asked for.
    """
    x = x[:, None] if x.ndim == 1 else x
    flat = x.reshape(len(x), -1)
    infinite = np.isinf(flat).any(axis=1)
    if infinite.any():
        raise DatasetError(f"row {infinite.argmax() + 1}: an infinite value; expected finite ones")
    gone = np.isnan(flat).any(axis=1)
    if gone.any() and missing == "refuse":
        raise DatasetError(
            f"row {gone.argmax() + 1}: no value ({int(gone.sum())} of {len(x)} rows have none); "
            f"expected one, or missing = one of {', '.join(MISSING[1:])}"
        )
    if missing == "drop":
        x, targets = x[~gone], np.asarray(targets)[~gone]
    y, classes = encode_targets(targets, target, lambda row: f"row {row + 1}")
    dropped = int(gone.sum()) if missing == "drop" else 0
    return Samples(x, y, classes=classes, fill=missing, dropped=dropped)
