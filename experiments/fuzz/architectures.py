"""Random architectures: chains of dense layers, and graphs of whatever layers there are.

The graphs begin as one of the examples that every layer has, so a layer that is added is among
them by itself.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.example import Example
from experiments.parity.exact.formulas.examples import LAYER_EXAMPLES, LOSS_EXAMPLES
from scratchnet.activations import ACTIVATIONS
from scratchnet.architecture import Architecture
from scratchnet.errors import ArchitectureError
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers import Dense, Flatten, Layer
from scratchnet.losses import LOSSES, Loss

_ACTIVATIONS = [name for name, entry in ACTIVATIONS.items() if not entry.needs_arguments]

_MOST_VALUES = 2000
"""No layer has more values or weights than this, so that a case takes no longer than a second."""


def draw_architecture(random: np.random.Generator, backend: str) -> tuple[Architecture, int]:
    """Draw an architecture.

    Returns
    -------
    tuple
        It, and below which whole number its inputs are; 0 where they may be any numbers.
    """
    if random.random() < 0.5:
        return _chain(random, backend), 0
    while True:
        try:
            return _graph(random, backend)
        except ArchitectureError:
            continue  # layers that do not fit one another


def _chain(random: np.random.Generator, backend: str) -> Architecture:
    while True:
        layers = tuple(_dense(random) for _ in range(int(random.integers(1, 5))))
        try:
            return Architecture((_size(random),), layers, str(random.choice(list(LOSSES))), backend)
        except ArchitectureError:
            continue  # a softmax of one unit, or a loss that the last layer does not fit


def _graph(random: np.random.Generator, backend: str) -> tuple[Architecture, int]:
    """Take an example as far as its layer at least, others behind it, and a last one that fits."""
    kind = str(random.choice(list(LAYER_EXAMPLES)))
    start = _choose(random, list(LAYER_EXAMPLES[kind]))
    layers: list[Any] = list(start.architecture.layers)
    first = next(i for i, layer in enumerate(layers) if layer.kind == kind)
    layers = layers[: int(random.integers(first + 1, len(layers) + 1))]
    layers += [replace(_any_layer(random), name="") for _ in range(int(random.integers(0, 3)))]
    open_end = Architecture(
        start.architecture.input_shape, (*layers, Flatten(), Dense(1)), "mean_squared_error"
    )
    if len(open_end.shapes()[-3]) > 1:
        layers.append(Flatten())
    layers.append(_dense(random))
    architecture = Architecture(start.architecture.input_shape, layers, _loss(random), backend)
    sizes = [*architecture.shapes(), *architecture.weight_shapes().values()]
    if max(map(prod, sizes)) > _MOST_VALUES:
        raise ArchitectureError("too large")
    return architecture, start.tokens


def _any_layer(random: np.random.Generator) -> Layer:
    """Return a layer with one input, as an example has it."""
    example = _choose(random, [e for examples in LAYER_EXAMPLES.values() for e in examples])
    layers = example.architecture.layers
    alone = [layer for layer in layers if not layer.inputs and not layer.takes_tokens]
    return alone[int(random.integers(len(alone)))] if alone else Flatten()


def _loss(random: np.random.Generator) -> Loss:
    examples = [e for examples in LOSS_EXAMPLES.values() for e in examples]
    return _choose(random, examples).architecture.loss


def _choose(random: np.random.Generator, examples: list[Example]) -> Example:
    return examples[int(random.integers(len(examples)))]


def _dense(random: np.random.Generator) -> Dense:
    return Dense(
        units=_size(random),
        activation=str(random.choice(_ACTIVATIONS)),
        use_bias=bool(random.random() < 0.85),
        kernel_initializer=str(random.choice(list(INITIALIZERS))),
        bias_initializer=str(random.choice(["zeros", "article", "glorot_normal"])),
    )


def _size(random: np.random.Generator) -> int:
    return int(
        random.choice([1, 2, 3, 4, 5, 8, 17, 33], p=[0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    )
