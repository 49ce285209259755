"""Training steps on which the mutants show, one of each kind of network that scratchnet knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from experiments.parity.step import TwinStep
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from scratchnet.types import Array

Weights = dict[str, Array]


@dataclass(frozen=True)
class Scene:
    """A training step to judge.

    Attributes
    ----------
    architecture, optimizer
        What is trained.
    samples, step
        Size of the batch, and number of updates before.
    slots
        Size of the optimizer's first moments, and of the roots of its second moments.
    arrange
        Changes weights and inputs, drawn from normal distributions, to what the scene is about.
    """

    architecture: Architecture
    optimizer: Optimizer
    samples: int
    step: int = 0
    slots: float = 0.03
    arrange: Callable[[Weights, Array], Array] = lambda weights, x: x  # noqa: ARG005

    def snapshot(self, dtype: str) -> Snapshot:
        """Draw where the step starts; every dtype gets the same numbers, rounded."""
        random = np.random.RandomState(7)
        architecture = self.architecture
        weights = {
            name: random.standard_normal(shape) * (0.7 if len(shape) > 1 else 0.4)
            for name, shape in architecture.weight_shapes().items()
        }
        x = random.standard_normal((self.samples, *architecture.input_shape))
        x = self.arrange(weights, x)
        slots = {}
        for name, value in weights.items():
            for slot in self.optimizer.slots:
                drawn = self.slots * random.standard_normal(value.shape)
                drawn = drawn**2 if slot == "velocity" else drawn
                slots[f"{name}_{slot}"] = (drawn * (self.step > 0)).astype(dtype)
        y = self._targets(random)
        return Snapshot(
            self.step,
            {name: value.astype(dtype) for name, value in weights.items()},
            slots,
            x.astype(dtype),
            y if y.dtype.kind == "i" else y.astype(dtype),
        )

    def _targets(self, random: np.random.RandomState) -> Array:
        units, loss = self.architecture.units, self.architecture.loss.name
        classes: Array = random.permutation(np.arange(self.samples) % units)
        if loss == "sparse_categorical_crossentropy":
            return classes[:, None]
        if loss == "categorical_crossentropy":
            one_hot: Array = np.eye(units)[classes]
            return one_hot
        if loss == "binary_crossentropy":
            labels: Array = random.permutation(np.arange(self.samples * units) % 2.0)
            return labels.reshape(-1, units)
        return random.standard_normal((self.samples, units))


@cache
def twin_step(scene: str, dtype: str) -> TwinStep:
    """Let Keras take a scene's step; once, for all mutants."""
    # Imported here because TensorFlow takes seconds to start.
    from keras_baseline.tracing import KerasStep

    found = SCENES[scene]
    keras_step: Any = KerasStep(found.architecture, dtype, found.optimizer)
    return TwinStep.take(keras_step, found.snapshot(dtype))


def _network(inputs: int, layers: str, loss: str, *, use_bias: bool = True) -> Architecture:
    """Make an architecture from ``"5 relu, 1 sigmoid"``."""
    pairs = [layer.split() for layer in layers.split(",")]
    return Architecture(
        (inputs,),
        tuple(Dense(int(units), name, use_bias=use_bias) for units, name in pairs),
        loss,
    )


_BINARY, _ROWS, _SPARSE, _SQUARED = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_squared_error",
)


def _probabilities(weights: Weights, x: Array) -> Array:
    """Let the linear outputs be probabilities between 0.1 and 0.9."""
    weights["dense_2/kernel"] *= 0.1
    weights["dense_2/bias"][...] = np.linspace(0.4, 0.6, weights["dense_2/bias"].size)
    return 0.5 * x


def _clipped(weights: Weights, x: Array) -> Array:
    """Let about half of the linear outputs lie outside of [0, 1]."""
    weights["dense_2/bias"][...] = 0.5
    return x


def _zeros(weights: Weights, x: Array) -> Array:
    """Let some pre-activations of the first layer be exactly 0."""
    weights["dense_1/bias"][...] = 0
    x[::2] = 0
    return x


def _saturated(weights: Weights, x: Array) -> Array:
    """Let the logits be tens: sigmoids are 0 or 1 to the last digit."""
    weights["dense_2/kernel"] *= 40
    return 4 * x


