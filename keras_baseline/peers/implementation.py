"""What is asked of every implementation that is timed, whatever library it is made with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from scratchnet.architecture import Architecture
from scratchnet.optimizers import SGD, Adam, Optimizer
from scratchnet.types import Array

OnEpochs = Callable[[int], None]
"""Called with the number of epochs done since the last call."""


@dataclass(frozen=True)
class Task:
    """What is to be trained, from which weights, on which batches: the same for everybody.

    Attributes
    ----------
    architecture
        Dense layers, with one sigmoid unit and binary cross-entropy, or softmax and categorical
        cross-entropy, at the end.
    optimizer
        SGD, with or without momentum (not Nesterov's), or Adam.
    x
        ``(samples, features)``, float32.
    y
        ``(samples, 1)`` zeros and ones, or ``(samples, classes)`` one-hot; float32.
    batch_size
        Samples per batch, in their order, never shuffled; the last batch has what remains.
    weights
        Where training starts, by full name.

    Raises
    ------
    ValueError
        If the implementations do not cover the optimizer.
    """

    architecture: Architecture
    optimizer: Optimizer
    x: Array
    y: Array
    batch_size: int
    weights: Mapping[str, Array]

    def __post_init__(self) -> None:
        rule = self.optimizer
        if type(rule) not in (SGD, Adam) or (isinstance(rule, SGD) and rule.nesterov):
            raise ValueError(f"optimizer = {rule}; expected SGD without Nesterov, or Adam")

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """First and one past the last sample of each batch."""
        size, samples = self.batch_size, len(self.x)
        return [(i, min(i + size, samples)) for i in range(0, samples, size)]

    @property
    def binary(self) -> bool:
        """Whether there is one sigmoid unit, rather than a softmax over classes."""
        return self.architecture.units == 1

    @property
    def layers(self) -> list[tuple[Array, Array, str]]:
        """Kernel, bias and activation of each layer."""
        return [
            (
                self.weights[f"{layer.name}/kernel"],
                self.weights[f"{layer.name}/bias"],
                str(vars(layer)["activation"]),
            )
            for layer in self.architecture.layers
        ]

    def named(self, pairs: list[tuple[Array, Array]]) -> dict[str, Array]:
        """Return a list of (kernel, bias) as weights by full name."""
        return {
            f"{layer.name}/{short}": array
            for layer, pair in zip(self.architecture.layers, pairs, strict=True)
            for short, array in zip(("kernel", "bias"), pair, strict=True)
        }


class Implementation(ABC):
    """One way to train a task's network, built and ready.

    Attributes
    ----------
    loss_is
        What `loss` returns after `train`: ``"epoch mean"`` of the last epoch's batches, or that
        of the ``"last batch"``; both before their updates.
    reports_each_epoch
        Whether `train` calls `on_epochs` after each epoch; otherwise once, at its end.
    """

    loss_is: str = "last batch"
    reports_each_epoch: ClassVar[bool] = True

    @staticmethod  # noqa: B027
    def set_threads(count: int) -> None:
        """Limit the library's own threads; called after its import and before all else."""

    @abstractmethod
    def __init__(self, task: Task) -> None:
        """Build everything that is needed before the first epoch."""

    @abstractmethod
    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Train, going on from where the last call stopped."""

    @abstractmethod
    def loss(self) -> float:
        """Return the loss that training last computed, as `loss_is` says."""

    @abstractmethod
    def weights(self) -> dict[str, Array]:
        """Return the present weights by full name."""
