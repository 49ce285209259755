"""Where a tensor stands in a training step, and what a known mistake is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.losses import loss_formula
from experiments.parity.exact.reference import Replace, dense_targets
from experiments.parity.exact.rounding import Bounded, Precision
from experiments.parity.trace import Snapshot
from scratchnet.architecture import INPUT, Architecture
from scratchnet.optimizers import Optimizer


@dataclass(frozen=True)
class Mistake:
    """A wrong formula that people write for a tensor.

    Attributes
    ----------
    code
        For machines, a key of `experiments.parity.mistakes.SENTENCES`.
    make
        Computes what the wrong formula gives, with its bound. It may raise where the mistake
        cannot be made, as a transposed kernel of 2 x 3.
    values
        What the sentence has to name, such as the wrong epsilon.
    also
        Short names of the layer's other tensors where the same slip shows.
    form
        Number of this formula among those of the same code and values.
    """

    code: str
    make: Callable[[], Bounded]
    values: Mapping[str, Any]
    also: tuple[str, ...] = ()
    form: int = 0

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What the same mistake has in common wherever it is made."""
        return self.code, *self.values.items(), self.form


Mistakes = Iterator[Mistake]


def mistake(
    code: str, make: Callable[[], Bounded], also: tuple[str, ...] = (), **values: Any
) -> Mistake:
    """Make a `Mistake`."""
    return Mistake(code, make, values, also)


def made(found: Mistake) -> Bounded | None:
    """Compute what a mistake gives; None where it cannot be made."""
    try:
        return found.make()
    except (LookupError, ValueError, AttributeError, TypeError, ArithmeticError):
        return None


def signs(x: Bounded) -> Bounded:
    """Return -1, 0 or 1 for each element."""
    return x.precision.exact(np.sign(x.value))


def ones_where(mask: Any, like: Bounded) -> Bounded:
    """Return 1 where a mask holds, else 0."""
    return like.precision.exact(np.asarray(mask).astype(like.value.dtype))


def through(x: Bounded, dtype: str) -> Bounded:
    """Return x rounded to another dtype."""
    return x.precision.exact(x.value.astype(dtype))


def _no_replay(_replaced: Replace) -> Mapping[str, Bounded]:
    raise ValueError("this step cannot be replayed")


