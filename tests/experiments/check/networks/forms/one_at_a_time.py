import numpy as np


class OneByOne:
    """Takes one sample, a flat array."""

    def __init__(self, shape):
        self.layers = [
            {"w": np.random.randn(b, a), "b": np.random.randn(b)} for a, b in zip(shape, shape[1:])
        ]

    def forward(self, x):
        self.acts = [np.asarray(x)]
        for layer in self.layers:
            self.acts.append(np.tanh(layer["w"] @ self.acts[-1] + layer["b"]))
        return self.acts[-1]

    def backprop(self, x, target, eta):
        delta = self.forward(x) - target
        for i in reversed(range(len(self.layers))):
            delta = delta * (1 - self.acts[i + 1] ** 2)
            passed = self.layers[i]["w"].T @ delta
            self.layers[i]["w"] -= eta * np.outer(delta, self.acts[i])
            self.layers[i]["b"] -= eta * delta
            delta = passed
