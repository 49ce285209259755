"""Normalization by statistics of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer, as_matrix
from scratchnet.errors import ArchitectureError, check_boolean, check_choice, check_share
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Standardises each channel over the batch (``keras.layers.BatchNormalization``).

    With mean and variance over samples and positions, ``a = gamma (x - mean) / sqrt(variance +
    epsilon) + beta``. The variance is the biased one: divided by the number of values. In
    inference moving statistics stand in for those of the batch, and each training step changes
    them: ``moving = momentum * moving + (1 - momentum) * that of the batch``. Source: Ioffe &
    Szegedy 2015.

    Parameters
    ----------
    momentum
        How much of the moving statistics a step keeps, from 0 to 1.
    epsilon
        Keeps the root away from 0.
    center, scale
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "batch_normalization"
    passes_mask: ClassVar[bool] = True

    momentum: float = 0.99
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: str = "zeros"
    gamma_initializer: str = "ones"
    moving_mean_initializer: str = "zeros"
    moving_variance_initializer: str = "ones"

    def __post_init__(self) -> None:
        check_share("momentum", self.momentum, open_end=False)
        check_share("epsilon", self.epsilon, highest=float("inf"))
        check_boolean("center", self.center)
        check_boolean("scale", self.scale)
        for name in ("beta", "gamma", "moving_mean", "moving_variance"):
            field = f"{name}_initializer"
            check_choice(field, getattr(self, field), INITIALIZERS)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return gamma, beta and the moving statistics, ``(channels,)`` each."""
        shape = shapes[0][-1:]
        gamma = Weight(shape, self.gamma_initializer)
        beta = Weight(shape, self.beta_initializer)
        return {
            **({"gamma": gamma} if self.scale else {}),
            **({"beta": beta} if self.center else {}),
            "moving_mean": Weight(shape, self.moving_mean_initializer, trainable=False),
            "moving_variance": Weight(shape, self.moving_variance_initializer, trainable=False),
        }

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs.

        With ``n`` values of each channel, ``c = x - mean`` and ``r = 1 / sqrt(variance +
        epsilon)``::

            training   a = c * (gamma * r) + beta
            inference  a = x * (gamma * r) + (beta - mean * gamma * r), moving statistics
            backward   dbeta = sum of da          dgamma = r * sum of da * c
                       dx = gamma * r * (da - c * r^2 * (sum of da * c) / n - dbeta / n)
        """
        [source] = inputs
        if source.mask is not None:
            raise ArchitectureError(f"{self.name}: its input has a mask, which is not supported")
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        x, a, da = source.matrix, outputs.matrix, outputs.gradient_matrix
        channels, values = x.shape
        count, epsilon, kept, added, one = (
            np.asarray(number, x.dtype)
            for number in (values, self.epsilon, self.momentum, 1.0 - self.momentum, 1)
        )
        mean, variance, r, factor, dot, total, shift, change = (
            np.zeros((channels, 1), x.dtype) for _ in range(8)
        )
        centred = np.zeros_like(x)
        weights = {
            name: parameters[f"{self.name}/{name}"].reshape(-1, 1)
            for name in self.weights(x.shape[:1])
        }
        gamma, beta = weights.get("gamma"), weights.get("beta")

        def standardise(tape: Tape, variance_now: object) -> None:
            """Append ``factor = gamma * r``."""
            tape.add(np.add, variance_now, epsilon, out=r)
            tape.add(np.sqrt, r, out=r)
            tape.add(np.divide, one, r, out=r)
            tape.add(np.multiply, r, one if gamma is None else gamma, out=factor)

        forward, backward, inference = Tape(), Tape(), Tape()
        forward.add(np.add.reduce, x, axis=1, keepdims=True, out=mean)
        forward.add(np.divide, mean, count, out=mean)
        forward.add(np.subtract, x, mean, out=centred)
        forward.add(np.vecdot, centred, centred, out=variance[:, 0])
        forward.add(np.divide, variance, count, out=variance)
        standardise(forward, variance)
        forward.add(np.multiply, centred, factor, out=a)
        if beta is not None:
            forward.add(np.add, a, beta, out=a)

        standardise(inference, weights["moving_variance"])
        inference.add(np.multiply, weights["moving_mean"], factor, out=shift)
        inference.add(np.subtract, 0 if beta is None else beta, shift, out=shift)
        inference.add(np.multiply, x, factor, out=a)
        inference.add(np.add, a, shift, out=a)

        backward.add(np.add.reduce, da, axis=1, keepdims=True, out=total)
        backward.add(np.vecdot, da, centred, out=dot[:, 0])
        if beta is not None:
            dbeta = parameters.gradient(f"{self.name}/beta")
            backward.add(np.copyto, total[:, 0], out=dbeta)
        if gamma is not None:
            dgamma = parameters.gradient(f"{self.name}/gamma")
            backward.add(np.multiply, dot[:, 0], r[:, 0], out=dgamma)
        if dx is not None:
            dx = as_matrix(dx)
            backward.add(np.divide, total, count, out=total)
            backward.add(np.multiply, dot, r, out=dot)
            backward.add(np.multiply, dot, r, out=dot)
            backward.add(np.divide, dot, count, out=dot)
            backward.add(np.multiply, centred, dot, out=dx)
            backward.add(np.subtract, da, dx, out=dx)
            backward.add(np.subtract, dx, total, out=dx)
            backward.add(np.multiply, dx, factor, out=dx, tensor="input")
        for name, of_batch in (("moving_mean", mean), ("moving_variance", variance)):
            backward.add(np.multiply, of_batch, added, out=change)
            backward.add(np.multiply, weights[name], kept, out=weights[name])
            backward.add(np.add, weights[name], change, out=weights[name])
        return Pass(outputs, forward, backward, inference)
