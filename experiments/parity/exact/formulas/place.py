"""What a layer's exact formula starts from, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.parity.exact.rounding import Bounded
from scratchnet.conventions import CONVENTIONS, Conventions
from scratchnet.types import Array


@dataclass(frozen=True)
class Place:
    """What a layer's formula starts from.

    Attributes
    ----------
    inputs
        What the layer reads, ``(samples, ...)`` each.
    weights
        By short name.
    noise
        What `scratchnet.noise.draw_noise` drew for the layer; None where it needs none.
    keep
        ``(short name, value)``: records a named tensor between inputs and outputs, and returns
        what to go on with: the value, or the twin's in lockstep.
    training
        Whether the layer runs as in training or as in inference.
    masks
        Of each input: which time steps count, ``(samples, time)`` bool, or None where all do.
    conventions
        What Keras does on the backend that is judged.
    """

    inputs: tuple[Bounded, ...]
    weights: Mapping[str, Bounded]
    noise: Array | None
    keep: Callable[[str, Bounded], Bounded]
    training: bool = True
    masks: tuple[Array | None, ...] = (None,)
    conventions: Conventions = CONVENTIONS["tensorflow"]


@dataclass(frozen=True)
class Gradients:
    """What a layer's backward formula computes.

    Attributes
    ----------
    inputs
        The gradient of each input.
    weights
        Of each trained weight by its short name.
    """

    inputs: tuple[Bounded, ...]
    weights: Mapping[str, Bounded] = field(default_factory=dict)


@dataclass(frozen=True)
class Computed:
    """A layer's forward formula, done, and its backward formula.

    Attributes
    ----------
    outputs
        ``(samples, ...)``.
    backward
        ``(outputs, gradient of the outputs)``: the outputs are those to go on with, the twin's in
        lockstep.
    logits
        What a loss that is fused with the layer's activation works on; None where there is none.
    backward_from_logits
        From the gradient of the logits.
    updates
        What a step of training leaves in weights that no optimizer changes, by short name.
    mask
        Of the outputs; for layers that make a mask or end one. Layers that pass the mask of their
        input leave it to the step.
    """

    outputs: Bounded
    backward: Callable[[Bounded, Bounded], Gradients]
    logits: Bounded | None = None
    backward_from_logits: Callable[[Bounded], Gradients] | None = None
    updates: Mapping[str, Bounded] = field(default_factory=dict)
    mask: Array | None = None


LayerFormula = Callable[[Any, Place], Computed]


def as_rows(x: Bounded) -> Bounded:
    """Return ``(samples, ..., channels)`` as ``(rows, channels)``."""
    return x if len(x.shape) == 2 else with_shape(x, (-1, x.shape[-1]))


def with_shape(x: Bounded, shape: tuple[int, ...]) -> Bounded:
    """Return the same values in another shape."""
    return x.map(lambda values: values.reshape(shape))
