"""What a network is tried on: architectures, seeds, batch sizes, and hard inputs.

Both processes make the cases afresh and get the same numbers, so none travel between them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.network import Network
from scratchnet.optimizers import SGD, OptimizerState
from scratchnet.types import Array

PERTURBATIONS = 6
"""How many perturbed copies of each starting point show how much the code rounds."""

_RELATIVE_PERTURBATION = 2.0**-20
"""A few units in the last place of float32: it draws every rounding anew, in float32 code too."""

_KINK_MARGIN = 2.0**-10
"""No relu sees a value nearer to 0: neither rounding nor a perturbation takes it across."""

_LARGEST_LOGIT = 3.0
"""No sigmoid or softmax at the end saturates, so no formula loses more than a digit or two."""


@dataclass(frozen=True)
class Point:
    """Where a step starts.

    Attributes
    ----------
    weights
        By full name, ``(fan_in, fan_out)`` and ``(units,)``.
    x, y
        ``(samples, features)``, and targets as the loss takes them, ``(samples, units or 1)``.
    """

    weights: dict[str, Array]
    x: Array
    y: Array

    def rounded(self, dtype: DTypeLike) -> Point:
        """Return a copy in a dtype; class numbers stay integers."""
        weights = {name: value.astype(dtype) for name, value in self.weights.items()}
        y = self.y.copy() if self.y.dtype.kind == "i" else self.y.astype(dtype)
        return Point(weights, self.x.astype(dtype), y)


@dataclass(frozen=True)
class Case:
    """One thing to try.

    Attributes
    ----------
    architecture, batch_size, seed, learning_rate
        The learning rate is a sum of few powers of two: every dtype holds it exactly.
    hard
        Empty for a case that decides the verdict; else the kind of hard input, a key of `HARD`.
    words
        Words that the source must know, for a case that not every network claims to know.
    targets
        ``one_hot`` or ``binary`` for targets of 0 and 1, whatever the loss; else as it likes.
    """

    architecture: Architecture
    batch_size: int
    seed: int
    learning_rate: float
    hard: str = ""
    words: tuple[str, ...] = ()
    targets: str = ""

    @property
    def shape(self) -> str:
        """Layer sizes, as ``2-4-1``, and what is not relu with a last sigmoid."""
        sizes = [self.architecture.input_shape[0], *(s[0] for s in self.architecture.shapes()[1:])]
        text = "-".join(map(str, sizes))
        activations = [layer.activation for layer in dense_layers(self.architecture)]
        usual = ["relu"] * (len(activations) - 1) + ["sigmoid"]
        return text if activations == usual else f"{text} {' '.join(activations)}"

    @property
    def name(self) -> str:
        """What a reader of the report sees."""
        kind = f", {HARD[self.hard]}" if self.hard else ""
        return f"{self.shape}, batch {self.batch_size}, seed {self.seed}{kind}"

    def point(self, dtype: DTypeLike, number: int = 0) -> Point:
        """Return the starting point, or one of its perturbed copies, rounded to a dtype."""
        return _points(self)[number].rounded(dtype)

    def points(self, dtype: DTypeLike, count: int = 1 + PERTURBATIONS) -> list[Point]:
        """Return the starting point and perturbed copies of it, rounded to a dtype."""
        return [point.rounded(dtype) for point in _points(self)[:count]]


HARD = {
    "zero": "pre-activations exactly 0",
    "zero_class": "all of class 0",
    "one_class": "all of class 1",
    "saturated": "outputs saturated",
    "large": "logits of plus and minus 1000",
    "large_activations": "activations up to 300",
}
"""Kinds of hard input."""


def dense_layers(architecture: Architecture) -> list[Dense]:
    """Return the layers, all of which are dense here."""
    return [layer for layer in architecture.layers if isinstance(layer, Dense)]


def _network(
    sizes: Sequence[int],
    activations: str | Sequence[str],
    loss: str = "binary_crossentropy",
    *,
    use_bias: bool = True,
) -> Architecture:
    if isinstance(activations, str):
        activations = activations.split()
    if len(activations) == 1:
        activations = [*("relu" for _ in sizes[2:]), activations[0]]
    layers = tuple(
        Dense(units, activation, use_bias=use_bias)
        for units, activation in zip(sizes[1:], activations, strict=True)
    )
    return Architecture(input_shape=(sizes[0],), layers=layers, loss=loss)


# The first is the article's own network. Square kernels show a transposition that shapes do not;
# odd batch sizes tell the batch from the width; a batch of 1 hides nothing behind a mean.
CORE: tuple[Case, ...] = (
    Case(_network((2, 4, 6, 6, 4, 1), "sigmoid"), 7, 1, 0.375),
    Case(_network((3, 4, 4, 4, 1), "sigmoid"), 5, 2, 0.1875),
    Case(_network((2, 5, 3, 1), "sigmoid relu sigmoid"), 9, 3, 0.375),
    Case(_network((2, 4, 6, 6, 4, 1), "sigmoid"), 1, 4, 0.75),
    Case(_network((4, 4, 4, 1), "sigmoid sigmoid sigmoid"), 3, 5, 0.1875),
    Case(_network((5, 1), "sigmoid"), 11, 6, 0.375),
    Case(_network((2, 25, 25, 1), "sigmoid"), 33, 7, 0.375),
    Case(_network((1, 3, 1), "sigmoid"), 2, 8, 0.375),
)

_ROWS = "categorical_crossentropy"
FAMILIES: tuple[Case, ...] = (
    Case(_network((3, 4, 4, 1), "tanh tanh sigmoid"), 7, 11, 0.375, words=("tanh",)),
    Case(_network((3, 4, 4, 1), "relu linear sigmoid"), 5, 12, 0.375, words=("linear",)),
    Case(_network((3, 5, 3), "softmax", _ROWS), 7, 13, 0.375, words=("softmax", _ROWS)),
    Case(_network((4, 4, 4), "softmax", _ROWS), 1, 14, 0.1875, words=("softmax", _ROWS)),
    Case(
        _network((3, 5, 3), "softmax", f"sparse_{_ROWS}"),
        7,
        15,
        0.375,
        words=("softmax", f"sparse_{_ROWS}"),
    ),
    Case(
        _network((3, 5, 1), "linear", "mean_squared_error"),
        6,
        16,
        0.1875,
        words=("linear", "mean_squared_error"),
    ),
    Case(
        _network((3, 4, 1), "sigmoid", "mean_squared_error"),
        7,
        17,
        0.375,
        words=("mean_squared_error",),
    ),
    Case(_network((3, 4, 1), "sigmoid", use_bias=False), 5, 18, 0.375, words=("use_bias",)),
)
"""For the class form: each is tried if the user's source knows its words."""

