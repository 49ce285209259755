"""The history of a training: its curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""Names of the curves that every history has, in Keras's order."""


@dataclass(repr=False)
class History:
    """What training saw, one entry per epoch, in the meaning of ``keras.callbacks.History``.

    Attributes
    ----------
    loss
        Mean over the epoch's batches, weighted by their sizes, of the loss before each update.
    accuracy
        Share of the epoch's samples that were right before their batch's update.
    val_loss, val_accuracy
        On the validation data at the end of the epoch; empty without such data.
    seconds
        Wall-clock time of the epoch's training, validation not included.
    epoch
        Its number, from 0.
    metrics
        Further curves by name: metrics that were asked for, with those on the validation data as
        ``val_precision``, and what callbacks note, as ``learning_rate``.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    epoch: list[int] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the number of epochs and the last of every curve in a line."""
        last = [f"{name} {values[-1]:.4g}" for name, values in self.history.items()]
        return f"History({', '.join([f'{len(self.loss)} epochs', *last])})"

    @property
    def history(self) -> dict[str, list[float]]:
        """Every curve by name, as Keras's ``History.history``."""
        curves = {name: getattr(self, name) for name in CURVES}
        return {name: values for name, values in curves.items() if values} | self.metrics

    def append(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Add what was measured in an epoch, by name."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            curve = getattr(self, name) if name in CURVES else self.metrics.setdefault(name, [])
            curve.append(value)
