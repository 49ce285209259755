"""Weights across, both ways, bit for bit.

Both sides name and lay out weights alike, ``dense_1/kernel`` being ``(fan_in, fan_out)``, so
nothing is transposed or renamed on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from scratchnet.types import Array


def variables(model: Any) -> dict[str, Any]:
    """Return the model's Keras variables by full name, in order."""
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }


def trained(model: Any) -> dict[str, Any]:
    """Return those of the model's variables that an optimizer changes, by full name."""
    return {name: variable for name, variable in variables(model).items() if variable.trainable}


def get_weights(model: Any) -> dict[str, Array]:
    """Return copies of all weights by full name."""
    return {
        name: np.array(keras.ops.convert_to_numpy(variable))
        for name, variable in variables(model).items()
    }


def set_weights(model: Any, weights: Mapping[str, Array]) -> None:
    """Copy weights in by full name; each is rounded to its variable's dtype.

    Raises
    ------
    ValueError
        If a name is missing or unknown; Keras raises its own for a wrong shape.
    """
    targets = variables(model)
    if targets.keys() != weights.keys():
        raise ValueError(f"weights: {sorted(weights)}, expected {sorted(targets)}")
    for name, variable in targets.items():
        variable.assign(np.asarray(weights[name], variable.dtype))
