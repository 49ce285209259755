"""Normalization of every sample by itself: the same in training and in inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.buffer import Buffer, as_matrix
from scratchnet.errors import ArchitectureError, check_boolean, check_choice, check_share
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters

SHORTEST = 1e-12
"""`UnitNormalization` divides by no less."""


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Standardises the channels at each position (``keras.layers.LayerNormalization``).

    With mean and biased variance over the channels, ``a = gamma (x - mean) / sqrt(variance +
    epsilon) + beta``. Source: Ba, Kiros & Hinton 2016.

    Parameters
    ----------
    epsilon
        Keeps the root away from 0.
    center, scale
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "layer_normalization"
    passes_mask: ClassVar[bool] = True

    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: str = "zeros"
    gamma_initializer: str = "ones"

    def __post_init__(self) -> None:
        check_share("epsilon", self.epsilon, highest=float("inf"))
        check_boolean("center", self.center)
        check_boolean("scale", self.scale)
        check_choice("beta_initializer", self.beta_initializer, INITIALIZERS)
        check_choice("gamma_initializer", self.gamma_initializer, INITIALIZERS)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return gamma and beta, ``(channels,)`` each."""
        shape = shapes[0][-1:]
        return {
            **({"gamma": Weight(shape, self.gamma_initializer)} if self.scale else {}),
            **({"beta": Weight(shape, self.beta_initializer)} if self.center else {}),
        }

    def arranged(self, matrix: Array, samples: int) -> Array:  # noqa: ARG002 - see GroupNormalization
        """Return ``(channels, positions * samples)`` as ``(1, values of one mean, means)``."""
        return matrix[None]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs.

        With ``n`` values to a mean, and ``r = 1 / sqrt(variance + epsilon)``::

            forward    c = (x - mean) r              a = c gamma + beta
            backward   dbeta = sum of da             dgamma = sum of da c
                       g = da gamma
                       dx = r (g - mean of g - c (mean of g c))
        """
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        x = self.arranged(source.matrix, plan.samples)
        a, da = outputs.matrix, outputs.gradient_matrix
        number, epsilon, one = (np.asarray(n, x.dtype) for n in (x.shape[1], self.epsilon, 1))
        mean, r = (np.zeros_like(x[:, :1]) for _ in range(2))
        # The same memory as a channel to a row, and arranged for the means.
        c_rows, g_rows = (np.zeros_like(source.matrix) for _ in range(2))
        c, g = (self.arranged(rows, plan.samples) for rows in (c_rows, g_rows))
        weights = {
            name: parameters[f"{self.name}/{name}"].reshape(-1, 1)
            for name in self.weights((len(a),))
        }
        gamma, beta = weights.get("gamma"), weights.get("beta")

        forward, backward = Tape(), Tape()
        forward.add(np.add.reduce, x, axis=1, keepdims=True, out=mean)
        forward.add(np.divide, mean, number, out=mean)
        forward.add(np.subtract, x, mean, out=c)
        forward.add(np.multiply, c, c, out=g)
        forward.add(np.add.reduce, g, axis=1, keepdims=True, out=r)
        forward.add(np.divide, r, number, out=r)
        forward.add(np.add, r, epsilon, out=r)
        forward.add(np.sqrt, r, out=r)
        forward.add(np.divide, one, r, out=r)
        forward.add(np.multiply, c, r, out=c)
        if gamma is None:
            forward.add(np.copyto, c_rows, out=a)
        else:
            forward.add(np.multiply, c_rows, gamma, out=a)
        if beta is not None:
            forward.add(np.add, a, beta, out=a)
            backward.add(np.add.reduce, da, axis=1, out=parameters.gradient(f"{self.name}/beta"))
        if gamma is not None:
            dgamma = parameters.gradient(f"{self.name}/gamma")
            backward.add(np.vecdot, da, c_rows, out=dgamma)
        if dx is not None:
            dx = self.arranged(as_matrix(dx), plan.samples)
            dot = np.zeros_like(mean)
            backward.add(np.multiply, da, one if gamma is None else gamma, out=g_rows)
            backward.add(np.multiply, g, c, out=dx)
            backward.add(np.add.reduce, dx, axis=1, keepdims=True, out=dot)
            backward.add(np.divide, dot, number, out=dot)
            backward.add(np.add.reduce, g, axis=1, keepdims=True, out=mean)
            backward.add(np.divide, mean, number, out=mean)
            backward.add(np.multiply, c, dot, out=dx)
            backward.add(np.subtract, g, dx, out=dx)
            backward.add(np.subtract, dx, mean, out=dx)
            backward.add(np.multiply, dx, r, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class GroupNormalization(LayerNormalization):
    """Standardises groups of channels over all positions (``keras.layers.GroupNormalization``).

    As `LayerNormalization`, with means over the positions and channels of a group. Source: Wu & He
    2018.

    Parameters
    ----------
    groups
        So many groups the channels are divided into; -1: each channel is one.
    epsilon, center, scale, beta_initializer, gamma_initializer, name, inputs
        As for `LayerNormalization`.
    """

    kind: ClassVar[str] = "group_normalization"

    groups: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.groups, int) and not isinstance(self.groups, bool)
        if not whole or (self.groups < 1 and self.groups != -1):
            raise ArchitectureError(f"groups = {self.groups!r}; expected a positive integer, or -1")

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        if shapes[0][-1] % self.groups:
            raise ArchitectureError(
                f"groups = {self.groups} with {shapes[0][-1]} input channels; expected a divisor"
            )
        return shapes[0]

    def arranged(self, matrix: Array, samples: int) -> Array:
        """Return the matrix as ``(groups, values of one mean, samples)``."""
        return matrix.reshape(len(matrix) if self.groups == -1 else self.groups, -1, samples)


@dataclass(frozen=True)
class RMSNormalization(Layer):
    """Divides the channels at each position by their root mean square.

    ``a = scale x / sqrt(mean of x^2 + epsilon)`` (``keras.layers.RMSNormalization``; Zhang &
    Sennrich 2019).

    Parameters
    ----------
    epsilon
        Keeps the root away from 0.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "rms_normalization"

    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        check_share("epsilon", self.epsilon, highest=float("inf"))

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return the scale, ``(channels,)``."""
        return {"scale": Weight(shapes[0][-1:], "ones")}

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs.

        With ``r = 1 / sqrt(mean of x^2 + epsilon)``::

            forward    c = x r                      a = c scale
            backward   dscale = sum of da c         g = da scale
                       dx = r (g - c (mean of g c))
        """
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        x, a, da = source.matrix, outputs.matrix, outputs.gradient_matrix
        number, epsilon, one = (np.asarray(n, x.dtype) for n in (len(x), self.epsilon, 1))
        r, dot = (np.zeros_like(x[:1]) for _ in range(2))
        c, g = (np.zeros_like(x) for _ in range(2))
        scale = parameters[f"{self.name}/scale"].reshape(-1, 1)

        forward, backward = Tape(), Tape()
        forward.add(np.multiply, x, x, out=g)
        forward.add(np.add.reduce, g, axis=0, keepdims=True, out=r)
        forward.add(np.divide, r, number, out=r)
        forward.add(np.add, r, epsilon, out=r)
        forward.add(np.sqrt, r, out=r)
        forward.add(np.divide, one, r, out=r)
        forward.add(np.multiply, x, r, out=c)
        forward.add(np.multiply, c, scale, out=a)

        backward.add(np.vecdot, da, c, out=parameters.gradient(f"{self.name}/scale"))
        if dx is not None:
            dx = as_matrix(dx)
            backward.add(np.multiply, da, scale, out=g)
            backward.add(np.multiply, g, c, out=dx)
            backward.add(np.add.reduce, dx, axis=0, keepdims=True, out=dot)
            backward.add(np.divide, dot, number, out=dot)
            backward.add(np.multiply, c, dot, out=dx)
            backward.add(np.subtract, g, dx, out=dx)
            backward.add(np.multiply, dx, r, out=dx, tensor="input")
        return Pass(outputs, forward, backward)


