"""An activation as a layer of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from scratchnet.activations import ACTIVATIONS, Scratch
from scratchnet.buffer import Buffer
from scratchnet.errors import check_choice
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
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "activation"
    passes_mask: ClassVar[bool] = True

    activation: str

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)

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
        scratch, activation = Scratch(outputs.gradient), ACTIVATIONS[self.activation]

        forward, backward = Tape(), Tape()
        activation.forward(forward, z, outputs.values, scratch)
        if dz is not None:
            activation.backward(backward, z, outputs.values, outputs.gradient, dz, scratch)
            backward.name_last("input")
        # Logits that nobody trains have no gradient, but a loss needs room for one.
        return Pass(outputs, forward, backward, logits=(z, source.gradient if dz is None else dz))
