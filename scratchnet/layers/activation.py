"""An activation as a layer of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from scratchnet.activations import activation_of
from scratchnet.buffer import Buffer
from scratchnet.layers.base import Layer, Pass
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Activation(Layer):
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
    passes_mask: ClassVar[bool] = True

    activation: str
    arguments: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        activation_of(self.activation, self.arguments)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = activation(z)`` and ``dz = da * activation'(z)``."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        z, dz = source.values, source.claim_gradient()
        scratch = plan.scratch(outputs.gradient)
        activation = activation_of(self.activation, self.arguments)

        forward, backward = Tape(), Tape()
        activation.forward(forward, z, outputs.values, scratch)
        if dz is not None:
            activation.backward(backward, z, outputs.values, outputs.gradient, dz, scratch)
            backward.name_last("input")
        # Logits that nobody trains have no gradient, but a loss needs room for one.
        return Pass(outputs, forward, backward, logits=(z, source.gradient if dz is None else dz))
