"""Examples of every activation, with and without arguments."""

from __future__ import annotations

from typing import Any

from experiments.parity.exact.formulas.example import Example, example
from scratchnet.activations import ACTIVATIONS
from scratchnet.layers import Activation, Dense

_ARGUMENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "celu": ({"alpha": 0.4},),
    "elu": ({"alpha": 0.7},),
    "gelu": ({"approximate": True},),
    "hard_shrink": ({"threshold": 0.2},),
    "leaky_relu": ({"negative_slope": 0.3},),
    "relu": (
        {"negative_slope": 0.1, "max_value": 0.7, "threshold": 0.3},
        {"max_value": 6.0},
    ),
    "soft_shrink": ({"threshold": 0.1},),
    "squareplus": ({"b": 0.1},),
    "threshold": ({"threshold": 0.1, "default_value": 0.3},),
}
ACTIVATION_EXAMPLES: dict[str, tuple[Example, ...]] = {
    name: (
        *(() if entry.needs_arguments else (example("hidden", (3,), Dense(5, name), Dense(2)),)),
        *(
            example(f"{given}", (3,), Dense(5), Activation(name, arguments=given), Dense(2))
            for given in _ARGUMENTS.get(name, ())
        ),
    )
    for name, entry in ACTIVATIONS.items()
}
"""By the activation's name."""
