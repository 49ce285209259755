"""Random trials: small networks of every kind on data that are often unreasonable.

A case is a `Trial`, so a plan can hold it and `experiments.run` can repeat it.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from experiments.fuzz.architectures import draw_architecture
from experiments.plan.datasets import DatasetSpecification
from experiments.plan.plan import DTYPES, Trial
from experiments.plan.random_data import LABELS, VALUES
from scratchnet.architecture import Architecture
from scratchnet.optimizers import OPTIMIZERS, Optimizer

# The largest power of ten that inputs may reach, and the smallest, by dtype.
_LARGEST = {"float32": 30, "float64": 200}
_SMALLEST = {"float32": -42, "float64": -310}


def draw_case(seed: int, index: int, backend: str) -> Trial:
    """Draw case number `index` of a seed; the same for the same numbers.

    Parameters
    ----------
    seed, index
        From 0.
    backend
        Of Keras.
    """
    random = np.random.default_rng([seed, index])
    architecture, tokens = draw_architecture(random, backend)
    dtype = str(random.choice(DTYPES))
    training = int(random.integers(1, 34))
    return Trial(
        name=f"seed{seed}-case{index}",
        architecture=architecture,
        dataset=_dataset(random, architecture, tokens, training, dtype),
        optimizer=_optimizer(random),
        dtype=dtype,
        batch_size=None if random.random() < 0.5 else int(random.integers(1, training + 1)),
        epochs=int(random.choice([1, 2, 3, 8])),
        seed=int(random.integers(1000)),
        shuffle_seed=None if random.random() < 0.5 else int(random.integers(1000)),
    )


def _dataset(
    random: np.random.Generator,
    architecture: Architecture,
    tokens: int,
    training: int,
    dtype: str,
) -> DatasetSpecification:
    scale = 1.0
    if random.random() < 0.5:
        scale = 10.0 ** random.uniform(-3, 3)
    elif random.random() < 0.2:
        scale = 10.0 ** random.uniform(_SMALLEST[dtype], _LARGEST[dtype])
    return DatasetSpecification(
        name="random",
        parameters={
            "n_samples": 2 * training,
            **inputs_of(architecture, tokens),
            "classes": max(2, architecture.units),
            "values": str(random.choice(list(VALUES))),
            "scale": float(f"{scale:.3g}"),
            "labels": str(random.choice(LABELS, p=[0.8, 0.2])),
            "random_state": int(random.integers(1000)),
        },
        test_fraction=0.5,
        stratify=False,
    )


def inputs_of(architecture: Architecture, tokens: int) -> dict[str, Any]:
    """Return the parameters of random data that fit a network's inputs."""
    shape = architecture.input_shape
    parameters: dict[str, Any] = {"n_features": math.prod(shape)}
    if len(shape) > 1:
        parameters["shape"] = list(shape)
    if tokens:
        parameters["tokens"] = tokens
    return parameters


def _optimizer(random: np.random.Generator) -> Optimizer:
    """Draw an optimizer; half of its settings are Keras's own, the others anything allowed."""
    made: Any = OPTIMIZERS[str(random.choice(list(OPTIMIZERS)))]
    settings: dict[str, Any] = {}
    for field in dataclasses.fields(made):
        if random.random() < 0.5:
            continue
        if field.type == "bool":
            settings[field.name] = bool(random.random() < 0.5)
        elif field.name == "learning_rate":
            settings[field.name] = float(f"{10.0 ** random.uniform(-5, 2):.3g}")
        elif field.name == "epsilon":
            settings[field.name] = float(random.choice([1e-3, 1e-12, 0.0]))
        else:
            settings[field.name] = float(random.choice([0.0, 0.1, 0.5, 0.99, 0.9999]))
    optimizer: Optimizer = made(**settings)
    return optimizer