def _overflowing(weights: Weights, x: Array) -> Array:
    """Let the logits be thousands: exp of them overflows."""
    weights["dense_2/kernel"] *= 3e4
    return x


def _averaged(weights: Weights, x: Array) -> Array:
    """Keep the pre-activations of a wide layer small."""
    weights["dense_1/kernel"] /= np.sqrt(len(weights["dense_1/kernel"]))
    return x


def _uncentred(weights: Weights, x: Array) -> Array:
    """Let the inputs be large numbers that differ little, as years or temperatures in kelvin."""
    weights["dense_1/kernel"] -= weights["dense_1/kernel"].mean(axis=0)
    weights["dense_1/bias"][...] = 0
    return 2000 + x


def _large(weights: Weights, x: Array) -> Array:  # noqa: ARG001
    return 1e5 * x


def _small(weights: Weights, x: Array) -> Array:
    """Let gradients and slots be far below the usual tolerances."""
    weights["dense_2/kernel"] *= 1e-5
    return 1e-3 * x


SCENES: dict[str, Scene] = {
    "article": Scene(_network(3, "5 relu, 4 relu, 1 sigmoid", _BINARY), SGD(0.1), 7),
    "article square": Scene(_network(4, "4 relu, 4 sigmoid, 1 sigmoid", _BINARY), SGD(0.1), 6),
    "square": Scene(_network(4, "4 relu, 4 tanh, 4 softmax", _ROWS), SGD(0.1, momentum=0.9), 4, 3),
    "sparse": Scene(_network(3, "5 relu, 4 softmax", _SPARSE), Adam(0.01), 6, 2),
    "regression": Scene(_network(3, "4 tanh, 4 sigmoid, 3 linear", _SQUARED), RMSprop(0.01), 5, 2),
    "outputs": Scene(_network(3, "4 sigmoid, 3 sigmoid", _BINARY), Adam(), 5),
    "probabilities": Scene(
        _network(3, "4 tanh, 2 linear", _BINARY), SGD(0.1), 5, arrange=_probabilities
    ),
    "clipped": Scene(_network(3, "4 tanh, 2 linear", _BINARY), SGD(0.1), 9, arrange=_clipped),
    "distribution": Scene(
        _network(3, "4 softmax, 3 linear", _ROWS), SGD(0.1), 6, arrange=_probabilities
    ),
    "sparse distribution": Scene(
        _network(3, "4 sigmoid, 3 linear", _SPARSE), SGD(0.1), 6, arrange=_probabilities
    ),
    "momentum": Scene(_network(3, "4 relu, 3 linear", _SQUARED), SGD(0.1, momentum=0.9), 5, 3),
    "nesterov": Scene(
        _network(3, "4 relu, 3 linear", _SQUARED), SGD(0.1, momentum=0.9, nesterov=True), 5, 3
    ),
    "decay": Scene(_network(3, "4 relu, 1 sigmoid", _BINARY), AdamW(0.01), 6, 4),
    "zeros": Scene(_network(3, "4 relu, 1 sigmoid", _BINARY), SGD(0.1), 6, arrange=_zeros),
    "saturated": Scene(_network(3, "4 relu, 1 sigmoid", _BINARY), SGD(0.1), 8, arrange=_saturated),
    "overflowing": Scene(
        _network(3, "4 relu, 3 softmax", _ROWS), SGD(0.1), 6, arrange=_overflowing
    ),
    "one sample": Scene(_network(3, "4 tanh, 1 sigmoid", _BINARY), Adam(), 1),
    "no bias": Scene(_network(3, "4 relu, 3 softmax", _ROWS, use_bias=False), SGD(0.1), 6),
    "wide": Scene(_network(300, "40 relu, 3 softmax", _SPARSE), SGD(0.1), 33, arrange=_averaged),
    "uncentred": Scene(_network(6, "4 tanh, 1 linear", _SQUARED), Adam(), 9, 2, arrange=_uncentred),
    "large": Scene(_network(5, "4 relu, 2 linear", _SQUARED), SGD(1e-9), 7, arrange=_large),
    "small": Scene(_network(5, "4 tanh, 2 linear", _SQUARED), Adam(), 7, 2, 1e-6, _small),
}
"""By name. The last five are badly scaled, or long: correct networks differ by more there."""
