import numpy as np


class FullyConnected:
    def __init__(self, n_in, n_out):
        self.kernel = np.random.uniform(-1, 1, (n_in, n_out))
        self.offset_b = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.kernel + self.offset_b

    def backward(self, grad, rate):
        passed = grad @ self.kernel.T
        self.kernel -= rate * self.x.T @ grad
        self.offset_b -= rate * grad.sum(axis=0, keepdims=True)
        return passed


class Sigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, grad, rate):
        return grad * self.y * (1 - self.y)
