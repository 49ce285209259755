"""Activations as layers of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scratchnet.activations import activation_of
from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError, check_choice, check_share
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.regularizers import Regularizer, as_regularizer
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class ActivationLayer(Layer):
    """What layers have in common that are an entry of `scratchnet.activations.ACTIVATIONS`."""

    passes_mask: ClassVar[bool] = True

    @abstractmethod
    def activation_arguments(self) -> Mapping[str, Any]:
        """Return the arguments of the activation that `activation_name` names."""

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        axis = self.activation_arguments().get("axis", -1)
        if not -len(shapes[0]) <= axis <= len(shapes[0]):
            raise ArchitectureError(f"axis = {axis}; the input has the shape {shapes[0]}")
        return shapes[0]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = activation(z)`` and ``dz = da * activation'(z)``."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        z, dz = source.values, source.claim_gradient()
        scratch = plan.scratch(outputs.gradient)
        activation = activation_of(self.activation_name(), self.activation_arguments())

        forward, backward = Tape(), Tape()
        activation.forward(forward, z, outputs.values, scratch)
        if dz is not None:
            activation.backward(backward, z, outputs.values, outputs.gradient, dz, scratch)
            backward.name_last("input")
        # Logits that nobody trains have no gradient, but a loss needs room for one.
        return Pass(outputs, forward, backward, logits=(z, source.gradient if dz is None else dz))


@dataclass(frozen=True)
class Activation(ActivationLayer):
    """An activation of whatever comes before (``keras.layers.Activation``).

    Parameters
    ----------
    activation
        A name in `scratchnet.activations.ACTIVATIONS`.
    arguments
        Its arguments where Keras's defaults will not do, as ``{"approximate": True}`` for gelu.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "activation"

    activation: str
    arguments: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        activation_of(self.activation, self.arguments)

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def activation_arguments(self) -> Mapping[str, Any]:
        """Return `arguments`."""
        return self.arguments or {}


