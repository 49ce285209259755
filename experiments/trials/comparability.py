"""Whether two trainings can be compared at all, and what their accuracies can tell.

Two curves mean something side by side only where both trainings started from the same weights, saw
the same batches in the same order, and computed the same loss in the same dtype. A record of all
that stands beside every trial. Accuracies are counts of few samples: each comes with a Wilson
interval, and their difference with McNemar's exact test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.architecture import Architecture
from scratchnet.metrics import predicted_classes
from scratchnet.training import BatchOrder
from scratchnet.types import Array

if TYPE_CHECKING:
    from keras_baseline.settings import TwinSettings

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Settings:
    """What one side trained with.

    Attributes
    ----------
    initial_weights
        Hash of names, shapes, dtypes and bits.
    batch_order
        Hash of the samples in the order of their use, and of the batches' bounds.
    updates
        Number of updates of the weights.
    layer_dtype, loss_dtype, metric_dtype
        In which each computes; several are joined by ``+``.
    loss_path
        ``fused`` with the last activation, or ``clipped`` probabilities, or ``plain``.
    backend
        ``numpy``, or that of Keras.
    jit
        Whether the training step is compiled by XLA.
    """

    initial_weights: str
    batch_order: str
    updates: int
    layer_dtype: str
    loss_dtype: str
    metric_dtype: str
    loss_path: str
    backend: str
    jit: bool


@dataclass(frozen=True)
class Accuracies:
    """How many held-out samples each side gets right, and whether the difference says anything.

    Attributes
    ----------
    samples
        Number of held-out samples.
    scratchnet_correct, keras_correct
        How many of them each side gets right.
    scratchnet_low, scratchnet_high, keras_low, keras_high
        Wilson's interval of each accuracy, at a confidence of 95 %.
    only_scratchnet, only_keras
        Samples that one side alone gets right.
    mcnemar
        Probability that two equally good sides differ as much, by McNemar's exact test.
    """

    samples: int
    scratchnet_correct: int
    keras_correct: int
    scratchnet_low: float
    scratchnet_high: float
    keras_low: float
    keras_high: float
    only_scratchnet: int
    only_keras: int
    mcnemar: float


@dataclass(frozen=True)
class Comparability:
    """The record of a trial.

    Attributes
    ----------
    scratchnet, keras
        What each side trained with.
    accuracies
        Of both sides on the held-out samples.
    """

    scratchnet: Settings
    keras: Settings
    accuracies: Accuracies

    @property
    def differences(self) -> list[str]:
        """What differs between the sides that must not, in words; backends and JIT may."""
        return [
            f"{name}: {ours} and {twin}"
            for name, ours, twin in self.settings
            if name not in ("backend", "jit") and ours != twin
        ]

    @property
    def settings(self) -> list[tuple[str, str, str]]:
        """Name, scratchnet's value and Keras's of every setting, in words."""

        def said(value: object) -> str:
            return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

        ours, twin = asdict(self.scratchnet), asdict(self.keras)
        return [
            (name.replace("_", " "), said(value), said(twin[name])) for name, value in ours.items()
        ]

    @property
    def comparable(self) -> bool:
        """Whether nothing differs that must not."""
        return not self.differences

    def row(self) -> dict[str, Any]:
        """Return the record as a row of ``comparability.csv``."""
        return {
            "comparable": self.comparable,
            **{f"scratchnet_{name}": value for name, value in asdict(self.scratchnet).items()},
            **{f"keras_{name}": value for name, value in asdict(self.keras).items()},
            **asdict(self.accuracies),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Comparability:
        """Read what `row` returned.

        Raises
        ------
        KeyError
            If something is missing.
        """

        def part(kind: type[Settings] | type[Accuracies], prefix: str) -> dict[str, Any]:
            return {field.name: row[prefix + field.name] for field in fields(kind)}

        return cls(
            Settings(**part(Settings, "scratchnet_")),
            Settings(**part(Settings, "keras_")),
            Accuracies(**part(Accuracies, "")),
        )


def hash_weights(weights: Mapping[str, Array]) -> str:
    """Return a hash of weights that two sides share only if they are the same to the last bit."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {value.shape} {value.dtype}".encode())
        digest.update(value.tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def hash_order(order: BatchOrder, epochs: int) -> str:
    """Return a hash of all batches of a training, sample by sample."""
    digest = hashlib.sha256(f"{order.samples} {order.bounds} {epochs}".encode())
    # Unshuffled, every epoch is like the first.
    for epoch in range(epochs if order.shuffle_seed is not None else 1):
        digest.update(order.epoch(epoch).astype(np.int64).tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def loss_path(architecture: Architecture) -> str:
    """Return by which path scratchnet computes the loss, in the words of `TwinSettings`."""
    if not architecture.loss.name.endswith("crossentropy"):
        return "plain"
    if architecture.fused:
        return "fused"
    return "logits" if architecture.loss.takes_logits else "clipped"


def scratchnet_settings(
    architecture: Architecture,
    dtype: str,
    weights: Mapping[str, Array],
    order: BatchOrder,
    epochs: int,
) -> Settings:
    """Record what scratchnet trains with.

    Parameters
    ----------
    architecture, dtype
        The network.
    weights
        Its weights before training, by full name.
    order, epochs
        Its batches.
    """
    computes = {
        **dict.fromkeys(("layer_dtype", "loss_dtype", "metric_dtype"), dtype),
        "loss_path": loss_path(architecture),
        "backend": "numpy",
        "jit": False,
    }
    return _settings(computes, weights, order, epochs)


def keras_settings(
    twin: TwinSettings, weights: Mapping[str, Array], order: BatchOrder, epochs: int
) -> Settings:
    """Record what the Keras twin trains with.

    Parameters
    ----------
    twin
        What its own objects tell.
    weights
        Its weights before training, by full name.
    order, epochs
        Its batches.
    """
    return _settings(asdict(twin), weights, order, epochs)


def _settings(
    computes: Mapping[str, Any], weights: Mapping[str, Array], order: BatchOrder, epochs: int
) -> Settings:
    return Settings(
        initial_weights=hash_weights(weights),
        batch_order=hash_order(order, epochs),
        updates=epochs * len(order.bounds),
        **computes,
    )


def compare_accuracies(targets: Array, scratchnet: Array, keras: Array) -> Accuracies:
    """Compare the predictions of both sides on held-out samples.

    Parameters
    ----------
    targets
        ``(samples, units)``, or ``(samples, 1)`` classes.
    scratchnet, keras
        Last activations, ``(samples, units)``.
    """
    right = targets[:, 0] if targets.shape[1] == 1 else np.argmax(targets, axis=1)
    ours, twin = (predicted_classes(p) == right for p in (scratchnet, keras))
    only_ours, only_twin = int(np.sum(ours & ~twin)), int(np.sum(twin & ~ours))
    low, high = wilson_interval(int(ours.sum()), len(right))
    keras_low, keras_high = wilson_interval(int(twin.sum()), len(right))
    return Accuracies(
        samples=len(right),
        scratchnet_correct=int(ours.sum()),
        keras_correct=int(twin.sum()),
        scratchnet_low=low,
        scratchnet_high=high,
        keras_low=keras_low,
        keras_high=keras_high,
        only_scratchnet=only_ours,
        only_keras=only_twin,
        mcnemar=mcnemar(only_ours, only_twin),
    )


def wilson_interval(correct: int, samples: int) -> tuple[float, float]:
    """Return the 95 % interval in which an accuracy lies (Wilson 1927)."""
    from scipy.stats import binomtest

    low, high = binomtest(correct, samples).proportion_ci(CONFIDENCE, method="wilson")
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the p-value of McNemar's exact test (1947), two-sided.

    Two equally good sides win each sample on which they differ with probability 1/2.

    Parameters
    ----------
    only_first, only_second
        Samples that one side alone gets right.
    """
    from scipy.stats import binomtest

    differing = only_first + only_second
    return float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0
