"""How a module in the article's form keeps its weights, and the way to Keras's layout and back."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user.task import Layer

if TYPE_CHECKING:
    from scratchnet.types import Array


@dataclass(frozen=True)
class Layout:
    """How a module keeps its weights.

    Attributes
    ----------
    kernel, bias
        What stands before the layer's number in a key.
    first
        Number of the first layer.
    units_first
        Whether a kernel is ``(units, inputs)`` and samples stand in columns.
    bias_dimensions
        2 for a column (or row), 1 for a flat bias.
    """

    kernel: str = "W"
    bias: str = "b"
    first: int = 1
    units_first: bool = True
    bias_dimensions: int = 2

    def bias_shape(self, units: int) -> tuple[int, ...]:
        """Return the user's shape of a bias."""
        if self.bias_dimensions == 1:
            return (units,)
        return (units, 1) if self.units_first else (1, units)

    def samples_across(self, values: Array) -> Array:
        """Turn ``(samples, features)`` into the user's orientation, a fresh array."""
        return np.array(values.T if self.units_first else values, order="C")

    def keys(self, index: int) -> tuple[str, str]:
        """Return the keys of a layer's kernel and bias, the layers counted from 0."""
        return f"{self.kernel}{index + self.first}", f"{self.bias}{index + self.first}"

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the user's shape of a kernel, or of a batch."""
        return shape[::-1] if self.units_first else shape

    def params(self, layers: Sequence[Layer], weights: Mapping[str, Array]) -> dict[str, Array]:
        """Return weights as the user keeps them, in fresh arrays."""
        params = {}
        for index, layer in enumerate(layers):
            kernel_key, bias_key = self.keys(index)
            kernel, bias = weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]
            params[kernel_key] = np.array(kernel.T if self.units_first else kernel, order="C")
            params[bias_key] = bias.reshape(self.bias_shape(layer.units)).copy()
        return params


def read_layout(drawn: Any, inputs: list[int]) -> Layout | None:
    """Read from initial weights how they are kept, or None if they are not understood."""
    if not isinstance(drawn, Mapping):
        return None
    keys = [key for key in drawn if isinstance(key, str) and re.fullmatch(r"\D+\d+", key)]
    prefixes = {re.sub(r"\d+$", "", key) for key in keys}
    kernel = next((p for p in sorted(prefixes) if p.lower().startswith("w")), None)
    bias = next((p for p in sorted(prefixes) if p.lower().startswith("b")), None)
    if kernel is None or bias is None:
        return None
    numbers = sorted(int(key.removeprefix(kernel)) for key in keys if key.startswith(kernel))
    wanted = range(numbers[0], numbers[0] + len(inputs))
    if any(f"{prefix}{n}" not in drawn for prefix in (kernel, bias) for n in wanted):
        return None
    units_first = np.shape(drawn[f"{kernel}{numbers[0]}"])[1:] == (inputs[0],)
    dimensions = np.ndim(drawn[f"{bias}{numbers[0]}"])
    return Layout(kernel, bias, numbers[0], units_first, 1 if dimensions == 1 else 2)


def numbered_keys(table: Mapping[Any, Any], letter: str) -> dict[int, str]:
    """Return the keys that are a letter and a number, by number."""
    found = {}
    for key in table:
        match = re.fullmatch(rf"({letter})_?(\d+)", key) if isinstance(key, str) else None
        if match:
            found[int(match.group(2))] = key
    return found


def span(letter: str, numbers: Collection[int]) -> str:
    """Return names from the first to the last."""
    return f"{letter}{min(numbers)} to {letter}{max(numbers)}"


def layer_key(keys: Mapping[int, str], index: int, layers: int, first: int) -> str | None:
    """Return the key of a layer, counting from the layout's first number, or from the keys' own."""
    if len(keys) == layers:
        return keys[sorted(keys)[index]]
    return keys.get(index + first)
