"""Where a tensor stands in a training step, and what a known mistake is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.losses import loss_formula
from experiments.parity.exact.reference import dense_targets
from experiments.parity.exact.rounding import Bounded, Precision
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.optimizers import Optimizer


@dataclass(frozen=True)
class Variant:
    """A wrong formula for a tensor.

    Attributes
    ----------
    code
        Of the mistake, a key of `experiments.parity.mistakes.SENTENCES`.
    make
        Computes what the wrong formula gives, with its bound.
    values
        What the sentence has to name, such as the wrong epsilon.
    """

    code: str
    make: Callable[[], Bounded]
    values: Mapping[str, Any]


Variants = Iterator[Variant]


def variant(code: str, make: Callable[[], Bounded], **values: Any) -> Variant:
    """Make a `Variant`."""
    return Variant(code, make, values)


def signs(x: Bounded) -> Bounded:
    """Return -1, 0 or 1 for each element."""
    return x.precision.exact(np.sign(x.value))


def through_float32(x: Bounded) -> Bounded:
    """Return x rounded to float32."""
    return x.precision.exact(x.value.astype(np.float32))


@dataclass(frozen=True)
class Scene:
    """A tensor with the inputs that both sides computed it from.

    Attributes
    ----------
    architecture, precision, snapshot, optimizer
        The training step.
    tensors
        What the tensor may depend on, by full name.
    name
        Full name of the tensor, or ``loss``.
    right
        Its right value.
    """

    architecture: Architecture
    precision: Precision
    snapshot: Snapshot
    optimizer: Optimizer | None
    tensors: Mapping[str, Bounded]
    name: str
    right: Bounded

    @property
    def layers(self) -> list[Dense]:
        """All layers."""
        return [layer for layer in self.architecture.layers if isinstance(layer, Dense)]

    @property
    def index(self) -> int:
        """Number of the tensor's layer, from 0; of the last layer for the loss."""
        name, _, _ = self.name.rpartition("/")
        names = [layer.name for layer in self.layers]
        return names.index(name) if name else len(names) - 1

    @property
    def layer(self) -> Dense:
        """The tensor's layer."""
        return self.layers[self.index]

    @property
    def is_last(self) -> bool:
        """Whether it belongs to the last layer."""
        return self.index == len(self.layers) - 1

    @property
    def weight(self) -> str:
        """``kernel`` or ``bias`` for their gradients, updates and slots, else empty."""
        head, _, _ = self.tensor.partition("_")
        return head if head in ("kernel", "bias") else ""

    @property
    def tensor(self) -> str:
        """Short name, as ``kernel_gradient``."""
        return self.name.rpartition("/")[2]

    def of(self, tensor: str, index: int | None = None) -> Bounded:
        """Return a tensor of a layer; before the first layer, the activation is the input."""
        i = self.index if index is None else index
        if i < 0:
            return self.precision.exact(self.snapshot.x.astype(self.precision.dtype))
        return self.tensors[f"{self.layers[i].name}/{tensor}"]

    def parameter(self, weight: str, index: int | None = None) -> Bounded:
        """Return a weight as it stood before the update."""
        i = self.index if index is None else index
        return self.precision.exact(self.snapshot.weights[f"{self.layers[i].name}/{weight}"])

    @property
    def x(self) -> Bounded:
        """Input of the layer."""
        return self.of("activation", self.index - 1)

    @property
    def z(self) -> Bounded:
        """Pre-activation of the layer."""
        return self.of("pre_activation")

    @property
    def a(self) -> Bounded:
        """Activation of the layer."""
        return self.of("activation")

    @property
    def da(self) -> Bounded:
        """Gradient of the activation."""
        return self.of("activation_gradient")

    @property
    def dz(self) -> Bounded:
        """Gradient of the pre-activation."""
        return self.of("pre_activation_gradient")

    @property
    def kernel(self) -> Bounded:
        """Kernel of the layer before the update."""
        return self.parameter("kernel")

    @property
    def bias(self) -> Bounded | None:
        """Bias of the layer before the update, if it has one."""
        return self.parameter("bias") if self.layer.use_bias else None

    @property
    def targets(self) -> Bounded:
        """Targets as numbers, one-hot where they are classes."""
        y = dense_targets(self.architecture, self.snapshot.y)
        return self.precision.exact(y.astype(self.precision.dtype))

    @property
    def samples(self) -> int:
        """Size of the batch."""
        return len(self.snapshot.x)

    def loss_by(self, *, fused: bool) -> tuple[Bounded, Bounded]:
        """Return loss and gradient by one of the two paths."""
        last = len(self.layers) - 1
        output = self.of("pre_activation" if fused else "activation", last)
        formula = loss_formula(self.architecture.loss, fused)
        return formula(output, self.targets, self.architecture.conventions)
