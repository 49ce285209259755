import numpy as np


def squash(v):
    return 1 / (1 + np.exp(-v))


class Stack:
    """Lists of weights, samples in rows, half the squared error summed over the batch."""

    def __init__(self, widths):
        draw = np.random.default_rng(4)
        pairs = list(zip(widths, widths[1:]))
        self.weights = [draw.normal(size=pair) for pair in pairs]
        self.biases = [np.zeros(units) for _, units in pairs]

    def run(self, x):
        kept = [x]
        for w, b in zip(self.weights, self.biases):
            kept.append(squash(kept[-1] @ w + b))
        return kept

    def loss(self, x, y):
        return 0.5 * np.sum((self.run(x)[-1] - y) ** 2)

    def train(self, x, y, rate):
        kept = self.run(x)
        error = kept[-1] - y
        for i in reversed(range(len(self.weights))):
            slope = error * kept[i + 1] * (1 - kept[i + 1])
            error = slope @ self.weights[i].T
            self.weights[i] -= rate * kept[i].T @ slope
            self.biases[i] -= rate * slope.sum(axis=0)
