"""What every layer is: a frozen description, and the ops that run it for one batch size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError
from scratchnet.initializers import Initializer
from scratchnet.regularizers import Regularizer
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Weight:
    """One weight of a layer.

    Attributes
    ----------
    shape
        In Keras's layout.
    initializer
        A name in `scratchnet.initializers.INITIALIZERS`, or a function of a random state and the
        shape.
    trainable
        Whether an optimizer changes it. The moving statistics of a batch normalization are not
        trainable: the layer changes them itself.
    regularizer
        What its size adds to the loss, if anything.
    """

    shape: tuple[int, ...]
    initializer: str | Initializer
    trainable: bool = True
    regularizer: Regularizer | None = None


@dataclass(frozen=True, eq=False)
class Pass:
    """A layer at work on the buffers of one batch size.

    Attributes
    ----------
    outputs
        Where `training` and `inference` leave the layer's values, and where `backward` finds
        their gradient.
    training
        Forward as in training.
    backward
        From the gradient of the outputs to those of weights and inputs; and what else a training
        step changes, such as moving statistics.
    inference
        Forward as in prediction; None where that is the same as in training.
    tensors
        The named tensors that the ops leave, ``(samples, ..., channels)`` each, without the
        outputs, which every layer has as ``activation`` and ``activation_gradient``.
    logits
        What the layer's activation is computed from, and where its gradient goes: for a loss that
        works on logits. None where the layer has no activation. An op that fills it is named
        ``pre_activation``, and one that fills its gradient ``pre_activation_gradient``; where no op
        does, they are the layer's inputs.
    """

    outputs: Buffer
    training: Tape
    backward: Tape
    inference: Tape | None = None
    tensors: Mapping[str, Array] = field(default_factory=dict)
    logits: tuple[Array, Array] | None = None


@dataclass(frozen=True, kw_only=True)
class Layer(ABC):
    """Description of a layer; subclasses are frozen dataclasses with fields as Keras names them.

    Parameters
    ----------
    name
        Unique in its architecture; prefix of its weights' names. Empty for an automatic name, as
        ``dense_1``.
    inputs
        Names of the layers whose outputs it takes, ``"input"`` being the network's input. Empty:
        the layer before it.

    Attributes
    ----------
    kind
        The layer's ``type`` in a dict or TOML, and the stem of its automatic name.
    needs_noise
        Whether it draws random numbers in training.
    takes_tokens
        Whether its inputs are whole numbers: then it can read the network's input alone.
    passes_mask
        Whether its outputs have the mask of its input: which time steps count (Keras's
        ``supports_masking``).
    """

    kind: ClassVar[str]
    needs_noise: ClassVar[bool] = False
    takes_tokens: ClassVar[bool] = False
    passes_mask: ClassVar[bool] = False

    name: str = ""
    inputs: tuple[str, ...] = ()

    def check_inputs(self, count: int) -> None:
        """Require a number of inputs.

        Raises
        ------
        ArchitectureError
            If the layer cannot take so many.
        """
        if count != 1:
            raise ArchitectureError(f"inputs = {list(self.inputs)}; {self.kind} takes one input")

    @abstractmethod
    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one output sample from those of the inputs.

        Raises
        ------
        ArchitectureError
            If the layer cannot take such inputs.
        """

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:  # noqa: ARG002
        """Return each weight by its short name, in Keras's order."""
        return {}

    def activation_name(self) -> str:
        """Return the activation that makes its outputs; ``"linear"`` where there is none."""
        return "linear"

    def check_values(self, values: Array) -> None:  # noqa: B027 - most layers take any numbers
        """Check inputs of the network that this layer reads.

        Raises
        ------
        ValueError
            If it cannot take such values.
        """

    @abstractmethod
    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops that read `inputs`.

        Parameters
        ----------
        inputs
            What the layer reads.
        parameters
            Where its weights and their gradients are, under full names.
        plan
            Makes the outputs (`BatchPlan.outputs_of`) and draws noise (`BatchPlan.noise`).
        """

    def noise_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one sample of the noise, for layers that `needs_noise`."""
        return shapes[0]

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw the noise of one training step, ``(samples, *noise_shape)``."""
        raise NotImplementedError
