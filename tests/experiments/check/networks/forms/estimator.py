import numpy as np


class Logistic:
    """A single neuron that draws its weights in fit."""

    def __init__(self, eta=0.1, n_iter=100):
        self.eta = eta
        self.n_iter = n_iter

    def fit(self, X, y):
        self.w = np.zeros(X.shape[1])
        self.b = 0.0
        for _ in range(self.n_iter):
            p = self.probability(X)
            self.w -= self.eta * X.T @ (p - y) / len(y)
            self.b -= self.eta * np.mean(p - y)
        return self

    def probability(self, X):
        return 1 / (1 + np.exp(-(X @ self.w + self.b)))
