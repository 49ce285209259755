"""A trial's result as bytes: as it is stored, and as another process or machine sends it.

A record has two parts. The table is JSON, and the arrays are NumPy's npz::

    {"format": 3, "key": "408b907b564e", "origin": {...}, "arrays": "<SHA-256 of arrays.npz>",
     "trial": {...}, ..., "checksum": "<SHA-256 of all that stands before it>"}

So a record that was damaged, or that another trial made, is known from its bytes alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np

from experiments.parity.trace import ParityRow
from experiments.plan.plan import PlanError, Trial
from experiments.trials.boundary import Boundary
from experiments.trials.comparability import Comparability
from experiments.trials.sources import origin
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS, EpochSeconds
from scratchnet.history import History
from scratchnet.types import Array

FORMAT = 3
_UNSEALED = 2
"""The format before there were checksums: still read, never taken for today's."""

MALFORMED = (
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    BadZipFile,
    zlib.error,
    PlanError,
)
"""What reading bytes that are no record may raise."""


class DamagedError(Exception):
    """Bytes are not the record of this trial; the message says how that shows."""


class LaterFormatError(Exception):
    """A record was written by a later version."""


@dataclass(frozen=True)
class Record:
    """A trial's result as bytes.

    Attributes
    ----------
    table
        Numbers and rows, as JSON.
    arrays
        Histories, predictions, grids, as npz.
    """

    table: bytes
    arrays: bytes

    def is_current(self, trial: Trial) -> bool:
        """Whether this is a trial's result by the code and the libraries of today.

        Raises
        ------
        DamagedError
            If it is no result, not as it was written, or another trial's.
        LaterFormatError
            If a later version wrote it.
        """
        digest = hashlib.sha256(self.arrays).hexdigest()
        head = _head(trial.key, origin(), digest)
        if self.table.startswith(head[:-1] + b", ") and _is_sealed(self.table):
            return True
        table = _parsed(self.table)
        if _key(table) != trial.key:
            raise DamagedError("it is the result of another trial")
        if table.get("arrays", digest) != digest:
            raise DamagedError("arrays.npz is not what was stored with it")
        return False

    def result(self, trial: Trial) -> TrialResult:
        """Return the result, under the name that the plan gives the trial.

        Raises
        ------
        DamagedError
            As `is_current`.
        LaterFormatError
            As `is_current`.
        """
        self.is_current(trial)
        try:
            with np.load(io.BytesIO(self.arrays), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return _result(trial, json.loads(self.table), arrays)
        except MALFORMED as error:
            raise DamagedError(f"it cannot be read: {error}") from None


def record(result: TrialResult) -> Record:
    """Return a result as bytes."""
    arrays: dict[str, Array] = {
        f"{side}/{column}": np.array(values)
        for side in IMPLEMENTATIONS
        for column, values in _columns(getattr(result, side)).items()
    }
    arrays |= {f"envelope/{name}": values for name, values in result.envelope.items()}
    arrays |= {
        name: getattr(result, name)
        for name in ("test_targets", "scratchnet_predictions", "keras_predictions")
    }
    if result.boundary is not None:
        arrays |= {f"boundary/{name}": a for name, a in vars(result.boundary).items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    table = {
        "trial": result.trial.to_dict(),
        "parameters": result.parameters,
        "comparability": result.comparability.row(),
        "seconds": result.seconds,
        "seconds_per_epoch": [dataclasses.astuple(row) for row in result.seconds_per_epoch],
        "parity": [dataclasses.astuple(row) for row in result.parity],
    }
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    head = _head(result.trial.key, origin(), digest)
    return Record(seal(head[:-1] + b", " + json.dumps(table).encode()[1:]), packed.getvalue())


def seal(table: bytes) -> bytes:
    """Put a checksum at the end of a JSON object."""
    checksum = hashlib.sha256(table).hexdigest()
    return table[:-1] + f', "checksum": "{checksum}"}}\n'.encode()


def unsealed(text: bytes) -> bytes | None:
    """Return what `seal` was given; None where a byte is not as it was."""
    table = text[: -len(seal(b"}"))] + b"}"
    return table if seal(table) == text else None


def _is_sealed(text: bytes) -> bool:
    return unsealed(text) is not None


def _head(key: str, origin_: Mapping[str, Any], digest: str) -> bytes:
    head = {"format": FORMAT, "key": key, "origin": origin_, "arrays": digest}
    return json.dumps(head).encode()


def _parsed(text: bytes) -> dict[str, Any]:
    sealed = _is_sealed(text)
    try:
        table = json.loads(text)
        found = int(table["format"] if "format" in table else table["origin"]["format"])
    except MALFORMED:
        raise DamagedError("result.json is not what was stored") from None
    if sealed and found > FORMAT:
        raise LaterFormatError(f"has format {found}; this version reads up to {FORMAT}")
    if not (sealed or (found == _UNSEALED and "checksum" not in table)):
        raise DamagedError("result.json is not what was stored")
    assert isinstance(table, dict)
    return table


_METRICS = "metrics/"


def _columns(history: History) -> dict[str, list[float]]:
    """Return every curve of a history by its name in an archive."""
    columns = dict(vars(history))
    metrics = columns.pop("metrics")
    return columns | {f"{_METRICS}{name}": values for name, values in metrics.items()}


def _key(table: Mapping[str, Any]) -> str:
    if "key" in table:
        return str(table["key"])
    try:
        return Trial.from_dict(table["trial"]).key
    except MALFORMED:
        raise DamagedError("result.json is not what was stored") from None


def _result(trial: Trial, table: Mapping[str, Any], arrays: Mapping[str, Array]) -> TrialResult:
    def under(prefix: str) -> dict[str, Array]:
        return {
            name.removeprefix(prefix): values
            for name, values in arrays.items()
            if name.startswith(prefix)
        }

    def history(side: str) -> History:
        metrics = {name: values.tolist() for name, values in under(side + _METRICS).items()}
        columns: dict[str, Any] = {
            name: values.tolist()
            for name, values in under(side).items()
            if not name.startswith(_METRICS)
        }
        return History(**columns, metrics=metrics)

    boundary = under("boundary/")
    return TrialResult(
        trial=trial,
        parameters=table["parameters"],
        comparability=Comparability.from_row(table["comparability"]),
        scratchnet=history("scratchnet/"),
        keras=history("keras/"),
        seconds_per_epoch=[EpochSeconds(*row) for row in table["seconds_per_epoch"]],
        parity=[ParityRow(*row) for row in table["parity"]],
        envelope=under("envelope/"),
        test_targets=arrays["test_targets"],
        scratchnet_predictions=arrays["scratchnet_predictions"],
        keras_predictions=arrays["keras_predictions"],
        boundary=Boundary(**boundary) if boundary else None,
        seconds=table["seconds"],
    )
