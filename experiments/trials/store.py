"""Results that survive a crash: a folder per trial, written the moment the trial ends.

::

    results/article/trials/<key>/result.json    numbers and rows
                                 arrays.npz     histories, predictions, grids
                                 crash.txt      instead, where the trial crashed

Every file appears whole or not at all. `result.json` is written last, so where it is, all is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile, is_zipfile

import numpy as np

from experiments.parity.trace import ParityRow
from experiments.plan.plan import Trial
from experiments.trials.boundary import Boundary
from experiments.trials.comparability import Comparability
from experiments.trials.own_files import FIXED, FolderError, OwnFiles
from experiments.trials.trial import TrialResult
from experiments.trials.turns import IMPLEMENTATIONS, EpochSeconds
from scratchnet.training import History
from scratchnet.types import Array

FORMAT = 2


class StoreError(FolderError):
    """A result cannot be read; the message is one line for the user."""


_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error)
"""What reading a damaged result may raise."""


class Store:
    """The folder of a run.

    Parameters
    ----------
    folder
        To read from; `open` gives a store that is written to.
    own_files
        Which files there may be replaced.
    """

    def __init__(self, folder: Path, own_files: OwnFiles | None = None) -> None:
        self.folder = folder
        self._own_files = own_files
        # Asked once: whoever edits the sources during a run does not lose what it finishes.
        self._origin = origin()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Take a folder to write results to.

        Raises
        ------
        FolderError
            If it is somebody else's, or cannot be written.
        """
        return cls(folder, OwnFiles.open(folder, *FIXED))

    @property
    def own_files(self) -> OwnFiles:
        """Which files of the folder may be replaced."""
        if self._own_files is None:
            raise ValueError("this store was not opened for writing")
        return self._own_files

    @property
    def trials(self) -> Path:
        """Where the trials' folders are."""
        return self.folder / "trials"

    def path(self, trial: Trial) -> Path:
        """Return the folder of a trial."""
        return self.trials / trial.key

    def has(self, trial: Trial) -> bool:
        """Whether the trial is finished, by the code and the libraries of today."""
        try:
            table = self._table(trial)
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            # Not ours, or cut off by a full disk: the trial is run again.
            return False
        known = isinstance(table, dict) and table.get("origin") == self._origin
        return known and is_zipfile(self.path(trial) / "arrays.npz")

    def save(self, result: TrialResult) -> None:
        """Write a finished trial."""
        folder = f"trials/{result.trial.key}"
        self.own_files.remove(f"{folder}/result.json", f"{folder}/crash.txt")
        arrays: dict[str, Array] = {
            f"{side}/{column}": np.array(values)
            for side in IMPLEMENTATIONS
            for column, values in vars(getattr(result, side)).items()
        }
        arrays |= {f"envelope/{name}": values for name, values in result.envelope.items()}
        arrays |= {
            name: getattr(result, name)
            for name in ("test_targets", "scratchnet_predictions", "keras_predictions")
        }
        if result.boundary is not None:
            arrays |= {f"boundary/{name}": a for name, a in vars(result.boundary).items()}
        table = {
            "origin": self._origin,
            "trial": result.trial.to_dict(),
            "parameters": result.parameters,
            "comparability": result.comparability.row(),
            "seconds": result.seconds,
            "seconds_per_epoch": [dataclasses.astuple(row) for row in result.seconds_per_epoch],
            "parity": [dataclasses.astuple(row) for row in result.parity],
        }
        with self.own_files.writing(f"{folder}/arrays.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        self.own_files.write_text(f"{folder}/result.json", json.dumps(table))

    def load(self, trial: Trial) -> TrialResult:
        """Read a finished trial, under the name that the plan gives it.

        Raises
        ------
        StoreError
            If it is not there, or not what was written.
        """
        try:
            table = self._table(trial)
            with np.load(self.path(trial) / "arrays.npz") as file:
                arrays = {name: file[name] for name in file.files}
            return _result(trial, table, arrays)
        except _UNREADABLE as error:
            raise StoreError(
                f"{self.path(trial)}: cannot be read as a result ({error}); run with --fresh"
            ) from None

    def save_crash(self, trial: Trial, report: str) -> None:
        """Write why a trial crashed: a line, and below it the traceback."""
        self.write_text(f"trials/{trial.key}/crash.txt", report)

    def crash(self, trial: Trial) -> str | None:
        """Return what `save_crash` wrote, or None."""
        path = self.path(trial) / "crash.txt"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def discard(self, *trials: Trial) -> None:
        """Remove what an earlier run left of trials."""
        names = ("result.json", "arrays.npz", "crash.txt")
        self.own_files.remove(*(f"trials/{trial.key}/{name}" for trial in trials for name in names))

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run's folder.

        Raises
        ------
        FolderError
            If somebody else's file has this name.
        """
        self.own_files.write_text(name, text)

    def _table(self, trial: Trial) -> Any:
        return json.loads((self.path(trial) / "result.json").read_text(encoding="utf-8"))


def origin() -> dict[str, Any]:
    """Return what a stored result must have been made by to be taken for today's.

    A network that was changed since must be compared anew, so the sources count, and so do the
    libraries that compute.
    """
    from importlib.metadata import version

    return {
        "format": FORMAT,
        "sources": _sources(),
        **{name: version(name) for name in ("numpy", "scikit-learn", "keras", "tensorflow")},
    }


_TRIAL = ("trial.py", "comparability.py", "turns.py", "snapshots.py")
"""What computes a trial's result, beside the packages that `_sources` names."""


def _sources() -> str:
    """Hash the code that decides the outcome of a trial."""
    root = Path(__file__).parents[2]
    paths = [
        path
        for room in ("scratchnet", "keras_baseline", "experiments/parity", "experiments/plan")
        for path in (root / room).rglob("*.py")
    ]
    paths += [root / "experiments/trials" / name for name in _TRIAL]
    digest = hashlib.sha256()
    # By content, not by name or place: a file that moves computes what it computed before.
    for content in sorted(hashlib.sha256(path.read_bytes()).digest() for path in paths):
        digest.update(content)
    return digest.hexdigest()[:16]


def _result(trial: Trial, table: Mapping[str, Any], arrays: Mapping[str, Array]) -> TrialResult:
    def under(prefix: str) -> dict[str, Array]:
        return {
            name.removeprefix(prefix): values
            for name, values in arrays.items()
            if name.startswith(prefix)
        }

    def history(side: str) -> History:
        return History(**{column: values.tolist() for column, values in under(side).items()})

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
