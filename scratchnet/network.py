"""The network: weights in an arena, and a plan of buffers for each batch size.

Samples come first: ``x`` is ``(samples, features)``, or ``(samples, ...)`` for inputs of higher
rank. Everything a step computes goes into buffers that were made when its batch size was first
seen, so a training step allocates nothing.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from scratchnet.architecture import INPUT, Architecture
from scratchnet.batch_plan import BatchPlan
from scratchnet.checks import as_numbers, check_whole_number
from scratchnet.initializers import INITIALIZERS, Initializer
from scratchnet.layers import Weight
from scratchnet.optimizers import OptimizerState
from scratchnet.parameters import Parameters
from scratchnet.summary import summary
from scratchnet.types import Array

PLANS = 8
"""So many batch sizes a network keeps buffers for; of more, the one not used for longest goes."""

PREDICTED_AT_ONCE = 1024
"""So many samples `Network.predict` takes at a time unless told otherwise."""


@dataclass(frozen=True)
class StepTrace:
    """Every named tensor of one training step.

    Attributes
    ----------
    loss
        Mean loss of the batch before the update.
    tensors
        By full name: ``dense_1/pre_activation``, ``dense_1/activation``, the gradient of the loss
        with respect to each, ``dense_1/activation_gradient``, ``dense_1/pre_activation_gradient``
        (no activation gradient where the loss is fused with it), ``dense_1/kernel_gradient``,
        ``dense_1/kernel_updated``, for an optimizer's slots ``dense_1/kernel_momentum``; and what
        a step changes beside, ``batch_normalization_1/moving_mean_updated``.
    """

    loss: float
    tensors: dict[str, Array]


class Network:
    """A network with its weights.

    Parameters
    ----------
    architecture
        What to build.
    seed
        Of the initial weights, see `initial_weights`, and of the noise in training.
    dtype
        ``"float32"`` or ``"float64"`` (``"longdouble"`` for a reference of higher precision).
    constants
        Dtype to which constants such as the clipping bound are rounded before use; by default
        `dtype`. A network in higher precision that stands in for one in lower names the lower.

    Attributes
    ----------
    parameters
        The weights and their gradients: ``parameters["dense_1/kernel"]`` is a view.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        seed: int,
        dtype: DTypeLike = "float32",
        constants: DTypeLike | None = None,
    ) -> None:
        self.architecture = architecture
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype("float32"), np.dtype("float64"), np.dtype("longdouble")):
            raise ValueError(f"dtype = {dtype!r}; expected float32 or float64")
        self.constants = np.dtype(constants or self.dtype)
        self.seed = seed
        weights = architecture.weights()
        self.parameters = Parameters(
            {name: weight.shape for name, weight in weights.items()},
            self.dtype,
            untrained=[name for name, weight in weights.items() if not weight.trainable],
        )
        self.parameters.assign(initial_weights(architecture, seed))
        self._plans: OrderedDict[int, BatchPlan] = OrderedDict()

    def __repr__(self) -> str:
        """Return the layers, the number of weights and the dtype in a line."""
        layers = ", ".join(layer.name for layer in self.architecture.layers)
        return f"Network({layers}; {len(self.parameters.arena):,} weights, {self.dtype})"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the plans out of a copy: their buffers would no longer share memory."""
        return {**self.__dict__, "_plans": OrderedDict()}

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print the table of the layers, as Keras does; ``print_fn`` may take it elsewhere."""
        print_fn(summary(self.architecture, self.dtype))

    def save(self, path: str | os.PathLike[str], optimizer: OptimizerState | None = None) -> None:
        """Write the network, and the optimizer at work on it, to an ``.npz`` file.

        See `scratchnet.save`; `scratchnet.load` gives both back.
        """
        from scratchnet.saving import save  # it needs this class

        save(path, self, optimizer)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read a network that `save` wrote; `scratchnet.load` gives its optimizer too."""
        from scratchnet.saving import load

        return load(path).network

    @property
    def weights(self) -> dict[str, Array]:
        """Copies of all weights by name; to change them use `set_weights`."""
        return self.parameters.named(self.parameters.arena)

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Copy weights in by name.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape does not fit.
        """
        self.parameters.assign(weights)

    def plan(self, samples: int) -> BatchPlan:
        """Return the buffers for a batch size, made when it is first asked for."""
        if samples not in self._plans:
            self._plans[samples] = BatchPlan(
                self.architecture, self.parameters, samples, constants=self.constants
            )
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(samples)
        return self._plans[samples]

    def check_inputs(self, x: ArrayLike) -> Array:
        """Return inputs as an array of the network's dtype.

        Raises
        ------
        ValueError
            If the shape is not ``(samples, ...)``, there is no sample, or a value is no number
            that the network can take.
        """
        array = as_numbers("x", x, self.dtype)
        shape = self.architecture.input_shape
        if array.shape[1:] != shape or not len(array):
            expected = f"(samples, {', '.join(map(str, shape))})"
            raise ValueError(f"x: shape {array.shape}, expected {expected}")
        for name in self.architecture.readers(INPUT):
            layer = next(layer for layer in self.architecture.layers if layer.name == name)
            layer.check_values(array)
        return array

    def check_targets(self, y: ArrayLike, samples: int) -> Array:
        """Return targets as ``(samples, units)``, or ``(samples, 1)`` class numbers.

        Raises
        ------
        ValueError
            If the shape does not fit the last layer and the loss, or a class does not exist.
        """
        units = self.architecture.units
        sparse = self.architecture.loss.sparse
        array = as_numbers("y", y, None if sparse else self.dtype)
        if array.ndim == 1:
            array = array.reshape(-1, 1)
        expected = (samples, 1 if sparse else units)
        if array.shape != expected:
            raise ValueError(f"y: shape {np.shape(y)}, expected {expected}")
        if sparse:
            classes = array.astype(np.int64, copy=False)
            exact = array.dtype.kind in "iu" or np.array_equal(classes, array)
            if not exact or classes.min() < 0 or classes.max() >= units:
                raise ValueError(f"y: expected class numbers from 0 to {units - 1}")
            return classes
        return array

    def predict(self, x: ArrayLike, *, batch_size: int | None = None) -> Array:
        """Return the last activation, ``(samples, units)``, as in inference.

        Parameters
        ----------
        x
            ``(samples, ...)``.
        batch_size
            So many samples are computed at a time; None: at most 1,024, so that memory does not
            grow with the number of samples.
        """
        if batch_size is not None:
            check_whole_number("batch_size", batch_size, lowest=1)
        inputs = self.check_inputs(x)
        size = batch_size or PREDICTED_AT_ONCE
        prediction = np.empty((len(inputs), self.architecture.units), self.dtype)
        for start in range(0, len(inputs), size):
            piece = inputs[start : start + size]
            plan = self.plan(len(piece))
            with np.errstate(over="ignore"):
                np.copyto(plan.inputs.values, piece)
                plan.infer()
            prediction[start : start + size] = plan.prediction
        return prediction

    def loss_and_gradients(self, x: ArrayLike, y: ArrayLike) -> tuple[float, dict[str, Array]]:
        """Return the mean loss of one batch and its gradient for every weight.

        Parameters
        ----------
        x
            ``(samples, ...)``.
        y
            ``(samples, units)``, or ``(samples,)`` class numbers for a sparse loss.

        Returns
        -------
        tuple
            Loss, and gradients by weight name.
        """
        loss = self._forward_and_backward(x, y)
        return float(loss), self.parameters.named(self.parameters.gradients)

    def train_step(self, x: ArrayLike, y: ArrayLike, optimizer: OptimizerState) -> float:
        """Update the weights once and return the loss before the update.

        Raises
        ------
        ValueError
            If the optimizer is at work on another network, or the batch does not fit.
        """
        check_state(optimizer, self)
        loss = self._forward_and_backward(x, y, optimizer.iterations)
        optimizer.step()
        return float(loss)

    def trace_step(
        self,
        x: ArrayLike,
        y: ArrayLike,
        optimizer: OptimizerState | None = None,
        noise: Mapping[str, Array] | None = None,
    ) -> StepTrace:
        """Take a training step and return every tensor of it.

        Parameters
        ----------
        x, y
            The batch.
        optimizer
            Makes the update; None: the weights stay.
        noise
            By layer name, what `scratchnet.noise.draw_noise` returns; None: drawn.
        """
        if optimizer is not None:
            check_state(optimizer, self)
        step = 0 if optimizer is None else optimizer.iterations
        loss = self._forward_and_backward(x, y, step, noise)
        plan = self.plan(len(np.asarray(x)))
        tensors = plan.copies()
        for name, gradient in self.parameters.named(self.parameters.gradients).items():
            tensors[f"{name}_gradient"] = gradient
        untrained = self.parameters.shapes.keys() - self.parameters.trained.keys()
        if optimizer is not None:
            optimizer.step()
        tensors |= {
            f"{name}_updated": value
            for name, value in self.weights.items()
            if optimizer is not None or name in untrained
        }
        if optimizer is not None:
            for slot, flat in optimizer.slots.items():
                for name, value in self.parameters.named(flat).items():
                    tensors[f"{name}_{slot}"] = value
        return StepTrace(loss, tensors)

    def _forward_and_backward(
        self,
        x: ArrayLike,
        y: ArrayLike,
        step: int = 0,
        noise: Mapping[str, Array] | None = None,
    ) -> Any:
        inputs = self.check_inputs(x)
        plan = self.plan(len(inputs))
        with np.errstate(over="ignore"):
            np.copyto(plan.inputs.values, inputs)
            np.copyto(plan.targets, self.check_targets(y, len(inputs)))
            plan.set_noise(noise) if noise is not None else plan.draw_noise(self.seed, step)
            plan.forward()
            loss = plan.run_loss()
            plan.backward()
        return loss


def initial_weights(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float64]]:
    """Draw the initial weights of a network, layer by layer.

    Parameters
    ----------
    architecture
        Names the initializer of each weight.
    seed
        One stream for the whole network; 99 with the article's initializer and layers gives the
        article's numbers.

    Returns
    -------
    dict
        float64 arrays by weight name, to be rounded to the dtype of each network.
    """
    random = np.random.RandomState(seed)
    return {
        name: _initializer(weight)(random, weight.shape)
        for name, weight in architecture.weights().items()
    }


def _initializer(weight: Weight) -> Initializer:
    named = weight.initializer
    return INITIALIZERS[named] if isinstance(named, str) else named


def check_state(state: object, network: Network) -> None:
    """Require an optimizer at work on a network.

    Raises
    ------
    TypeError
        If it is no `OptimizerState`.
    ValueError
        If it works on another network.
    """
    made = "OptimizerState(SGD(learning_rate=0.1), network.parameters)"
    if not isinstance(state, OptimizerState):
        raise TypeError(f"optimizer = {state!r}; expected an OptimizerState, as {made}")
    if state.parameters is not network.parameters:
        raise ValueError(
            f"optimizer: it works on another network's parameters; expected one made as {made}"
        )
