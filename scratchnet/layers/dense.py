"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.activations import activation_of
from scratchnet.buffer import Buffer, as_matrix
from scratchnet.errors import check_boolean, check_choice, check_positive
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.regularizers import Regularizer, as_regularizer
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected layer: ``a = activation(x @ kernel + bias)`` (``keras.layers.Dense``).

    It works on the last axis; all others count as positions.

    Parameters
    ----------
    units
        Number of outputs, at least 1.
    activation
        A name in `scratchnet.activations.ACTIVATIONS`.
    use_bias
        Whether to add a bias.
    kernel_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    kernel_regularizer, bias_regularizer
        A regularizer, or its table as ``{"name": "l2", "l2": 0.01}``.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "dense"
    passes_mask: ClassVar[bool] = True

    units: int
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    def __post_init__(self) -> None:
        check_positive("units", self.units)
        check_boolean("use_bias", self.use_bias)
        activation_of(self.activation)
        check_choice("kernel_initializer", self.kernel_initializer, INITIALIZERS)
        check_choice("bias_initializer", self.bias_initializer, INITIALIZERS)
        for field in ("kernel_regularizer", "bias_regularizer"):
            object.__setattr__(self, field, as_regularizer(field, getattr(self, field)))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(..., units)``."""
        return (*shapes[0][:-1], self.units)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return kernel ``(features, units)`` and bias ``(units,)``."""
        kernel = Weight(
            (shapes[0][-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        bias = Weight((self.units,), self.bias_initializer, regularizer=self.bias_regularizer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs.

        With ``x`` the inputs, and the bias as the last row of the kernel against a row of ones
        below ``x``, whose samples are in columns as in the article::

            forward    z = kernel.T @ x + bias       a = activation(z)
            backward   dz = da * activation'(z)
                       dkernel = x @ dz.T            dbias = sum of dz over samples
                       dx = kernel @ dz
        """
        [source] = inputs
        outputs = plan.outputs_of(self)
        pre_activation = Buffer(plan.samples, outputs.values.shape[1:], outputs.values.dtype)
        # Kernel and bias are neighbours in the arena, so together they are the taller kernel.
        names = ["kernel", "bias"] if self.use_bias else ["kernel"]
        values, gradients = parameters.block([f"{self.name}/{name}" for name in names])
        weights = values.reshape(-1, self.units)
        dweights = gradients.reshape(-1, self.units)
        x = source.matrix_with_ones if self.use_bias else source.matrix
        z, a, da, dz = pre_activation, outputs.values, outputs.gradient, pre_activation.gradient
        dx = source.claim_gradient()
        scratch, activation = plan.scratch(dz), activation_of(self.activation)

        forward, backward = Tape(), Tape()
        # np.dot costs half of what np.matmul does to call.
        forward.add(np.dot, weights.T, x, out=z.matrix, tensor="pre_activation")
        activation.forward(forward, z.values, a, scratch)

        activation.backward(backward, z.values, a, da, dz, scratch)
        backward.name_last("pre_activation_gradient")
        backward.add(np.dot, x, z.gradient_matrix.T, out=dweights)
        if dx is not None:
            kernel = weights[: len(source.matrix)]
            backward.add(np.dot, kernel, z.gradient_matrix, out=as_matrix(dx), tensor="input")
        return Pass(
            outputs,
            forward,
            backward,
            tensors={"pre_activation": z.values, "pre_activation_gradient": dz},
            logits=(z.values, dz),
        )
