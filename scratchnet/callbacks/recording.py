"""Callbacks that keep something of a training: its curves, or its weights."""

from __future__ import annotations

import csv
import os
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from scratchnet.callbacks.base import Callback, Logs
from scratchnet.callbacks.monitor import MonitorCallback
from scratchnet.errors import ArchitectureError
from scratchnet.saving import write_arrays
from scratchnet.types import Array


@dataclass(eq=False)
class CSVLogger(Callback):
    """Writes the curves to a CSV file, a row as each epoch ends (``keras.callbacks.CSVLogger``).

    The columns are ``epoch``, from 0, and the curves of the first epoch in the order of their
    names; where there is no validation, ``val_`` columns follow that hold ``NA``: so in Keras.

    Parameters
    ----------
    filename
        Where to write; what is there is replaced unless `append` is set.
    separator
        Between the columns.
    append
        Whether to go on in a file that is there, without a second header.
    """

    filename: str | os.PathLike[str]
    separator: str = ","
    append: bool = False

    def on_train_begin(self) -> None:
        """Open the file."""
        path = Path(self.filename)
        self._header = not (self.append and path.exists() and path.stat().st_size)
        self._file: TextIO = path.open("a" if self.append else "w", newline="", encoding="utf-8")
        self._writer: csv.DictWriter[str] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write a row."""
        if self._writer is None:
            names = sorted(logs)
            if not any(name.startswith("val_") for name in names):
                names += [f"val_{name}" for name in names]
            self._writer = csv.DictWriter(
                self._file, ["epoch", *names], delimiter=self.separator, extrasaction="ignore"
            )
            if self._header:
                self._writer.writeheader()
        row: dict[str, Any] = {name: logs.get(name, "NA") for name in self._writer.fieldnames}
        self._writer.writerow({**row, "epoch": epoch})
        self._file.flush()

    def on_train_end(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(eq=False)
class ModelCheckpoint(MonitorCallback):
    """Keeps the weights while training goes on (``keras.callbacks.ModelCheckpoint``).

    Parameters
    ----------
    filepath
        Where to write the weights, an ``.npz`` file with an array for each weight by its full
        name; it may hold ``{epoch}``, counted from 1, and the names of curves, as
        ``"weights-{epoch:02d}-{val_loss:.2f}.npz"``. None: they are kept in `best_weights` only.
    monitor, mode
        As in `EarlyStopping`.
    save_best_only
        Whether to keep the weights of an epoch only where it improves on the best one.
    save_freq
        ``"epoch"``, or a number of batches after which to save, counted on from epoch to epoch.
    initial_value_threshold
        What has to be improved on at first; None: nothing.

    Attributes
    ----------
    best
        The best value so far. As in Keras it outlives a training.
    best_weights
        The weights that were kept last, by full name: `Network.set_weights` takes them.
    """

    filepath: str | os.PathLike[str] | None = None
    _: KW_ONLY
    monitor: str = field(default="val_loss", kw_only=True)
    save_best_only: bool = False
    save_freq: str | int = "epoch"
    initial_value_threshold: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.filepath is not None and not str(self.filepath).endswith(".npz"):
            raise ArchitectureError(
                f"ModelCheckpoint: filepath = {str(self.filepath)!r}; expected a name that ends in "
                ".npz"
            )
        whole = isinstance(self.save_freq, int) and not isinstance(self.save_freq, bool)
        if self.save_freq != "epoch" and not (whole and int(self.save_freq) >= 1):
            raise ArchitectureError(
                f"ModelCheckpoint: save_freq = {self.save_freq!r}; expected 'epoch' or a positive "
                "integer"
            )
        self.best = self.initial_value_threshold
        self.best_weights: dict[str, Array] = {}
        self._batches = 0

    def on_train_begin(self) -> None:
        """Find out what improving means, where it matters."""
        if self.save_best_only:
            super().on_train_begin()

    def on_epoch_begin(self, epoch: int) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Save after every so many batches, if asked to."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save({"epoch": self._epoch + 1, "batch": batch + 1, **logs}, logs)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Save, unless batches decide."""
        if self.save_freq == "epoch":
            self._save({"epoch": epoch + 1, **logs}, logs)

    def _save(self, named: dict[str, Any], logs: Logs) -> None:
        if self.save_best_only:
            value = self.monitored(logs)
            if not self.is_improvement(value, self.best):
                return
            self.best = value
        self.best_weights = self.training.network.weights
        if self.filepath is not None:
            path = self._path(named)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_arrays(path, self.best_weights)

    def _path(self, named: dict[str, Any]) -> Path:
        try:
            return Path(str(self.filepath).format(**named))
        except KeyError as error:
            raise ValueError(
                f"ModelCheckpoint: filepath = {str(self.filepath)!r} holds {error}; expected one "
                f"of {', '.join(named)}"
            ) from None
