"""A training step in which any one operation can be replaced by a mistaken one.

The plainest form of forward and backward, unfused, in longdouble. With no replacement it is the
reference over again; with one it shows what a network with that mistake computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.check.cases import Case, Point, dense_layers
from experiments.check.reference import Tensors
from experiments.check.tensor_names import LOSS
from scratchnet.activations import ACTIVATIONS
from scratchnet.types import Array

Value = Callable[["At"], Array]
"""What mistaken code computes at a place."""

PLACES = (
    "pre_activation",
    "activation",
    "loss",
    "loss_gradient",
    "pre_activation_gradient",
    "kernel_gradient",
    "bias_gradient",
    "input_gradient",
    "kernel_updated",
    "bias_updated",
)
"""Where an operation can be replaced; ``loss`` and ``loss_gradient`` belong to the last layer."""


class ImpossibleError(ValueError):
    """A mistake cannot be made at a place, as a transposed kernel of another shape."""


class Replay:
    """A step of a dense network, operation by operation.

    Parameters
    ----------
    case, point
        Where it starts.
    replacements
        By place, see `PLACES`: the layers in which to replace, and by what.

    Attributes
    ----------
    x, y
        Batch; targets one-hot where they are classes.
    kernel, bias, z, a, da, dz, kernel_gradient, bias_gradient
        By layer index; ``a[-1]`` is the prediction. A bias that does not exist is 0.
    samples, units, learning_rate
        Numbers of the case.
    activations
        Name of each layer's activation.
    """

    def __init__(
        self,
        case: Case,
        point: Point,
        replacements: Mapping[str, tuple[Sequence[int], Value]] | None = None,
    ) -> None:
        self._replacements = replacements or {}
        self._layers = dense_layers(case.architecture)
        count = len(self._layers)
        self._start = case, point
        exact = point.rounded(np.longdouble)
        self.loss_name = case.architecture.loss.name
        self.x, self.y = exact.x, exact.y
        if "sparse" in self.loss_name:
            self.y = np.eye(case.architecture.units, dtype=np.longdouble)[exact.y[:, 0]]
        self.samples, self.units = len(self.x), case.architecture.units
        self.learning_rate = np.longdouble(case.learning_rate)
        self.activations = [layer.activation for layer in self._layers]
        self.kernel = [exact.weights[f"{layer.name}/kernel"] for layer in self._layers]
        self.bias = [
            exact.weights.get(f"{layer.name}/bias", np.zeros(layer.units, np.longdouble))
            for layer in self._layers
        ]
        self.z: list[Array] = []
        self.a: list[Array] = []
        self.da: list[Array] = [np.zeros(0)] * count
        self.dz: list[Array] = [np.zeros(0)] * count
        self.kernel_gradient: list[Array] = [np.zeros(0)] * count
        self.bias_gradient: list[Array] = [np.zeros(0)] * count
        self.kernel_updated: list[Array] = []
        self.bias_updated: list[Array] = []
        with np.errstate(all="ignore"):
            self._forward()
            self._backward()
            self._update()

    def before(self, layer: int) -> Array:
        """Return the input of a layer: the activation before it."""
        return self.a[layer - 1] if layer else self.x

    def _forward(self) -> None:
        for i, name in enumerate(self.activations):
            z = self.before(i) @ self.kernel[i] + self.bias[i]
            self.z.append(self._replaced("pre_activation", i, z))
            self.a.append(self._replaced("activation", i, activate(name, self.z[i])))
        last = len(self.activations) - 1
        self.loss = self._replaced("loss", last, loss_value(self.loss_name, self.a[-1], self.y))

    def _backward(self) -> None:
        last = len(self.activations) - 1
        right = loss_gradient(self.loss_name, self.a[-1], self.y)
        self.da[last] = self._replaced("loss_gradient", last, right)
        for i in range(last, -1, -1):
            dz = backward(self.activations[i], self.z[i], self.a[i], self.da[i])
            self.dz[i] = self._replaced("pre_activation_gradient", i, dz)
            self.kernel_gradient[i] = self._replaced(
                "kernel_gradient", i, self.before(i).T @ self.dz[i]
            )
            self.bias_gradient[i] = self._replaced("bias_gradient", i, self.dz[i].sum(axis=0))
            if i:
                self.da[i - 1] = self._replaced("input_gradient", i, self.dz[i] @ self.kernel[i].T)

    def _update(self) -> None:
        for i in range(len(self.activations)):
            kernel = self._stepped(self.kernel[i], self.kernel_gradient[i])
            bias = self._stepped(self.bias[i], self.bias_gradient[i])
            self.kernel_updated.append(self._replaced("kernel_updated", i, kernel))
            self.bias_updated.append(self._replaced("bias_updated", i, bias))

    def _stepped(self, weight: Array, gradient: Array) -> Array:
        # A mistaken gradient may have a shape that no update takes.
        if gradient.shape != weight.shape:
            return weight
        stepped: Array = weight - self.learning_rate * gradient
        return stepped

    def _replaced(self, place: str, layer: int, right: Array) -> Array:
        if place not in self._replacements:
            return right
        layers, replacement = self._replacements[place]
        if layer not in layers:
            return right
        return np.asarray(replacement(At(self, layer, place, right)))

    def from_the_start(self, place: str, value: Value) -> Replay:
        """Return another replay of the step, with one operation replaced in every layer."""
        return Replay(*self._start, {place: (range(len(self._layers)), value)})

    def tensors(self) -> Tensors:
        """Return every tensor by full name, as the reference names them."""
        found: Tensors = {LOSS: np.asarray(self.loss)}
        for i, layer in enumerate(self._layers):
            found |= {
                f"{layer.name}/pre_activation": self.z[i],
                f"{layer.name}/activation": self.a[i],
                f"{layer.name}/kernel_gradient": self.kernel_gradient[i],
                f"{layer.name}/bias_gradient": self.bias_gradient[i],
                f"{layer.name}/kernel_updated": self.kernel_updated[i],
                f"{layer.name}/bias_updated": self.bias_updated[i],
            }
        return found


class At:
    """A place in a replay: what an operation has at hand, and what it should compute.

    Parameters
    ----------
    replay, index, place
        The step, the layer, and which of `PLACES`.
    right
        The right value at this place.
    """

    def __init__(self, replay: Replay, index: int, place: str, right: Array) -> None:
        self.replay = replay
        self.index = index
        self.place = place
        self.right = right

    @property
    def activation(self) -> str:
        """Name of the layer's activation."""
        return self.replay.activations[self.index]

    @property
    def is_last(self) -> bool:
        """Whether the layer is the last."""
        return self.index == len(self.replay.activations) - 1

    @property
    def m(self) -> np.longdouble:
        """Batch size."""
        return np.longdouble(self.replay.samples)

    @property
    def units(self) -> int:
        """Number of outputs of the network."""
        return self.replay.units

    @property
    def layer_inputs(self) -> np.longdouble:
        """Number of inputs of the layer."""
        return np.longdouble(self.kernel.shape[0])

    @property
    def layer_units(self) -> np.longdouble:
        """Number of units of the layer."""
        return np.longdouble(self.kernel.shape[1])

    @property
    def rate(self) -> np.longdouble:
        """Learning rate."""
        return self.replay.learning_rate

    @property
    def x(self) -> Array:
        """Input of the network."""
        return self.replay.x

    @property
    def y(self) -> Array:
        """Targets."""
        return self.replay.y

    @property
    def p(self) -> Array:
        """Prediction."""
        return self.replay.a[-1]

    @property
    def input(self) -> Array:
        """Input of the layer."""
        return self.replay.before(self.index)

    @property
    def kernel(self) -> Array:
        """Kernel, ``(inputs, units)``."""
        return self.replay.kernel[self.index]

    @property
    def bias(self) -> Array:
        """Bias, ``(units,)``."""
        return self.replay.bias[self.index]

    @property
    def z(self) -> Array:
        """Pre-activation."""
        return self.replay.z[self.index]

    @property
    def a(self) -> Array:
        """Activation."""
        return self.replay.a[self.index]

    @property
    def da(self) -> Array:
        """Gradient of the activation."""
        return self.replay.da[self.index]

    @property
    def dz(self) -> Array:
        """Gradient of the pre-activation."""
        return self.replay.dz[self.index]

    @property
    def weight(self) -> Array:
        """Kernel or bias, whichever is being updated."""
        return self.kernel if self.right.ndim == 2 else self.bias

    @property
    def gradient(self) -> Array:
        """Gradient of `weight`."""
        kernel = self.right.ndim == 2
        gradients = self.replay.kernel_gradient if kernel else self.replay.bias_gradient
        return gradients[self.index]

    @property
    def z_before(self) -> Array:
        """Pre-activation of the layer before."""
        if not self.index:
            raise ImpossibleError
        return self.replay.z[self.index - 1]

    def neighbour(self, name: str, distance: int) -> Array:
        """Return the array of this name of another layer, if it has this layer's shape."""
        arrays: list[Array] = getattr(self.replay, name)
        other = self.index + distance
        if not 0 <= other < len(arrays) or arrays[other].shape != arrays[self.index].shape:
            raise ImpossibleError
        return arrays[other]

    def transposed_kernel(self) -> Array:
        """Return the kernel transposed, if it is square."""
        if self.kernel.shape[0] != self.kernel.shape[1]:
            raise ImpossibleError
        return self.kernel.T

    def network_input(self) -> Array:
        """Return the input of the network, where a layer could take it for its own."""
        if not self.index or self.x.shape != self.input.shape:
            raise ImpossibleError
        return self.x


