"""Memory for what one layer hands to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.types import Array


def samples_first(memory: Array) -> Array:
    """Return a view of memory ``(channels, ..., samples)`` as ``(samples, ..., channels)``."""
    return memory.transpose(memory.ndim - 1, *range(1, memory.ndim - 1), 0)


def channels_first(values: Array) -> Array:
    """Return a view of ``(samples, ..., channels)`` as memory ``(channels, ..., samples)``."""
    return values.transpose(values.ndim - 1, *range(1, values.ndim - 1), 0)


class Buffer:
    """Values that one layer hands to the next, for one batch size, and their gradient.

    A reader sees ``(samples, ..., channels)`` as in Keras. In memory the channels come first and
    the samples last, ``(channels, ..., samples)``: so every channel is one contiguous stretch, and
    a product with a kernel is one call of ``np.dot`` on `matrix`, whatever the rank. One more
    channel holds ones, which lets a bias ride in that product as one more row of the kernel.

    Parameters
    ----------
    samples
        Number of samples.
    shape
        Of one sample: ``(features,)``, ``(time, features)``, ``(height, width, channels)`` ...
    dtype
        Of the values.
    readers
        How many layers read the values: each has a gradient for them.

    Attributes
    ----------
    values
        ``(samples, *shape)``.
    with_ones
        ``(samples, ..., channels + 1)``: the same memory and the ones.
    matrix, matrix_with_ones
        ``(channels, positions * samples)`` and one row of ones more: the same memory.
    gradient
        ``(samples, *shape)``: gradient of the loss with respect to the values.
    gradient_matrix
        ``(channels, positions * samples)``: the same memory.
    parts
        The gradient by each reader, each ``(samples, *shape)``; `gradient` itself if there is one.
    mask
        ``(samples, time)`` bool: which time steps count, or None where all do.
    """

    def __init__(
        self, samples: int, shape: tuple[int, ...], dtype: DTypeLike, readers: int = 1
    ) -> None:
        *positions, channels = shape
        memory = np.ones((channels + 1, *positions, samples), dtype)
        self.with_ones: Array = samples_first(memory)
        self.values: Array = samples_first(memory[:-1])
        self.matrix: Array = memory[:-1].reshape(channels, -1)
        self.matrix_with_ones: Array = memory.reshape(channels + 1, -1)
        gradient = np.zeros((channels, *positions, samples), dtype)
        self.gradient: Array = samples_first(gradient)
        self.gradient_matrix: Array = gradient.reshape(channels, -1)
        self.parts: list[Array] = [self.gradient]
        if readers > 1:
            self.parts = [np.zeros_like(self.gradient) for _ in range(readers)]
        self.mask: Array | None = None
        self._unclaimed = list(self.parts)
        self.needs_gradient = True

    def claim_gradient(self) -> Array | None:
        """Return where one reader writes its gradient of the values; None: nobody needs it."""
        return self._unclaimed.pop(0) if self.needs_gradient else None


def as_matrix(gradient: Array) -> Array:
    """Return what `Buffer.claim_gradient` gave as ``(channels, positions * samples)``."""
    memory = channels_first(gradient)
    matrix = memory.reshape(memory.shape[0], -1)
    assert np.shares_memory(matrix, memory)
    return matrix
