"""What a step of the user's code showed, and where in it a gradient stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from experiments.check.user.layouts import Start
from experiments.check.user.weights import Chain, Values

if TYPE_CHECKING:
    from scratchnet.types import Array

STATE = "state"
"""Stands for what a step changed in the weights."""

Tensor = tuple[int, str]
"""Layer, and ``kernel`` or ``bias``."""


@dataclass
class Seen:
    """What a step of the user's code showed.

    Attributes
    ----------
    start
        Where it started.
    chain
        Where the weights are.
    after
        The weights after it, or None if they are not to be seen.
    named
        Arrays by where they were seen, as `experiments.check.user.watching.Watch` names them.
    """

    start: Start
    chain: Chain
    after: list[Values] | None = None
    named: dict[str, Array] = field(default_factory=dict)


def as_expected(array: Array, shape: tuple[int, ...]) -> Array | None:
    """Return an array in a shape, transposed or squeezed if need be, or None."""
    if array.shape == shape:
        return array
    if array.ndim == 2 and array.shape[::-1] == shape:
        return array.T
    if array.size == int(np.prod(shape)) and [n for n in array.shape if n != 1] == [
        n for n in shape if n != 1
    ]:
        return array.reshape(shape)
    return None


def tensors_of(chain: Chain) -> list[Tensor]:
    """Return the weights of a chain, from the last layer to the first."""
    found: list[Tensor] = []
    for layer in reversed(range(len(chain))):
        found.append((layer, "kernel"))
        if chain[layer].has_bias:
            found.append((layer, "bias"))
    return found


def changed(seen: Seen, tensor: Tensor) -> Array | None:
    """Return what a step took off a weight, divided by the rate; None if it cannot be said."""
    if seen.after is None:
        return None
    layer, kind = tensor
    before, after = seen.start.weights[layer], seen.after[layer]
    was = before.kernel if kind == "kernel" else before.bias
    now = after.kernel if kind == "kernel" else after.bias
    if was is None or now is None:
        return None
    laid = as_expected(np.asarray(now), was.shape)
    if laid is None:
        return None
    taken: Array = (was - laid) / was.dtype.type(seen.start.rate)
    return taken


def gradient_at(seen: Seen, tensor: Tensor, source: str) -> Array | None:
    """Return a gradient from where it is, in Keras's layout where the shape allows."""
    if source == STATE:
        return changed(seen, tensor)
    array = seen.named.get(source)
    if array is None:
        return None
    layer, kind = tensor
    place, values = seen.chain[layer], seen.start.weights[layer]
    if place.folded and array.ndim == 2:
        # Weights and bias are in one array, and so are their gradients.
        augmented = place.kernel_of(array)
        if augmented.shape == (values.kernel.shape[0] + 1, values.kernel.shape[1]):
            first = place.bias_form == "first"
            if kind == "bias":
                row: Array = augmented[0] if first else augmented[-1]
                return row
            rows: Array = augmented[1:] if first else augmented[:-1]
            return rows
    if kind == "bias":
        return None if values.bias is None else _or_raw(array, values.bias.shape)
    # A kernel's gradient is laid out as the kernel is; a square one says nothing by its shape.
    return _or_raw(place.kernel_of(array) if array.ndim == 2 else array, values.kernel.shape)


def _or_raw(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape == shape:
        return array
    found = as_expected(array, shape)
    return array if found is None else found
