"""The arena: all weights in one flat array, all gradients in another, with named views into both.

An optimizer updates the whole network in a handful of NumPy calls, whatever the number of layers,
because the weights of all layers stand one after another in memory. Whoever wants one weight asks
for it by its Keras name: ``parameters["dense_1/kernel"]``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.types import Array


class Parameters:
    """All weights of a network and their gradients.

    Parameters
    ----------
    shapes
        Shape of each weight under its full name, in Keras's order.
    dtype
        Of both arenas.

    Attributes
    ----------
    shapes
        Shape of each weight by name.
    size
        Number of elements of all weights together.
    values, gradients
        The two arenas: flat arrays of `size` elements.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike) -> None:
        self.shapes = dict(shapes)
        self._slices: dict[str, slice] = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + int(np.prod(shape))
            self._slices[name] = slice(start, stop)
            start = stop
        self.size = start
        self.values: Array = np.zeros(self.size, dtype)
        self.gradients: Array = np.zeros(self.size, dtype)

    def __getitem__(self, name: str) -> Array:
        """Return a view of one weight: writing to it changes the network."""
        return self.values[self._slices[name]].reshape(self.shapes[name])

    def gradient(self, name: str) -> Array:
        """Return a view of the gradient of one weight."""
        return self.gradients[self._slices[name]].reshape(self.shapes[name])

    def block(self, names: list[str]) -> tuple[Array, Array]:
        """Return the flat values and gradients of weights that stand next to each other."""
        span = slice(self._slices[names[0]].start, self._slices[names[-1]].stop)
        return self.values[span], self.gradients[span]

    def named(self, flat: Array) -> dict[str, Array]:
        """Return named copies of the pieces of a flat array of `size` elements."""
        return {
            name: flat[piece].reshape(self.shapes[name]).copy()
            for name, piece in self._slices.items()
        }

    def assign(self, weights: Mapping[str, Array]) -> None:
        """Copy weights in by name.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape does not fit.
        """
        if missing := self.shapes.keys() - weights.keys():
            raise ValueError(f"weights: {sorted(missing)} missing; expected {list(self.shapes)}")
        if unknown := weights.keys() - self.shapes.keys():
            raise ValueError(f"weights: {sorted(unknown)} unknown; expected {list(self.shapes)}")
        for name, shape in self.shapes.items():
            if np.shape(weights[name]) != shape:
                raise ValueError(
                    f"weights[{name!r}]: shape {np.shape(weights[name])}, expected {shape}"
                )
        for name in self.shapes:
            self[name][...] = weights[name]
