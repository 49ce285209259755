"""Random numbers of a training step: drawn once, so that another implementation can be given them.

Every layer that needs noise has a stream of its own at every step, keyed by the network's seed,
the number of the step and the layer. Two trainings with one seed see the same noise, whatever else
they do.
"""

from __future__ import annotations

import zlib

import numpy as np

from scratchnet.architecture import Architecture
from scratchnet.types import Array


def draw_noise(architecture: Architecture, seed: int, step: int, samples: int) -> dict[str, Array]:
    """Draw the noise of one training step.

    Parameters
    ----------
    architecture
        Its layers say what they need.
    seed
        Of the network.
    step
        Number of updates made before.
    samples
        Of the batch.

    Returns
    -------
    dict
        By layer name, as `Layer.draw_noise` returns it, ``(samples, ...)``; empty for a network
        without noise.
    """
    return {
        layer.name: layer.draw_noise(
            _stream(seed, step, layer.name),
            (samples, *architecture.noise_shape(layer)),
        )
        for layer in architecture.layers
        if layer.needs_noise
    }


def _stream(seed: int, step: int, name: str) -> np.random.RandomState:
    """Return a stream that is frozen, see `scratchnet.initializers`."""
    key = [seed % 2**64, (step << 32 | zlib.crc32(name.encode())) % 2**64]
    return np.random.RandomState(np.random.Philox(key=key))
