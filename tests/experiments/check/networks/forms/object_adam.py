import numpy as np


class AdamNet:
    """Adam in its step."""

    def __init__(self, sizes, lr=0.01):
        rng = np.random.default_rng(0)
        self.W = [rng.normal(0, 0.4, s) for s in zip(sizes, sizes[1:])]
        self.b = [np.zeros(n) for n in sizes[1:]]
        self.m = [np.zeros_like(p) for p in self.W + self.b]
        self.v = [np.zeros_like(p) for p in self.W + self.b]
        self.lr, self.steps = lr, 0

    def forward(self, x):
        self.seen = [x]
        for i, (w, b) in enumerate(zip(self.W, self.b)):
            z = self.seen[-1] @ w + b
            last = i == len(self.W) - 1
            self.seen.append(1 / (1 + np.exp(-z)) if last else np.maximum(z, 0))
        return self.seen[-1]

    def backward(self, y):
        p = self.seen[-1]
        d, grads_W, grads_b = (p - y) / p.size, [], []
        for i in reversed(range(len(self.W))):
            grads_W.insert(0, self.seen[i].T @ d)
            grads_b.insert(0, d.sum(axis=0))
            d = d @ self.W[i].T * (self.seen[i] > 0)
        return grads_W + grads_b

    def train_step(self, x, y):
        self.forward(x)
        grads = self.backward(y)
        self.steps += 1
        rate = self.lr * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        for i, (p, g) in enumerate(zip(self.W + self.b, grads)):
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.999 * self.v[i] + 0.001 * g * g
            p -= rate * self.m[i] / (np.sqrt(self.v[i]) + 1e-8)
