"""What of Keras scratchnet has: ``python -m experiments.parity.coverage`` writes docs/coverage.md.

The names are those of the installed Keras. How near the two sides come to each other is measured
on the examples, in a training step and with the bound around the exact value as the measure.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from experiments.parity.exact.formulas.activation_examples import ACTIVATION_EXAMPLES
from experiments.parity.exact.formulas.example import Example
from experiments.parity.exact.formulas.examples import LAYER_EXAMPLES, LOSS_EXAMPLES
from scratchnet.activations import ACTIVATIONS
from scratchnet.callbacks import CALLBACKS
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers import LAYERS
from scratchnet.losses import LOSSES
from scratchnet.optimizers import OPTIMIZERS
from scratchnet.regularizers import REGULARIZERS

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"

DTYPES = ("float32", "float64")

Shares = Mapping[str, Mapping[str, str]]
"""By module and Keras's name: the largest deviation as a share of its bound, in both dtypes."""

_IN_NUMPY = {
    "layers": {layer.__name__: kind for kind, layer in LAYERS.items()},
    "activations": {name: name for name in ACTIVATIONS},
    "losses": {loss.__name__: name for name, loss in LOSSES.items()},
    "optimizers": {optimizer.__name__: name for name, optimizer in OPTIMIZERS.items()},
    "initializers": {name.title().replace("_", ""): name for name in INITIALIZERS},
    "regularizers": {rule.__name__: name for name, rule in REGULARIZERS.items()},
    "metrics": dict.fromkeys(
        ("BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"), "accuracy"
    ),
    "callbacks": {"History": "what `fit` returns"}
    | {kind.__name__: f"callbacks.{kind.__name__}" for kind in CALLBACKS},
}
"""By module: what is covered, by Keras's name, and what it is called here."""

_EXAMPLES = {
    "layers": LAYER_EXAMPLES,
    "activations": ACTIVATION_EXAMPLES,
    "losses": LOSS_EXAMPLES,
}

_BASES = [
    "Layer",
    "Wrapper",
    "InputSpec",
    "InputLayer",
    "Loss",
    "Optimizer",
    "OptimizerMap",
    "LearningRateSchedule",
    "Initializer",
    "Regularizer",
    "Constraint",
    "Metric",
    "MeanMetricWrapper",
    "Callback",
    "CallbackList",
    "deserialize",
    "get",
    "serialize",
]

_IMAGES = [
    "AugMix",
    "AutoContrast",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MaxNumBoundingBoxes",
    "MixUp",
    "RandAugment",
    "Resizing",
    "Solarization",
]

_PREPROCESSING = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Pipeline",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
]

_FOREIGN = ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"]

WHY_NOT: dict[str, str] = {
    **dict.fromkeys(_BASES, "a base class or a helper"),
    **dict.fromkeys(_IMAGES, "out of scope: images are augmented before training"),
    **dict.fromkeys(_PREPROCESSING, "out of scope: preprocessing of raw data"),
    **dict.fromkeys(_FOREIGN, "out of scope: wraps another framework"),
    "AveragePooling3D": "TensorFlow has no float64 kernel on a CPU to compare with",
    "MaxPooling3D": "TensorFlow has no float64 kernel on a CPU to compare with",
    "glu": "not yet: its outputs are half as many as its inputs",
    "sparsemax": "Keras's is not the projection on the simplex (docs/findings.md)",
}
"""By Keras's name."""


def why_not(name: str) -> str:
    """Return why something of Keras is not covered."""
    if name.startswith("Random") and name not in ("RandomNormal", "RandomUniform"):
        return WHY_NOT["AugMix"]
    return WHY_NOT.get(name, "not yet")


def measured() -> Shares:
    """Measure every covered entry that has examples: takes minutes."""
    return {
        module: {
            name: " · ".join(_in_words(_largest_share(table[ours], dtype)) for dtype in DTYPES)
            for name, ours in _IN_NUMPY[module].items()
        }
        for module, table in _EXAMPLES.items()
    }


def _largest_share(examples: Iterable[Example], dtype: str) -> float:
    from experiments.parity.step import TwinStep
    from experiments.parity.trace import Snapshot
    from experiments.parity.verdict import judge_network
    from keras_baseline.tracing import KerasStep
    from scratchnet.network import Network
    from scratchnet.noise import draw_noise

    largest = 0.0
    for example in examples:
        architecture = example.architecture
        noise = draw_noise(architecture, 3, 0, example.samples)
        inputs, targets = example.inputs(dtype), example.targets(dtype)
        start = Snapshot(0, example.weights(dtype), {}, inputs, targets, noise)
        step = TwinStep.take(KerasStep(architecture, dtype), start)
        judgement = judge_network(step, Network(architecture, seed=0, dtype=dtype))
        largest = max(largest, *(row.bound_ratio for row in judgement.rows))
    return largest


def _in_words(share: float) -> str:
    """Say a share coarsely: which exactly depends on the processor."""
    return next((f"< {limit:g}" for limit in (0.1, 0.25, 0.5, 1) if share < limit), "1 or more")


def page(shares: Shares | None = None) -> str:
    """Return the page in Markdown; without shares their column is empty."""
    from keras_baseline.public_names import MODULES, public_names

    sections, total, covered = [], 0, 0
    for module in MODULES:
        ours = _IN_NUMPY.get(module, {})
        rows = []
        for name, aliases in public_names(module).items():
            share = (shares or {}).get(module, {}).get(name, "")
            also = f" (also {', '.join(aliases)})" if aliases else ""
            has = f"`{ours[name]}`" if name in ours and "`" not in ours[name] else ours.get(name)
            rows.append(f"| {name}{also} | {has or 'no: ' + why_not(name)} | {share} |")
            total, covered = total + 1, covered + (name in ours)
        here = sum(1 for name in public_names(module) if name in ours)
        sections.append(
            f"## keras.{module}: {here} of {len(rows)}\n\n"
            "| in Keras | in scratchnet | largest deviation |\n| --- | --- | --- |\n"
            + "\n".join(rows)
        )
    head = (
        "# What of Keras scratchnet has\n\n"
        f"{covered} of {total} public names, base classes and preprocessing included. Written by "
        "`python -m experiments.parity.coverage`.\n\n"
        "The last column is measured on the entry's examples: the largest deviation of any tensor "
        "of a training step from its exact value, on either side, as a share of what rounding can "
        "explain; float32 · float64. It depends on the processor, hence the coarse steps.\n\n"
    )
    return head + "\n\n".join(sections) + "\n"


def without_shares(text: str) -> str:
    """Return a page without its last column, which depends on the processor."""
    lines = text.splitlines()
    return "\n".join(line.rsplit("|", 2)[0] if line.startswith("|") else line for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; return the exit status."""
    command_parser().parse_args(arguments)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    PAGE.write_text(page(measured()), encoding="utf-8")
    print(PAGE)
    return 0


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    return argparse.ArgumentParser(
        prog="python -m experiments.parity.coverage",
        description="Write docs/coverage.md of the checkout again, after a new entry of any table.",
    )


if __name__ == "__main__":
    raise SystemExit(main())
