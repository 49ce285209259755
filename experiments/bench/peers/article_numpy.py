"""The article's own way in NumPy, in our words and with its mistakes mended.

Samples stand in columns, a kernel is ``(units, inputs)``, everything lives in dictionaries, and
every step makes fresh arrays. It follows the article's formulas, as ``dA = -(Y/A - (1-Y)/(1-A))``
and the cost and accuracy that it computes at each step.
"""

from __future__ import annotations

import numpy as np

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.types import Array


class ArticleNumPy(Implementation):
    """Gradient descent the way the article teaches it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters: dict[str, Array] = {}
        for number, (kernel, bias, _) in enumerate(task.layers, start=1):
            self.parameters[f"W{number}"] = kernel.T.copy()
            self.parameters[f"b{number}"] = bias.reshape(-1, 1)
        self.activations = [activation for _, _, activation in task.layers]
        self.learning_rate = vars(task.optimizer)["learning_rate"]
        self._batches = [
            (task.x[start:stop].T.copy(), task.y[start:stop].T.copy())
            for start, stop in task.bounds
        ]
        self.costs: list[float] = []
        self.accuracies: list[float] = []

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Loop over epochs and batches."""
        for _ in range(epochs):
            for x, y in self._batches:
                prediction, memory = propagate_forward(x, self.parameters, self.activations)
                self.costs.append(cost(prediction, y))
                self.accuracies.append(float(((prediction > 0.5) == y).all(axis=0).mean()))
                gradients = propagate_backward(
                    prediction, y, memory, self.parameters, self.activations
                )
                self.parameters = update(self.parameters, gradients, self.learning_rate)
            on_epochs(1)

    def loss(self) -> float:
        """Return the last batch's cost."""
        return self.costs[-1]

    def weights(self) -> dict[str, Array]:
        """Return the parameters in Keras's layout."""
        return self.task.named(
            [
                (self.parameters[f"W{number}"].T, self.parameters[f"b{number}"].ravel())
                for number in range(1, len(self.activations) + 1)
            ]
        )


def propagate_forward(
    x: Array, parameters: dict[str, Array], activations: list[str]
) -> tuple[Array, dict[str, Array]]:
    """Return the prediction, and every A and Z by name."""
    memory = {}
    a = x
    for number, activation in enumerate(activations, start=1):
        memory[f"A{number - 1}"] = a
        z = parameters[f"W{number}"] @ a + parameters[f"b{number}"]
        memory[f"Z{number}"] = z
        a = np.maximum(0, z) if activation == "relu" else 1 / (1 + np.exp(-z))
    return a, memory


def cost(prediction: Array, y: Array) -> float:
    """Return the mean cross-entropy."""
    return float(-np.mean(y * np.log(prediction) + (1 - y) * np.log(1 - prediction)))


def propagate_backward(
    prediction: Array,
    y: Array,
    memory: dict[str, Array],
    parameters: dict[str, Array],
    activations: list[str],
) -> dict[str, Array]:
    """Return the gradients by name."""
    samples = y.shape[1]
    gradients = {}
    da = -(y / prediction - (1 - y) / (1 - prediction))
    for number in range(len(activations), 0, -1):
        z = memory[f"Z{number}"]
        if activations[number - 1] == "relu":
            dz = np.array(da, copy=True)
            dz[z <= 0] = 0
        else:
            sigmoid = 1 / (1 + np.exp(-z))
            dz = da * sigmoid * (1 - sigmoid)
        gradients[f"dW{number}"] = dz @ memory[f"A{number - 1}"].T / samples
        gradients[f"db{number}"] = np.sum(dz, axis=1, keepdims=True) / samples
        da = parameters[f"W{number}"].T @ dz
    return gradients


def update(
    parameters: dict[str, Array], gradients: dict[str, Array], learning_rate: float
) -> dict[str, Array]:
    """Return the parameters after a step of gradient descent."""
    return {
        name: value - learning_rate * gradients[f"d{name}"] for name, value in parameters.items()
    }
