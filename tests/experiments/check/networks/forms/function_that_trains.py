import numpy as np


def fit_model(X, y, units=12, lr=0.05, epochs=300):
    n, d = X.shape
    rng = np.random.default_rng(6)
    W1, b1 = rng.normal(size=(d, units)), np.zeros(units)
    W2, b2 = rng.normal(size=(units, 1)), np.zeros(1)
    for _ in range(epochs):
        H = np.tanh(X @ W1 + b1)
        out = H @ W2 + b2
        diff = out - y.reshape(-1, 1)
        cost = np.mean(diff**2)
        g2 = 2 * diff / n
        g1 = g2 @ W2.T * (1 - H * H)
        W2, b2 = W2 - lr * H.T @ g2, b2 - lr * g2.sum(axis=0)
        W1, b1 = W1 - lr * X.T @ g1, b1 - lr * g1.sum(axis=0)
    return W1, b1, W2, b2, cost