def activate(name: str, z: Array) -> Array:
    """Return the activation of a pre-activation; by scratchnet's formula where none stands here."""
    a: Array = z
    if name == "relu":
        a = np.maximum(z, 0)
    elif name == "sigmoid":
        a = 1 / (1 + np.exp(-z))
    elif name == "tanh":
        a = np.tanh(z)
    elif name == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        a = e / e.sum(axis=1, keepdims=True)
    elif name != "linear":
        a = ACTIVATIONS[name].of(z)
    return a


def backward(name: str, z: Array, a: Array, da: Array) -> Array:
    """Return the gradient of the pre-activation from that of the activation."""
    dz: Array = da
    if name == "relu":
        dz = np.where(z > 0, da, 0)
    elif name == "sigmoid":
        dz = da * a * (1 - a)
    elif name == "tanh":
        dz = da * (1 - a * a)
    elif name == "softmax":
        dz = a * (da - (a * da).sum(axis=1, keepdims=True))
    elif name != "linear":
        dz = ACTIVATIONS[name].gradient(z, a, da)
    return dz


def loss_value(name: str, p: Array, y: Array) -> Array:
    """Return the mean loss of a batch; over the units too, where each has a loss of its own."""
    if name == "binary_crossentropy":
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    if name == "mean_squared_error":
        return np.asarray(np.mean((p - y) ** 2))
    return np.asarray(-np.sum(y * np.log(p)) / len(p))


def loss_gradient(name: str, p: Array, y: Array) -> Array:
    """Return the gradient of the mean loss with respect to the prediction."""
    gradient: Array = -y / p / len(p)
    if name == "binary_crossentropy":
        gradient = ((1 - y) / (1 - p) - y / p) / p.size
    elif name == "mean_squared_error":
        gradient = 2 * (p - y) / p.size
    return gradient
