"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.callbacks.base import Callback, Logs
from scratchnet.callbacks.monitor import MonitorCallback, check_number
from scratchnet.errors import ArchitectureError


@dataclass(eq=False, kw_only=True)
class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a measure stops improving.

    ``keras.callbacks.ReduceLROnPlateau``, with its counting: after `patience` epochs without
    improvement the rate becomes ``max(rate * factor, min_lr)``; then follow `cooldown` epochs in
    which nothing is counted. It adds the rate of each epoch, before it is lowered, to the history
    as ``learning_rate``.

    Parameters
    ----------
    monitor, mode
        As in `EarlyStopping`.
    factor
        Below 1.
    patience
        So many epochs without improvement lower the rate.
    min_delta
        An improvement must be larger than this; its sign does not matter.
    cooldown
        So many epochs after a reduction are not counted.
    min_lr
        The rate never goes below.
    """

    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("factor", "min_lr"):
            check_number("ReduceLROnPlateau", name, getattr(self, name))
        if self.factor >= 1:
            raise ArchitectureError(
                f"ReduceLROnPlateau: factor = {self.factor!r}; expected a number from 0 to below 1"
            )
        for name in ("patience", "cooldown"):
            check_number("ReduceLROnPlateau", name, getattr(self, name), whole=True)
        check_number("ReduceLROnPlateau", "min_delta", self.min_delta, lowest=-np.inf)

    def on_train_begin(self) -> None:
        """Forget an earlier training."""
        super().on_train_begin()
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:  # noqa: ARG002
        """Count, and lower the rate when it is time."""
        logs["learning_rate"] = self.training.learning_rate
        value = self.monitored(logs)
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best, abs(self.min_delta)):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and self._reduce():
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self) -> bool:
        """Lower the rate unless it is as low as allowed; return whether it was lowered."""
        old = self.training.learning_rate
        if not old > np.float32(self.min_lr):  # so in Keras, whatever the dtype
            return False
        self.training.learning_rate = max(old * self.factor, self.min_lr)
        return True


@dataclass(eq=False)
class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch (``keras.callbacks.LearningRateScheduler``).

    It adds the rate to the history as ``learning_rate``.

    Parameters
    ----------
    schedule
        Called with the epoch, from 0, and the rate so far (or with the epoch alone); returns the
        new rate.

    Raises
    ------
    ValueError
        If it returns no float.
    """

    schedule: Callable[..., Any]

    def on_epoch_begin(self, epoch: int) -> None:
        """Set the rate."""
        arguments = (epoch, self.training.learning_rate)
        try:
            inspect.signature(self.schedule).bind(*arguments)
        except TypeError:
            rate = self.schedule(epoch)
        else:
            rate = self.schedule(*arguments)
        if not isinstance(rate, float | np.floating):
            raise ValueError(
                f"LearningRateScheduler: schedule returned {rate!r} for epoch {epoch}; expected a "
                "float"
            )
        self.training.learning_rate = float(rate)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:  # noqa: ARG002
        """Note the rate."""
        logs["learning_rate"] = self.training.learning_rate
