"""The network: weights in an arena, and a plan of buffers for each batch size.

Samples come first: ``x`` is ``(samples, features)``. Everything a step computes goes into buffers
that were made when its batch size was first seen, so a training step allocates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from scratchnet.architecture import Architecture
from scratchnet.layers import Buffer, Pass
from scratchnet.losses import LOSSES, Loss
from scratchnet.metrics import Accuracy
from scratchnet.optimizers import OptimizerState
from scratchnet.parameters import Parameters
from scratchnet.types import Array


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
        ``dense_1/kernel_updated``, and for an optimizer's slots ``dense_1/kernel_momentum``.
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
        Of the initial weights; see `initial_weights`.
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
        self.parameters = Parameters(architecture.weight_shapes(), self.dtype)
        self.parameters.assign(initial_weights(architecture, seed))
        self._plans: dict[int, BatchPlan] = {}

    @property
    def weights(self) -> dict[str, Array]:
        """Copies of all weights by name; to change them use `set_weights`."""
        return self.parameters.named(self.parameters.values)

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
            self._plans[samples] = BatchPlan(self, samples)
        return self._plans[samples]

    def check_inputs(self, x: ArrayLike) -> Array:
        """Return inputs as an array of the network's dtype.

        Raises
        ------
        ValueError
            If the shape is not ``(samples, features)``, or there is no sample.
        """
        array = np.asarray(x, self.dtype)
        features = self.architecture.input_shape[0]
        if array.ndim != 2 or array.shape[1] != features or not len(array):
            raise ValueError(f"x: shape {array.shape}, expected (samples, {features})")
        return array

    def check_targets(self, y: ArrayLike, samples: int) -> Array:
        """Return targets as ``(samples, units)``, or ``(samples, 1)`` class numbers.

        Raises
        ------
        ValueError
            If the shape does not fit the last layer and the loss, or a class does not exist.
        """
        units = self.architecture.units
        sparse = LOSSES[self.architecture.loss].sparse
        array = np.asarray(y) if sparse else np.asarray(y, self.dtype)
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

    def predict(self, x: ArrayLike) -> Array:
        """Return the last activation, ``(samples, units)``, for all samples at once."""
        inputs = self.check_inputs(x)
        plan = self.plan(len(inputs))
        with np.errstate(over="ignore"):
            np.copyto(plan.inputs.values, inputs)
            plan.forward()
        return plan.prediction.copy(order="C")

    def loss_and_gradients(self, x: ArrayLike, y: ArrayLike) -> tuple[float, dict[str, Array]]:
        """Return the mean loss of one batch and its gradient for every weight.

        Parameters
        ----------
        x
            ``(samples, features)``.
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
        """Update the weights once and return the loss before the update."""
        loss = self._forward_and_backward(x, y)
        optimizer.step()
        return float(loss)

    def trace_step(
        self, x: ArrayLike, y: ArrayLike, optimizer: OptimizerState | None = None
    ) -> StepTrace:
        """Take a training step and return every tensor of it; no optimizer, no update."""
        loss = self._forward_and_backward(x, y)
        plan = self.plan(len(np.asarray(x)))
        tensors = plan.tensors()
        for name, gradient in self.parameters.named(self.parameters.gradients).items():
            tensors[f"{name}_gradient"] = gradient
        if optimizer is not None:
            optimizer.step()
            tensors |= {f"{name}_updated": value for name, value in self.weights.items()}
            for slot, flat in optimizer.slots.items():
                for name, value in self.parameters.named(flat).items():
                    tensors[f"{name}_{slot}"] = value
        return StepTrace(loss, tensors)

    def _forward_and_backward(self, x: ArrayLike, y: ArrayLike) -> Any:
        inputs = self.check_inputs(x)
        plan = self.plan(len(inputs))
        with np.errstate(over="ignore"):
            np.copyto(plan.inputs.values, inputs)
            np.copyto(plan.targets, self.check_targets(y, len(inputs)))
            plan.forward()
            loss = plan.loss.forward()
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
        f"{layer.name}/{short}": values
        for layer, input_shape in zip(architecture.layers, architecture.shapes(), strict=False)
        for short, values in layer.initial_weights(input_shape, random).items()
    }


