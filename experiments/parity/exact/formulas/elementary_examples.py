"""Examples of layers that compute value by value, move values or merge inputs."""

from __future__ import annotations

from experiments.parity.exact.formulas.example import Example, example
from scratchnet.layers import (
    ELU,
    AlphaDropout,
    Average,
    Concatenate,
    Dense,
    Dot,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Identity,
    Layer,
    LeakyReLU,
    Maximum,
    Minimum,
    Multiply,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Softmax,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    Subtract,
)
from scratchnet.regularizers import L2

FIRST, SECOND, THIRD = (Dense(4, "tanh", name=name) for name in ("first", "second", "third"))
FIRST_TWO, ALL = ("first", "second"), ("first", "second", "third")


def between(label: str, *layers: Layer) -> Example:
    """Make an example of layers between two dense ones."""
    return example(label, (3,), Dense(6), *layers, Dense(2))


def merged(label: str, layer: Layer) -> Example:
    """Make an example of a layer that takes two or three inputs."""
    sources = [source for source in (FIRST, SECOND, THIRD) if source.name in layer.inputs]
    return example(label, (3,), *sources, layer, Dense(2))


ELEMENTARY_EXAMPLES: dict[str, tuple[Example, ...]] = {
    AlphaDropout.kind: (between("after selu", AlphaDropout(0.3)),),
    Average.kind: (
        merged("two", Average(inputs=FIRST_TWO)),
        merged("three", Average(inputs=ALL)),
    ),
    Concatenate.kind: (
        merged("two", Concatenate(inputs=FIRST_TWO)),
        example(
            "along time",
            (3, 2),
            Dense(4, name="first"),
            Dense(4, name="second"),
            Concatenate(axis=1, inputs=("first", "second", "first")),
            Flatten(),
            Dense(2),
        ),
    ),
    Dot.kind: (merged("vectors", Dot(inputs=FIRST_TWO)),),
    ELU.kind: (between("alpha", ELU(0.7)),),
    GaussianDropout.kind: (between("hidden", GaussianDropout(0.3)),),
    GaussianNoise.kind: (between("hidden", GaussianNoise(0.5)),),
    Identity.kind: (between("hidden", Identity()),),
    LeakyReLU.kind: (between("hidden", LeakyReLU()),),
    Maximum.kind: (
        merged("two", Maximum(inputs=FIRST_TWO)),
        merged("ties", Maximum(inputs=("first", "second", "first"))),
    ),
    Minimum.kind: (merged("three", Minimum(inputs=ALL)),),
    Multiply.kind: (
        merged("two", Multiply(inputs=FIRST_TWO)),
        merged("three", Multiply(inputs=ALL)),
    ),
    Normalization.kind: (
        example(
            "a number per feature",
            (3,),
            Normalization((0.1, -2.0, 30.0), (4.0, 0.0, 0.3)),
            Dense(2),
        ),
        between("a number", Normalization(0.3, 2.0)),
        between("inverse", Normalization(0.3, 2.0, invert=True)),
    ),
    PReLU.kind: (
        between("hidden", PReLU(alpha_regularizer=L2(0.1))),
        example("shared", (3, 4, 2), Dense(3), PReLU(shared_axes=(1, 2)), Flatten(), Dense(2)),
    ),
    Permute.kind: (
        example("images", (3, 4, 2), Dense(3), Permute((3, 1, 2)), Flatten(), Dense(2)),
    ),
    ReLU.kind: (
        between("plain", ReLU()),
        between("all arguments", ReLU(max_value=0.9, negative_slope=0.1, threshold=0.2)),
    ),
    RepeatVector.kind: (between("hidden", RepeatVector(3), Dense(2, "tanh"), Flatten()),),
    Rescaling.kind: (
        example("inputs", (3,), Rescaling(1 / 255, offset=0.1), Dense(2)),
        between("hidden", Rescaling(0.3)),
    ),
    Reshape.kind: (
        between("hidden", Reshape((3, 2)), Dense(2, "tanh"), Flatten()),
        example("inputs", (12,), Reshape((-1, 2, 3)), Dense(2, "tanh"), Flatten(), Dense(2)),
        example("rank to rank", (4, 3), Dense(2, "tanh"), Reshape((2, 2, 2)), Flatten(), Dense(2)),
    ),
    Softmax.kind: (
        example("before its loss", (3,), Dense(3), Softmax(), loss="categorical_crossentropy"),
        example("along time", (4, 3), Dense(2), Softmax(axis=1), Flatten(), Dense(2)),
    ),
    SpatialDropout1D.kind: (
        example("sequences", (4, 2), Dense(3), SpatialDropout1D(0.4), Flatten(), Dense(2)),
    ),
    SpatialDropout2D.kind: (
        example("images", (3, 2, 2), Dense(3), SpatialDropout2D(0.4), Flatten(), Dense(2)),
    ),
    SpatialDropout3D.kind: (
        example("volumes", (2, 2, 2, 2), Dense(3), SpatialDropout3D(0.4), Flatten(), Dense(2)),
    ),
    Subtract.kind: (merged("two", Subtract(inputs=FIRST_TWO)),),
}
"""By the layer's kind."""
