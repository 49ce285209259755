"""Layers that draw random numbers in training and do nothing in inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.activations.smooth import SELU_ALPHA, SELU_SCALE
from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError, check_share
from scratchnet.layers.base import Layer, Pass
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets values to 0 at random in training (``keras.layers.Dropout``; Srivastava et al. 2014).

    What stays is divided by the share that stays, so nothing is left to do in inference.

    Parameters
    ----------
    rate
        Share that is set to 0, at least 0 and below 1.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "dropout"
    passes_mask: ClassVar[bool] = True
    needs_noise: ClassVar[bool] = True

    rate: float

    def __post_init__(self) -> None:
        check_share("rate", self.rate)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw the mask: 1 where a value stays, else 0."""
        return (random.random_sample(shape) >= self.rate).astype(np.float64)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x / (1 - rate) * mask`` and ``dx = da / (1 - rate) * mask``."""
        [source] = inputs
        outputs = plan.outputs_of(self)
        x, dx = source.values, source.claim_gradient()
        a, da = outputs.values, outputs.gradient
        mask, scale = plan.noise(self), np.asarray(1 / (1 - self.rate), a.dtype)

        forward, backward, inference = Tape(), Tape(), Tape()
        forward.add(np.multiply, x, scale, out=a)
        forward.add(np.multiply, a, mask, out=a)
        if dx is not None:
            backward.add(np.multiply, da, mask, out=dx)
            backward.add(np.multiply, dx, scale, out=dx, tensor="input")
        inference.add(np.copyto, x, out=a)
        return Pass(outputs, forward, backward, inference)


@dataclass(frozen=True)
class SpatialDropout1D(Dropout):
    """Sets whole channels to 0 at random in training (``keras.layers.SpatialDropout1D``).

    One draw counts for all positions of a channel of a sample (Tompson et al. 2015).

    Parameters
    ----------
    rate
        Share of the channels that is set to 0, at least 0 and below 1.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "spatial_dropout1d"
    rank: ClassVar[int] = 2

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        if len(shapes[0]) != self.rank:
            axes = {2: "time", 3: "height, width", 4: "depth, height, width"}[self.rank]
            raise ArchitectureError(
                f"input shape {shapes[0]}; {self.kind} expects ({axes}, channels)"
            )
        return shapes[0]

    def noise_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(1, channels)``, or with more ones for a higher rank."""
        return (*(1 for _ in shapes[0][:-1]), shapes[0][-1])


@dataclass(frozen=True)
class SpatialDropout2D(SpatialDropout1D):
    """The same for images, ``(height, width, channels)`` (``keras.layers.SpatialDropout2D``)."""

    kind: ClassVar[str] = "spatial_dropout2d"
    rank: ClassVar[int] = 3


@dataclass(frozen=True)
class SpatialDropout3D(SpatialDropout1D):
    """The same for volumes (``keras.layers.SpatialDropout3D``)."""

    kind: ClassVar[str] = "spatial_dropout3d"
    rank: ClassVar[int] = 4


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Adds normal noise of mean 0 in training (``keras.layers.GaussianNoise``).

    Parameters
    ----------
    stddev
        Its standard deviation, from 0 to 1.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "gaussian_noise"
    passes_mask: ClassVar[bool] = True
    needs_noise: ClassVar[bool] = True

    stddev: float

    def __post_init__(self) -> None:
        check_share("stddev", self.stddev, open_end=False)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw what is added."""
        return random.standard_normal(shape) * self.stddev

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x + noise`` and ``dx = da``."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        forward, backward, inference = Tape(), Tape(), Tape()
        forward.add(np.add, source.values, plan.noise(self), out=outputs.values)
        if dx is not None:
            backward.add(np.copyto, outputs.gradient, out=dx, tensor="input")
        inference.add(np.copyto, source.values, out=outputs.values)
        return Pass(outputs, forward, backward, inference)


@dataclass(frozen=True)
class GaussianDropout(Layer):
    """Multiplies by normal noise of mean 1 in training (``keras.layers.GaussianDropout``).

    Its standard deviation is ``sqrt(rate / (1 - rate))``, that of `Dropout`'s factors
    (Srivastava et al. 2014).

    Parameters
    ----------
    rate
        At least 0 and below 1.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "gaussian_dropout"
    passes_mask: ClassVar[bool] = True
    needs_noise: ClassVar[bool] = True

    rate: float

    def __post_init__(self) -> None:
        check_share("rate", self.rate)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw the factors."""
        noise: Array = 1 + random.standard_normal(shape) * np.sqrt(self.rate / (1 - self.rate))
        return noise

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: ``a = x * noise`` and ``dx = da * noise``."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        noise = plan.noise(self)
        forward, backward, inference = Tape(), Tape(), Tape()
        forward.add(np.multiply, source.values, noise, out=outputs.values)
        if dx is not None:
            backward.add(np.multiply, outputs.gradient, noise, out=dx, tensor="input")
        inference.add(np.copyto, source.values, out=outputs.values)
        return Pass(outputs, forward, backward, inference)


@dataclass(frozen=True)
class AlphaDropout(Layer):
    """Dropout that keeps mean 0 and variance 1 after selu (``keras.layers.AlphaDropout``).

    ::

        a = scale * (x where the mask is 1, else lowest) + shift

    with ``lowest`` the limit of selu at minus infinity, ``scale = ((1 - rate) (1 + rate
    lowest^2))^(-1/2)`` and ``shift = -scale lowest rate`` (Klambauer et al. 2017).

    Parameters
    ----------
    rate
        Share of the values that is set to the lowest, at least 0 and below 1.
    name, inputs
        See `scratchnet.layers.Layer`.
    """

    kind: ClassVar[str] = "alpha_dropout"
    passes_mask: ClassVar[bool] = True
    needs_noise: ClassVar[bool] = True

    rate: float

    def __post_init__(self) -> None:
        check_share("rate", self.rate)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return shapes[0]

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw the mask: 1 where a value stays, else 0."""
        return (random.random_sample(shape) >= self.rate).astype(np.float64)

    def constants(self) -> tuple[float, float, float]:
        """Return ``lowest``, ``scale`` and ``shift``."""
        lowest = -SELU_ALPHA * SELU_SCALE
        if self.rate == 0:
            return lowest, 1.0, 0.0
        scale = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        return lowest, scale, -scale * lowest * self.rate

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:  # noqa: ARG002
        """Make the ops: those above, and ``dx = da * scale * mask``."""
        [source] = inputs
        outputs, dx = plan.outputs_of(self), source.claim_gradient()
        a, mask = outputs.values, plan.noise(self)
        scratch = plan.scratch(outputs.gradient)
        lowest, scale, shift = (scratch.number(value) for value in self.constants())
        dropped = scratch.array("dropped")

        forward, backward, inference = Tape(), Tape(), Tape()
        forward.add(np.multiply, source.values, mask, out=a)
        forward.add(np.subtract, scratch.number(1), mask, out=dropped)
        forward.add(np.multiply, dropped, lowest, out=dropped)
        forward.add(np.add, a, dropped, out=a)
        forward.add(np.multiply, a, scale, out=a)
        forward.add(np.add, a, shift, out=a)
        if dx is not None:
            backward.add(np.multiply, outputs.gradient, scale, out=dx)
            backward.add(np.multiply, dx, mask, out=dx, tensor="input")
        inference.add(np.copyto, source.values, out=a)
        return Pass(outputs, forward, backward, inference)
