"""What the user's network is asked to do: one step from given weights on a given batch.

A task is all that the user's process learns of a case. Nothing in it, and nothing else over there,
knows what is right.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchnet.types import Array


@dataclass(frozen=True)
class Layer:
    """A dense layer.

    Attributes
    ----------
    name, units, activation, use_bias
        As Keras has them.
    inputs
        Number of features that come in.
    """

    name: str
    inputs: int
    units: int
    activation: str
    use_bias: bool


@dataclass(frozen=True)
class Task:
    """A training step.

    Attributes
    ----------
    architecture
        ``input_shape``, ``loss`` and ``layers``, every field written out; see ``docs/check.md``.
    learning_rate
        Of plain gradient descent.
    weights
        By full name, in Keras's layout: ``(inputs, units)`` and ``(units,)``.
    x, y
        ``(samples, features)``, and targets as the loss takes them, ``(samples, units or 1)``.
    """

    architecture: dict[str, Any]
    learning_rate: float
    weights: dict[str, Array]
    x: Array
    y: Array

    @property
    def loss(self) -> str:
        """Keras's name of the loss."""
        return str(self.architecture["loss"])

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order."""
        layers = []
        (inputs,) = self.architecture["input_shape"]
        for entry in self.architecture["layers"]:
            layer = Layer(
                entry["name"], inputs, entry["units"], entry["activation"], entry["use_bias"]
            )
            layers.append(layer)
            inputs = layer.units
        return tuple(layers)

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.layers[-1].units

    @property
    def samples(self) -> int:
        """Batch size."""
        return len(self.x)

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by full name, from the first layer to the last."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in self.layers:
            shapes[f"{layer.name}/kernel"] = (layer.inputs, layer.units)
            if layer.use_bias:
                shapes[f"{layer.name}/bias"] = (layer.units,)
        return shapes

    def own_architecture(self) -> dict[str, Any]:
        """Return a copy of the architecture that the user's code may change."""
        return copy.deepcopy(self.architecture)

    def to_message(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the task as a header and arrays."""
        header = {"architecture": self.architecture, "learning_rate": self.learning_rate}
        return header, {"x": self.x, "y": self.y, **self.weights}

    @classmethod
    def from_message(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Task:
        """Make a task from what `to_message` returned."""
        # `activation is "relu"`, as the article prints it, is true of interned strings only.
        architecture = _interned(header["architecture"])
        weights = {name: array for name, array in arrays.items() if name not in ("x", "y")}
        return cls(architecture, header["learning_rate"], weights, arrays["x"], arrays["y"])


def _interned(value: Any) -> Any:
    if isinstance(value, dict):
        return {sys.intern(key): _interned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_interned(item) for item in value]
    return sys.intern(value) if isinstance(value, str) else value
