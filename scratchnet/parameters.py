"""The arena: all weights in one flat array, all gradients in another, with named views into both.

An optimizer updates the whole network in a handful of NumPy calls, whatever the number of layers,
because the weights of all layers stand one after another in memory. Whoever wants one weight asks
for it by its Keras name: ``parameters["dense_1/kernel"]``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
    untrained
        Names of the weights that no optimizer changes; in memory they come last.

    Attributes
    ----------
    shapes
        Shape of each weight by name.
    trained
        Shape of each weight that an optimizer changes, by name.
    size
        Number of elements of the trained weights together.
    arena, gradient_arena
        All weights, and room for a gradient of each: flat arrays.
    values, gradients
        The trained weights and their gradients: the first `size` elements of the two arenas.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        dtype: DTypeLike,
        untrained: Collection[str] = (),
    ) -> None:
        self.shapes = dict(shapes)
        self.trained = {name: s for name, s in self.shapes.items() if name not in untrained}
        self._slices: dict[str, slice] = {}
        start = 0
        for name in (*self.trained, *(name for name in self.shapes if name in untrained)):
            stop = start + int(np.prod(self.shapes[name]))
            self._slices[name] = slice(start, stop)
            start = stop
        self.size = sum(int(np.prod(shape)) for shape in self.trained.values())
        self.arena: Array = np.zeros(start, dtype)
        self.gradient_arena: Array = np.zeros(start, dtype)

    @property
    def values(self) -> Array:
        """The trained weights: a view of the arena's beginning."""
        return self.arena[: self.size]

    @property
    def gradients(self) -> Array:
        """The gradients of the trained weights: a view as long as `values`."""
        return self.gradient_arena[: self.size]

    def __getitem__(self, name: str) -> Array:
        """Return a view of one weight: writing to it changes the network."""
        return self.arena[self._slices[name]].reshape(self.shapes[name])

    def gradient(self, name: str) -> Array:
        """Return a view of the gradient of one weight."""
        return self.gradient_arena[self._slices[name]].reshape(self.shapes[name])

    def block(self, names: list[str]) -> tuple[Array, Array]:
        """Return the flat values and gradients of weights that stand next to each other."""
        span = slice(self._slices[names[0]].start, self._slices[names[-1]].stop)
        return self.arena[span], self.gradient_arena[span]

    def named(self, flat: Array) -> dict[str, Array]:
        """Return named copies of the pieces of a flat array: of the arena, or of `values`."""
        names = self.shapes if len(flat) == len(self.arena) else self.trained
        return {name: flat[self._slices[name]].reshape(self.shapes[name]).copy() for name in names}

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