_ENDS = (
    ("sigmoid", "mean_squared_error"),
    ("sigmoid", "binary_crossentropy"),
    ("linear", "mean_squared_error"),
    ("softmax", _ROWS),
    ("tanh", "mean_squared_error"),
    ("relu", "mean_squared_error"),
)
_FIXED_NETWORKS = [
    (inside, hidden, last, loss, use_bias)
    for use_bias in (True, False)
    for inside in ((4,), (5, 4), ())
    for hidden in (("sigmoid", "tanh", "relu") if inside else ("",))
    for last, loss in _ENDS
    if inside or last != "relu"
]
FIXED: tuple[Case, ...] = tuple(
    Case(
        _network(
            (3, *inside, 3 if last == "softmax" else 1),
            [*(hidden for _ in inside), last],
            loss,
            use_bias=use_bias,
        ),
        7 + len(inside),
        41 + number,
        0.25,
        targets="binary" if last == "sigmoid" else "",
    )
    for number, (inside, hidden, last, loss, use_bias) in enumerate(_FIXED_NETWORKS)
)
"""For the class form, where a network refuses all others: for one with fixed depth, activations and
loss."""

SEVERAL_OUTPUTS: tuple[Case, ...] = (Case(_network((3, 4, 2), "sigmoid"), 5, 19, 0.375),)
"""For the class form, for a remark: most networks are written for one output, and Keras averages
the loss over several."""

_HARD_NETWORK = _network((3, 4, 4, 1), "sigmoid")
_HARD_SOFTMAX = _network((3, 4, 3), "softmax", _ROWS)
HARD_CASES: tuple[Case, ...] = (
    *(Case(_HARD_NETWORK, 5, 21 + i, 0.375, hard=kind) for i, kind in enumerate(HARD)),
    Case(_HARD_SOFTMAX, 5, 31, 0.375, hard="large", words=("softmax", _ROWS)),
)
"""Cases for robustness."""


@cache
def _points(case: Case) -> list[Point]:
    """Draw a healthy starting point in float64, and perturbed copies of it."""
    for attempt in itertools.count():
        random = np.random.RandomState([case.seed, attempt])
        point = _draw(case, random)
        if _is_healthy(case, point):
            break
    point = _hardened(case, point)
    return [point, *(_perturbed(point, random) for _ in range(PERTURBATIONS))]


