"""What is timed: networks, batch sizes and optimizers on synthetic data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_baseline.peers.implementation import Task
from scratchnet import SGD, Adam, Architecture, Dense, initial_weights
from scratchnet.optimizers import Optimizer, optimizer_from_dict, optimizer_to_dict


@dataclass(frozen=True)
class Workload:
    """A network to be trained on synthetic data.

    Attributes
    ----------
    name
        ``network/batch/optimizer``, as ``article/full/sgd``.
    architecture, optimizer
        What is trained, and how.
    samples
        Number of samples.
    batch_size
        Samples per batch, at most `samples`.
    """

    name: str
    architecture: Architecture
    optimizer: Optimizer
    samples: int
    batch_size: int

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.samples // self.batch_size)

    @property
    def checked_epochs(self) -> int:
        """Epochs after which weights and loss are compared: at least three steps."""
        return -(-3 // self.steps)

    def task(self) -> Task:
        """Draw data and initial weights, always the same: standard normal inputs.

        Targets come from a random linear map of the inputs: its sign for one output unit, its
        largest element for more.
        """
        random = np.random.RandomState(0)
        units = self.architecture.units
        x = random.standard_normal((self.samples, self.architecture.input_shape[0]))
        scores = x @ random.standard_normal((x.shape[1], units))
        y = scores > 0 if units == 1 else np.eye(units)[scores.argmax(axis=1)]
        weights = initial_weights(self.architecture, seed=0)
        return Task(
            self.architecture,
            self.optimizer,
            x.astype(np.float32),
            y.astype(np.float32),
            self.batch_size,
            {name: values.astype(np.float32) for name, values in weights.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "architecture": self.architecture.to_dict(),
            "optimizer": optimizer_to_dict(self.optimizer),
            "samples": self.samples,
            "batch_size": self.batch_size,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Workload:
        """Make a workload from what `to_dict` returned."""
        return cls(
            name=table["name"],
            architecture=Architecture.from_dict(table["architecture"]),
            optimizer=optimizer_from_dict(table["optimizer"]),
            samples=table["samples"],
            batch_size=table["batch_size"],
        )


def network(*units: int) -> Architecture:
    """Make a network of ReLU layers with a sigmoid unit, or a softmax over classes, at its end.

    Parameters
    ----------
    units
        Inputs, hidden layers, outputs: ``network(2, 25, 50, 50, 25, 1)``.
    """
    inputs, *hidden, outputs = units
    last = "sigmoid" if outputs == 1 else "softmax"
    loss = "binary_crossentropy" if outputs == 1 else "categorical_crossentropy"
    layers = (*(Dense(n, "relu") for n in hidden), Dense(outputs, last))
    return Architecture(input_shape=(inputs,), layers=layers, loss=loss)


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(learning_rate=0.01),
    "momentum": SGD(learning_rate=0.01, momentum=0.9),
    "adam": Adam(learning_rate=0.001),
}

# 900 samples are what the notebook trains on: 1,000 moons less a tenth.
_NETWORKS = (
    ("article/full", network(2, 4, 6, 6, 4, 1), 900, 900),
    ("article/32", network(2, 4, 6, 6, 4, 1), 900, 32),
    ("notebook/full", network(2, 25, 50, 50, 25, 1), 900, 900),
    ("notebook/32", network(2, 25, 50, 50, 25, 1), 900, 32),
    ("64-256-256-1/128", network(64, 256, 256, 1), 4096, 128),
    ("256-1024-1024-10/512", network(256, 1024, 1024, 10), 2048, 512),
    ("784-512-512-10/128", network(784, 512, 512, 10), 2048, 128),
)

WORKLOADS: dict[str, Workload] = {
    f"{name}/{rule}": Workload(f"{name}/{rule}", architecture, optimizer, samples, batch_size)
    for rule, optimizer in OPTIMIZERS.items()
    for name, architecture, samples, batch_size in _NETWORKS
}

DEFAULT_WORKLOADS = (
    "article/full/sgd",
    "notebook/full/sgd",
    "notebook/32/sgd",
    "64-256-256-1/128/sgd",
    "256-1024-1024-10/512/sgd",
)
