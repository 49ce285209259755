import numpy as np


class Leaky:
    """No network of Keras's dense layers as the check has them, and right by itself."""

    def __init__(self, sizes):
        self.W = [np.random.randn(a, b) * 0.4 for a, b in zip(sizes, sizes[1:])]

    def forward(self, x):
        self.zs, self.outs = [], [x]
        for w in self.W:
            z = self.outs[-1] @ w
            self.zs.append(z)
            self.outs.append(np.where(z > 0, z, 0.1 * z))
        return self.outs[-1]

    def loss(self, x, y):
        return np.mean((self.forward(x) - y) ** 2)

    def train(self, x, y, lr):
        d = 2 * (self.forward(x) - y) / y.size
        for i in reversed(range(len(self.W))):
            d = d * np.where(self.zs[i] > 0, 1, 0.1)
            step = self.outs[i].T @ d
            d = d @ self.W[i].T
            self.W[i] -= lr * step
