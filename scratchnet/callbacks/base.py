"""What a callback is: code that looks at a training, and may change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scratchnet.network import Network
from scratchnet.optimizers import OptimizerState

Logs = dict[str, float]
"""What has been measured, by the name that it has in the history: ``loss``, ``val_loss`` ..."""


@dataclass
class OngoingTraining:
    """A training while it runs: what callbacks look at, and may change.

    Attributes
    ----------
    network
        In training.
    optimizer
        At work on it.
    directions
        By the name of a curve without ``val_``: ``"up"`` where more is better, ``"down"`` where
        less is.
    has_validation
        Whether there are curves that begin with ``val_``.
    stop_training
        Set by a callback: training ends after this batch, or this epoch.
    """

    network: Network
    optimizer: OptimizerState
    directions: Mapping[str, str] = field(default_factory=dict)
    has_validation: bool = False
    stop_training: bool = False

    @property
    def learning_rate(self) -> float:
        """The learning rate, as the network's dtype holds it: Keras keeps it in float32."""
        rate = self.optimizer.optimizer.learning_rate  # type: ignore[attr-defined]
        return float(np.asarray(rate, self.network.dtype))

    @learning_rate.setter
    def learning_rate(self, learning_rate: float) -> None:
        self.optimizer.set_learning_rate(learning_rate)


class Callback:
    """Base class: every method is called at its time, and does nothing unless overridden.

    The names are those of ``keras.callbacks.Callback``. ``logs`` holds what was measured so far:
    at the end of a batch the means of the epoch up to there, at the end of an epoch the entries
    of the history. What a callback adds to the logs of an epoch, later callbacks see, and the
    history keeps.

    Attributes
    ----------
    training
        The `OngoingTraining`, from before `on_train_begin` on.
    """

    training: OngoingTraining

    def on_train_begin(self) -> None:
        """Before the first epoch: the time to forget an earlier training."""

    def on_train_end(self) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int) -> None:
        """Before a batch, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """After a batch and its update."""


class LambdaCallback(Callback):
    """Calls the functions that it is given (``keras.callbacks.LambdaCallback``).

    Parameters
    ----------
    calls
        Functions by the name of the method of `Callback` that each stands in for, with its
        arguments, as ``on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"])``.

    Raises
    ------
    TypeError
        If there is no such method.
    """

    def __init__(self, **calls: Callable[..., object]) -> None:
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, call in calls.items():
            if name not in known:
                raise TypeError(
                    f"LambdaCallback: unknown argument {name!r}; expected {', '.join(known)}"
                )
            setattr(self, name, call)


class CallbackList:
    """Callbacks of one training, called one after another.

    Parameters
    ----------
    callbacks
        In their order.
    training
        What they look at.

    Attributes
    ----------
    watches_batches
        Whether any of them asks for batches: else their logs need not be made.
    """

    def __init__(self, callbacks: Sequence[Callback], training: OngoingTraining) -> None:
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    f"callbacks: {callback!r}; expected objects of scratchnet.callbacks.Callback"
                )
            callback.training = training
        self._callbacks = list(callbacks)
        self._batch_begin = [c.on_train_batch_begin for c in callbacks if _has(c, "begin")]
        self._batch_end = [c.on_train_batch_end for c in callbacks if _has(c, "end")]
        self.watches_batches = bool(self._batch_begin or self._batch_end)

    def on_train_begin(self) -> None:
        """Call every callback."""
        for callback in self._callbacks:
            callback.on_train_begin()

    def on_train_end(self) -> None:
        """Call every callback."""
        for callback in self._callbacks:
            callback.on_train_end()

    def on_epoch_begin(self, epoch: int) -> None:
        """Call every callback."""
        for callback in self._callbacks:
            callback.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Call every callback; each may add to the logs."""
        for callback in self._callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int) -> None:
        """Call those that ask for it."""
        for call in self._batch_begin:
            call(batch)

    def on_train_batch_end(self, batch: int, measure: Callable[[], Logs]) -> None:
        """Call those that ask for it with what `measure` returns."""
        if self._batch_end:
            logs = measure()
            for call in self._batch_end:
                call(batch, logs)


def _has(callback: Callback, end: str) -> bool:
    """Whether a callback asks for the beginning or the end of batches."""
    name = f"on_train_batch_{end}"
    own = getattr(callback, name)
    return getattr(own, "__func__", own) is not getattr(Callback, name)