@dataclass(frozen=True)
class Scene:
    """A tensor with the inputs that both sides computed it from.

    Attributes
    ----------
    architecture, precision, snapshot, optimizer
        The training step.
    fused
        Whether loss and last activation are differentiated as one.
    tensors
        What the tensor may depend on, by full name.
    name
        Full name of the tensor, or ``loss``.
    right
        Its right value.
    replay
        Computes the whole step again with tensors replaced.
    """

    architecture: Architecture
    precision: Precision
    snapshot: Snapshot
    optimizer: Optimizer | None
    fused: bool
    tensors: Mapping[str, Bounded]
    name: str
    right: Bounded
    replay: Callable[[Replace], Mapping[str, Bounded]] = field(default=_no_replay, repr=False)

    def at(self, name: str, right: Bounded, tensors: Mapping[str, Bounded]) -> Scene:
        """Return the scene of another tensor of the step."""
        return replace(self, name=name, right=right, tensors=tensors)

    @property
    def layers(self) -> list[Any]:
        """All layers."""
        return list(self.architecture.layers)

    @property
    def index(self) -> int:
        """Number of the tensor's layer, from 0; of the last layer for the loss."""
        name, _, _ = self.name.rpartition("/")
        names = [layer.name for layer in self.layers]
        return names.index(name) if name in names else len(names) - 1

    @property
    def layer(self) -> Any:
        """The tensor's layer."""
        return self.layers[self.index]

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self.architecture.loss.name

    @property
    def activation(self) -> str:
        """Name of the layer's activation; ``linear`` for a layer that has none."""
        return str(getattr(self.layer, "activation", "linear"))

    @property
    def is_last(self) -> bool:
        """Whether it belongs to the last layer."""
        return self.index == len(self.layers) - 1

    @property
    def tensor(self) -> str:
        """Short name, as ``kernel_gradient``."""
        return self.name.rpartition("/")[2]

    @property
    def weights(self) -> list[str]:
        """Short names of the layer's weights."""
        own = f"{self.layer.name}/"
        return [n.removeprefix(own) for n in self.snapshot.weights if n.startswith(own)]

    @property
    def weight(self) -> str:
        """Short name of the weight whose gradient, slot or update the tensor is, else empty."""
        fitting = [w for w in self.weights if self.tensor.startswith(f"{w}_")]
        return max(fitting, key=len, default="")

    @property
    def role(self) -> str:
        """What the tensor is to its weight: ``gradient``, ``updated``, or ``slot``; else empty."""
        part = self.tensor.removeprefix(f"{self.weight}_") if self.weight else ""
        return part if part in ("", "gradient", "updated") else "slot"

    def of(self, tensor: str, index: int | None = None) -> Bounded:
        """Return a tensor of a layer."""
        i = self.index if index is None else index
        return self.tensors[f"{self.layers[i].name}/{tensor}"]

    def neighbour(self, distance: int, tensor: str = "") -> Bounded:
        """Return a tensor of another layer, where it has the shape of this layer's own."""
        other = self.index + distance
        if not 0 <= other < len(self.layers):
            raise ValueError("there is no such layer")
        found = self.of(tensor or self.tensor, other)
        if found.shape != (self.of(tensor) if tensor else self.right).shape:
            raise ValueError("the shapes differ")
        return found

    def parameter(self, weight: str, index: int | None = None) -> Bounded:
        """Return a weight as it stood before the update."""
        i = self.index if index is None else index
        if i < 0:
            raise ValueError("there is no such layer")
        return self.precision.exact(self.snapshot.weights[f"{self.layers[i].name}/{weight}"])

    @property
    def source(self) -> str:
        """Name of the layer that this one reads first; `INPUT` for the network's input."""
        return self.architecture.sources(self.layer)[0]

    @property
    def reader(self) -> Scene:
        """The scene of the first layer that reads this one's activation."""
        readers = self.architecture.readers(self.layer.name)
        if not readers:
            raise ValueError("it is the last layer")
        name = f"{readers[0]}/pre_activation_gradient"
        return self.at(name, self.tensors[name], self.tensors)

    @property
    def network_input(self) -> Bounded:
        """Input of the network, where a layer could take it for its own."""
        if self.source == INPUT:
            raise ValueError("it is the layer's own")
        return self._inputs

    @property
    def _inputs(self) -> Bounded:
        return self.precision.exact(self.snapshot.x.astype(self.precision.dtype))

    @property
    def x(self) -> Bounded:
        """Input of the layer."""
        return self._inputs if self.source == INPUT else self.tensors[f"{self.source}/activation"]

    @property
    def z(self) -> Bounded:
        """Pre-activation of the layer."""
        return self.of("pre_activation")

    @property
    def z_before(self) -> Bounded:
        """Pre-activation of the layer before."""
        return self.tensors[f"{self.source}/pre_activation"]

    @property
    def a(self) -> Bounded:
        """Activation of the layer."""
        return self.of("activation")

    @property
    def da(self) -> Bounded:
        """Gradient of the activation."""
        if self.fused and self.is_last:
            return self.loss_by(fused=False)[1]
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
    def bias(self) -> Bounded:
        """Bias of the layer before the update, if it has one."""
        return self.parameter("bias")

    @property
    def prediction(self) -> Bounded:
        """Activation of the last layer."""
        return self.of("activation", len(self.layers) - 1)

    @property
    def targets(self) -> Bounded:
        """Targets as numbers, one-hot where they are classes."""
        y = dense_targets(self.architecture, self.snapshot.y)
        return self.precision.exact(y.astype(self.precision.dtype))

    @property
    def samples(self) -> int:
        """Size of the batch."""
        return len(self.snapshot.x)

    @property
    def count(self) -> int:
        """Number of losses that the mean is over."""
        outputs = 1 if "categorical" in self.loss else self.architecture.units
        return self.samples * outputs

    def loss_by(self, *, fused: bool) -> tuple[Bounded, Bounded]:
        """Return loss and gradient by one of the two paths."""
        return self.loss_of(self.targets, fused=fused)

    def loss_of(self, targets: Bounded, *, fused: bool) -> tuple[Bounded, Bounded]:
        """Return loss and gradient for other targets."""
        last = len(self.layers) - 1
        output = self.of("pre_activation" if fused else "activation", last)
        formula = loss_formula(self.architecture.loss, fused)
        return formula(output, targets, self.architecture.conventions)
