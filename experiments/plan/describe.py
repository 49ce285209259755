"""Specifications in a few words, for tables."""

from __future__ import annotations

import dataclasses

from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.optimizers import Optimizer


def describe_architecture(architecture: Architecture) -> str:
    """Return ``2-4-6-6-4-1 relu, sigmoid``: sizes, and activations without repetition."""
    sizes = ["x".join(map(str, shape)) for shape in architecture.shapes()]
    activations: list[str] = []
    for layer in architecture.layers:
        activation = layer.activation if isinstance(layer, Dense) else layer.kind
        if activations[-1:] != [activation]:
            activations.append(activation)
    return f"{'-'.join(sizes)} {', '.join(activations)}"


def describe_optimizer(optimizer: Optimizer) -> str:
    """Return ``sgd(learning_rate=0.01)``: the learning rate, and what is not at its default."""
    settings = [
        f"{field.name}={getattr(optimizer, field.name)}"
        for field in dataclasses.fields(optimizer)
        if field.name == "learning_rate" or getattr(optimizer, field.name) != field.default
    ]
    return f"{optimizer.name}({', '.join(settings)})"