@dataclass(frozen=True)
class UnitNormalization(Layer):
    """Divides the channels at each position by their length (``keras.layers.UnitNormalization``).

    ``a = x / max(|x|, 1e-12)`` with the Euclidean length.

    Parameters
    ----------
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "unit_normalization"
    passes_mask: ClassVar[bool] = True

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops over the inputs.

        With ``r = 1 / |x|``::

            forward    a = x r
            backward   dx = r (da - a (sum of da a))
        """
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        x, a, da = source.matrix, outputs.matrix, outputs.gradient_matrix
        smallest, one = (np.asarray(n, x.dtype) for n in (SHORTEST**2, 1))
        r, dot, longer = (np.zeros_like(x[:1]) for _ in range(3))
        scratch = np.zeros_like(x)

        forward, backward = Tape(), Tape()
        forward.add(np.multiply, x, x, out=scratch)
        forward.add(np.add.reduce, scratch, axis=0, keepdims=True, out=r)
        forward.add(np.greater, r, smallest, out=longer)
        forward.add(np.maximum, r, smallest, out=r)
        forward.add(np.sqrt, r, out=r)
        forward.add(np.divide, one, r, out=r)
        forward.add(np.multiply, x, r, out=a)
        if dx is not None:
            dx = as_matrix(dx)
            backward.add(np.multiply, da, a, out=scratch)
            backward.add(np.add.reduce, scratch, axis=0, keepdims=True, out=dot)
            # Shorter vectors are divided by a constant.
            backward.add(np.multiply, dot, longer, out=dot)
            backward.add(np.multiply, a, dot, out=dx)
            backward.add(np.subtract, da, dx, out=dx)
            backward.add(np.multiply, dx, r, out=dx, tensor="input")
        return Pass(outputs, forward, backward)
