"""How Keras writes one layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scratchnet.layers import Layer

Made = Callable[[Any, str], Any]
"""``(layer, dtype) -> keras.layers.Layer``."""


@dataclass(frozen=True)
class Twin:
    """How Keras writes a layer.

    Attributes
    ----------
    make
        ``(layer, dtype)``: the layer as Keras users write it.
    split
        ``(layer, dtype)``: Keras layers by the tensor that each computes from the one before, the
        last being ``activation``. Weights are in the first, which bears the layer's name. None:
        the layer itself computes all that has a name.
    given_noise
        ``(layer, dtype)``, for layers that draw random numbers: a Keras layer that is given them
        as a second input instead.
    """

    make: Made
    split: Callable[[Any, str], Mapping[str, Any]] | None = None
    given_noise: Made | None = None

    def parts(self, layer: Layer, dtype: str) -> Mapping[str, Any]:
        """Return `split`; the whole layer where it names no tensor between."""
        return self.split(layer, dtype) if self.split else {"activation": self.make(layer, dtype)}