def _draw(case: Case, random: np.random.RandomState) -> Point:
    architecture, samples = case.architecture, case.batch_size
    weights = {
        name: random.standard_normal(shape) * (np.sqrt(1.5 / shape[0]) if len(shape) > 1 else 0.4)
        for name, shape in architecture.weight_shapes().items()
    }
    x = random.standard_normal((samples, architecture.input_shape[0]))
    units = architecture.units
    one_hot = case.targets == "one_hot" and units > 1
    if "categorical" in architecture.loss.name or one_hot:
        classes = (np.arange(samples) + random.randint(units)) % units
        classes = random.permutation(classes)[:, None]
        if one_hot:
            # Code that counts the classes of a batch finds them all.
            classes[0] = units - 1
        y = classes if "sparse" in architecture.loss.name else np.eye(units)[classes[:, 0]]
    elif architecture.loss.name == "binary_crossentropy" or case.targets:
        labels = np.arange(samples * units) + random.randint(2)
        y = random.permutation(labels % 2).reshape(samples, units).astype(np.float64)
    else:
        y = random.standard_normal((samples, units))
    return Point(weights, x, y)


def _is_healthy(case: Case, point: Point) -> bool:
    """Whether no value is near a kink or saturated, and every layer learns, in both steps."""
    network = Network(case.architecture, seed=0, dtype="float64")
    network.set_weights(point.weights)
    optimizer = OptimizerState(SGD(case.learning_rate), network.parameters)
    layers = dense_layers(case.architecture)
    for _ in range(2):
        tensors = network.trace_step(point.x, point.y, optimizer).tensors
        for layer in layers:
            z = tensors[f"{layer.name}/pre_activation"]
            if layer.activation == "relu":
                some_pass, some_do_not = np.any(z > 0), np.any(z < 0) or z.size < 4
                if np.min(np.abs(z)) < _KINK_MARGIN or not (some_pass and some_do_not):
                    return False
            if np.max(np.abs(tensors[f"{layer.name}/kernel_gradient"])) < _KINK_MARGIN:
                return False
        last = np.abs(tensors[f"{layers[-1].name}/pre_activation"])
        # Nor near 0, where a class is a matter of rounding.
        if not _KINK_MARGIN < np.min(last) <= np.max(last) < _LARGEST_LOGIT:
            return False
    return True


def _hardened(case: Case, point: Point) -> Point:
    """Turn a healthy point into the hard one of the case's kind."""
    weights, x, y = dict(point.weights), point.x, point.y
    first, last = case.architecture.layers[0].name, case.architecture.layers[-1].name
    if case.hard == "zero":
        for short in ("kernel", "bias"):
            weights[f"{first}/{short}"] = np.zeros_like(weights[f"{first}/{short}"])
    elif case.hard in ("zero_class", "one_class"):
        y = np.full_like(y, case.hard == "one_class")
    elif case.hard == "saturated":
        # In float64 a sigmoid is exactly 1 from 37 on.
        weights[f"{last}/bias"] = np.full_like(weights[f"{last}/bias"], 60.0)
    elif case.hard == "large":
        # The samples' logits lie on both sides of 0.
        network = Network(case.architecture, seed=0, dtype="float64")
        network.set_weights(weights)
        z = network.trace_step(x, y).tensors[f"{last}/pre_activation"]
        stretch = 1000.0 / float(np.max(np.abs(z - np.median(z))))
        weights[f"{last}/kernel"] = weights[f"{last}/kernel"] * stretch
        weights[f"{last}/bias"] = (weights[f"{last}/bias"] - np.median(z)) * stretch
    elif case.hard == "large_activations":
        # relu(s z) = s relu(z), so the logits stay as they are and nothing saturates.
        network = Network(case.architecture, seed=0, dtype="float64")
        network.set_weights(weights)
        tensors = network.trace_step(x, y).tensors
        hidden = [layer.name for layer in case.architecture.layers[:-1]]
        stretch = 300.0 / max(float(np.max(tensors[f"{name}/activation"])) for name in hidden)
        for name in (f"{first}/kernel", *(f"{name}/bias" for name in hidden)):
            weights[name] = weights[name] * stretch
        weights[f"{last}/kernel"] = weights[f"{last}/kernel"] / stretch
    return Point(weights, x, y)


def _perturbed(point: Point, random: np.random.RandomState) -> Point:
    """Return a copy whose every value is off by at most a few units of float32."""

    def nudge(values: Array) -> Array:
        nudged: Array = values * (
            1.0 + _RELATIVE_PERTURBATION * random.uniform(-1, 1, values.shape)
        )
        return nudged

    return Point(
        {name: nudge(value) for name, value in point.weights.items()}, nudge(point.x), point.y
    )