class BatchPlan:
    """All buffers of a network for one batch size, and the order in which they are filled.

    Attributes
    ----------
    inputs
        The batch: write to ``inputs.values``, or ``inputs.with_ones``.
    targets
        ``(samples, units)``, or ``(samples, 1)`` int64 for a sparse loss: write the batch's.
    outputs
        ``(samples, units)``: what the loss works on, the logits if it is fused with the last
        activation, else that activation.
    prediction
        ``(samples, units)``: where `forward` leaves the last activation.
    loss, accuracy
        Of the batch, after `forward`.
    loss_gradient
        Where ``loss.backward`` writes: the gradient of the last pre-activation if the loss is
        fused with the last activation, else that of the last activation.
    """

    def __init__(self, network: Network, samples: int) -> None:
        architecture, dtype = network.architecture, network.dtype
        self.inputs = Buffer(samples, architecture.input_shape[0], dtype)
        self.passes: list[Pass] = []
        buffer = self.inputs
        for layer in architecture.layers:
            self.passes.append(layer.bind(buffer, network.parameters, first=not self.passes))
            buffer = self.passes[-1].outputs
        self.prediction = buffer.values

        self.targets = zero_targets(architecture, buffer.gradient)
        self._names = [layer.name for layer in architecture.layers]
        last = self.passes[-1]
        self._fused = architecture.fused
        # A fused loss reads the logits and writes their gradient, past the last activation.
        self.outputs = last.pre_activation if self._fused else buffer.values
        self.loss_gradient = last.pre_activation_gradient if self._fused else buffer.gradient
        self.loss = make_loss(network, self.outputs, self.targets)
        self.accuracy = make_accuracy(architecture, self.prediction, self.targets)

    def forward(self) -> None:
        """Fill every pre-activation and activation from `inputs`."""
        self.forward_outputs()
        self.forward_prediction()

    def forward_outputs(self) -> None:
        """Fill everything up to `outputs`: all that training needs."""
        for layer in self.passes[:-1]:
            layer.forward()
        self.passes[-1].forward_pre_activation()
        if not self._fused:
            self.passes[-1].forward_activation()

    def forward_prediction(self) -> None:
        """Fill `prediction` from `outputs`."""
        if self._fused:
            self.passes[-1].forward_activation()

    def backward(self) -> None:
        """Fill every gradient, from the loss back to the first layer's weights."""
        self.loss.backward(self.loss_gradient)
        last = self.passes[-1]
        if not self._fused:
            last.backward_pre_activation()
        last.backward_weights()
        for layer in self.passes[-2::-1]:
            layer.backward()

    def tensors(self) -> dict[str, Array]:
        """Return copies of every tensor of the last batch by full name."""
        found = {
            f"{name}/{short}": tensor.copy(order="C")
            for name, layer in zip(self._names, self.passes, strict=True)
            for short, tensor in layer.tensors().items()
        }
        if self._fused:
            del found[f"{self._names[-1]}/activation_gradient"]
        return found


def zero_targets(architecture: Architecture, like: Array) -> Array:
    """Make room for targets: of the shape of the outputs, or ``(samples, 1)`` class numbers."""
    if LOSSES[architecture.loss].sparse:
        return np.zeros((like.shape[0], 1), np.int64)
    return np.zeros_like(like)


def make_loss(network: Network, outputs: Array, targets: Array) -> Loss:
    """Make a network's loss on outputs, ``(samples, units)``, that are read at each call."""
    return LOSSES[network.architecture.loss](
        outputs,
        targets,
        fused=network.architecture.fused,
        constants=network.constants,
        conventions=network.architecture.conventions,
    )


def make_accuracy(architecture: Architecture, prediction: Array, targets: Array) -> Accuracy:
    """Make a network's accuracy on predictions that are read at each call."""
    return Accuracy(prediction, targets, sparse=LOSSES[architecture.loss].sparse)
