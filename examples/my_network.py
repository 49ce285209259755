"""A network of your own, in the class form, for `python -m experiments.check`.

Only the constructor and `gradients` are needed; the more of the other methods there are, the
finer is the verdict.

    python -m experiments.check examples/my_network.py:MyNetwork
"""

import numpy as np


class MyNetwork:
    """A multi-layer perceptron.

    Parameters
    ----------
    architecture
        ``{"input_shape": [2], "loss": "binary_crossentropy", "layers": [{"type": "dense",
        "name": "dense_1", "units": 4, "activation": "relu", "use_bias": True}, ...]}``
    weights
        By Keras's names: ``dense_1/kernel`` is ``(inputs, units)``, ``dense_1/bias`` ``(units,)``.
    """

    def __init__(self, architecture, weights):
        self.layers = architecture["layers"]
        self.loss = architecture["loss"]
        self.weights = weights

    def activations(self, x):
        """Return what every layer puts out, by layer; samples stand in rows."""
        activations = {}
        for layer in self.layers:
            name = layer["name"]
            z = x @ self.weights[f"{name}/kernel"]
            if layer["use_bias"]:
                z = z + self.weights[f"{name}/bias"]
            x = activate(layer["activation"], z)
            activations[name] = x
        return activations

    def forward(self, x):
        """Return the prediction, ``(samples, units of the last layer)``."""
        return self.activations(x)[self.layers[-1]["name"]]

    def gradients(self, x, y):
        """Return the loss of a batch, and its gradient for every weight by name."""
        activations = self.activations(x)
        prediction = activations[self.layers[-1]["name"]]
        loss, da = loss_and_gradient(self.loss, prediction, y)
        gradients = {}
        for index in reversed(range(len(self.layers))):
            layer = self.layers[index]
            name = layer["name"]
            before = activations[self.layers[index - 1]["name"]] if index else x
            dz = backward(layer["activation"], activations[name], da)
            gradients[f"{name}/kernel"] = before.T @ dz
            if layer["use_bias"]:
                gradients[f"{name}/bias"] = dz.sum(axis=0)
            da = dz @ self.weights[f"{name}/kernel"].T
        return loss, gradients

    def train_step(self, x, y, learning_rate):
        """Take one step of gradient descent; return the loss before it."""
        loss, gradients = self.gradients(x, y)
        for name, gradient in gradients.items():
            self.weights[name] = self.weights[name] - learning_rate * gradient
        return loss


def activate(name, z):
    """Return the activation of a pre-activation."""
    if name == "linear":
        return z
    if name == "relu":
        return np.maximum(z, 0)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if name == "tanh":
        return np.tanh(z)
    if name == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    raise NotImplementedError(name)


def backward(name, a, da):
    """Return the gradient of the pre-activation from that of the activation ``a``."""
    if name == "linear":
        return da
    if name == "relu":
        return da * (a > 0)
    if name == "sigmoid":
        return da * a * (1 - a)
    if name == "tanh":
        return da * (1 - a**2)
    if name == "softmax":
        return a * (da - (a * da).sum(axis=1, keepdims=True))
    raise NotImplementedError(name)


def loss_and_gradient(name, p, y):
    """Return the mean loss of a batch, and its gradient with respect to the prediction ``p``."""
    samples = len(p)
    if name == "binary_crossentropy":
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        return loss, ((1 - y) / (1 - p) - y / p) / p.size
    if name == "categorical_crossentropy":
        return -np.sum(y * np.log(p)) / samples, -y / p / samples
    if name == "mean_squared_error":
        return np.mean((p - y) ** 2), 2 * (p - y) / p.size
    raise NotImplementedError(name)