@dataclass(frozen=True)
class ReLU(ActivationLayer):
    """The rectifier with a slope, a cap and a threshold (``keras.layers.ReLU``).

    ::

        a = max_value                              where z >= max_value
        a = z                                      between threshold and max_value
        a = negative_slope * (z - threshold)       elsewhere

    Parameters
    ----------
    max_value
        The largest output, 0 or more; None: there is none.
    negative_slope
        Slope below the threshold, 0 or more.
    threshold
        Where the rectifier begins, 0 or more.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "relu"

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        for field in ("max_value", "negative_slope", "threshold"):
            value = getattr(self, field)
            if field != "max_value" or value is not None:
                check_share(field, value, highest=float("inf"))

    def activation_name(self) -> str:
        """Return ``"relu"``."""
        return "relu"

    def activation_arguments(self) -> Mapping[str, Any]:
        """Return the three fields."""
        return {
            "negative_slope": self.negative_slope,
            "max_value": self.max_value,
            "threshold": self.threshold,
        }


@dataclass(frozen=True)
class LeakyReLU(ActivationLayer):
    """``z`` where it is positive, else ``negative_slope * z`` (``keras.layers.LeakyReLU``).

    Parameters
    ----------
    negative_slope
        0 or more; the default is not that of the activation ``"leaky_relu"``, which is 0.2.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If the slope is wrong.
    """

    kind: ClassVar[str] = "leaky_relu"

    negative_slope: float = 0.3

    def __post_init__(self) -> None:
        check_share("negative_slope", self.negative_slope, highest=float("inf"))

    def activation_name(self) -> str:
        """Return ``"leaky_relu"``."""
        return "leaky_relu"

    def activation_arguments(self) -> Mapping[str, Any]:
        """Return the slope."""
        return {"negative_slope": self.negative_slope}


@dataclass(frozen=True)
class ELU(ActivationLayer):
    """``z`` where it is positive, else ``alpha (exp(z) - 1)`` (``keras.layers.ELU``).

    Parameters
    ----------
    alpha
        Above 0.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If alpha is wrong.
    """

    kind: ClassVar[str] = "elu"

    alpha: float = 1.0

    def __post_init__(self) -> None:
        activation_of("elu", {"alpha": self.alpha})

    def activation_name(self) -> str:
        """Return ``"elu"``."""
        return "elu"

    def activation_arguments(self) -> Mapping[str, Any]:
        """Return alpha."""
        return {"alpha": self.alpha}


@dataclass(frozen=True)
class Softmax(ActivationLayer):
    """``exp(z) / sum exp(z)`` along an axis (``keras.layers.Softmax``).

    Parameters
    ----------
    axis
        Along which the outputs add up to 1; the samples have axis 0, the last one is -1.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If the axis is wrong.
    """

    kind: ClassVar[str] = "softmax"

    axis: int = -1

    def __post_init__(self) -> None:
        activation_of("softmax", {"axis": self.axis})

    def activation_name(self) -> str:
        """Return ``"softmax"``."""
        return "softmax"

    def activation_arguments(self) -> Mapping[str, Any]:
        """Return the axis."""
        return {"axis": self.axis}


@dataclass(frozen=True)
class PReLU(Layer):
    """``max(z, 0) - alpha * max(-z, 0)``, alpha being learnt (``keras.layers.PReLU``; He 2015).

    Parameters
    ----------
    alpha_initializer
        A name in `scratchnet.initializers.INITIALIZERS`.
    alpha_regularizer
        A regularizer, or its table as ``{"name": "l2", "l2": 0.01}``.
    shared_axes
        Axes along which alpha is one number, as ``(1, 2)`` for one per channel of images.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "prelu"
    passes_mask: ClassVar[bool] = True

    alpha_initializer: str = "zeros"
    alpha_regularizer: Regularizer | None = None
    shared_axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_choice("alpha_initializer", self.alpha_initializer, INITIALIZERS)
        regularizer = as_regularizer("alpha_regularizer", self.alpha_regularizer)
        object.__setattr__(self, "alpha_regularizer", regularizer)
        axes = self.shared_axes
        if isinstance(axes, int):
            axes = (axes,)
        if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in axes):
            raise ArchitectureError(
                f"shared_axes = {self.shared_axes!r}; expected axes from 1, as [1, 2]"
            )
        object.__setattr__(self, "shared_axes", tuple(axes))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        if any(axis > len(shapes[0]) for axis in self.shared_axes):
            raise ArchitectureError(
                f"shared_axes = {self.shared_axes!r}; the input has the shape {shapes[0]}"
            )
        return shapes[0]

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return alpha: of the shape of a sample, 1 along shared axes."""
        shape = tuple(
            1 if axis in self.shared_axes else size for axis, size in enumerate(shapes[0], 1)
        )
        return {"alpha": Weight(shape, self.alpha_initializer, regularizer=self.alpha_regularizer)}

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops: ``dz = da`` above 0, ``alpha da`` below it, 0 at exactly 0."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        z, dz = source.values, source.claim_gradient()
        a, da, name = outputs.values, outputs.gradient, f"{self.name}/alpha"
        alpha, dalpha = parameters[name], parameters.gradient(name)
        scratch = plan.scratch(outputs.gradient)
        below, slope = scratch.array("below"), scratch.array("slope")

        forward, backward = Tape(), Tape()
        forward.add(np.minimum, z, scratch.zeros, out=below)
        forward.add(np.multiply, below, alpha, out=slope)
        forward.add(np.maximum, z, scratch.zeros, out=a)
        forward.add(np.add, a, slope, out=a)

        backward.add(np.multiply, da, below, out=slope)
        axes = (0, *self.shared_axes)
        backward.add(np.add.reduce, slope, axis=axes, keepdims=True, out=dalpha[None])
        if dz is not None:
            backward.add(np.less, z, scratch.number(0), out=scratch.mask)
            backward.add(np.multiply, scratch.mask, alpha, out=dz)
            backward.add(np.greater, z, scratch.number(0), out=scratch.mask)
            backward.add(np.add, dz, scratch.mask, out=dz)
            backward.add(np.multiply, dz, da, out=dz, tensor="input")
        return Pass(outputs, forward, backward)
