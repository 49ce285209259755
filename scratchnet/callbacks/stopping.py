"""Callbacks that end a training early."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scratchnet.callbacks.base import Callback, Logs
from scratchnet.callbacks.monitor import MonitorCallback, check_number
from scratchnet.types import Array


@dataclass(eq=False, kw_only=True)
class EarlyStopping(MonitorCallback):
    """Ends training when a measure stops improving (``keras.callbacks.EarlyStopping``).

    Counting as in Keras: each monitored epoch adds 1 to a counter; an epoch that improves on the
    best sets it to 0, if it also improves on `baseline`. Training ends after an epoch without
    improvement in which the counter has reached `patience`, but never after the first epoch of
    all, number 0. So ``patience=0`` and ``patience=1`` are the same.

    Parameters
    ----------
    monitor
        A curve of the history.
    min_delta
        An improvement must be larger than this; its sign does not matter.
    patience
        So many epochs without improvement end the training.
    mode
        ``"min"``, ``"max"``, or ``"auto"``: what is better follows from the curve's name.
    baseline
        What has to be improved on too; None: nothing.
    restore_best_weights
        Whether the network gets the weights of its best epoch at the end, stopped early or not.
    start_from_epoch
        Epochs before this one, counted from 0, are not looked at.

    Attributes
    ----------
    stopped_epoch
        The epoch after which training was ended, from 0; 0 if it was not.
    best, best_epoch
        The best value, and its epoch.
    """

    min_delta: float = 0.0
    patience: int = 0
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("EarlyStopping", "min_delta", self.min_delta, lowest=-math.inf)
        check_number("EarlyStopping", "patience", self.patience, whole=True)
        check_number("EarlyStopping", "start_from_epoch", self.start_from_epoch, whole=True)

    def on_train_begin(self) -> None:
        """Forget an earlier training."""
        super().on_train_begin()
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: dict[str, Array] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Count."""
        value = self.monitored(logs)
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.training.network.weights, epoch
        self.wait += 1
        margin = abs(self.min_delta)
        if self.is_improvement(value, self.best, margin):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.training.network.weights
            if self.baseline is None or self.is_improvement(value, self.baseline, margin):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.training.stop_training = True

    def on_train_end(self) -> None:
        """Restore the best weights, if asked to."""
        if self.best_weights is not None:
            self.training.network.set_weights(self.best_weights)


@dataclass(eq=False)
class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite (``keras.callbacks.TerminateOnNaN``).

    The loss is the mean of the epoch up to the batch, as in Keras.

    Parameters
    ----------
    raise_error
        Whether to raise an error instead: other callbacks are then not told of the end.

    Raises
    ------
    RuntimeError
        If the loss is not finite and `raise_error` is set.
    """

    raise_error: bool = False

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Look at the loss."""
        loss = logs["loss"]
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"TerminateOnNaN: the loss is {loss} after batch {batch}, counted from 0; a lower "
                "learning rate may help"
            )
        self.training.stop_training = True
