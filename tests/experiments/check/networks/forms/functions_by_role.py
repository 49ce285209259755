import numpy as np


def initial_parameters(dims):
    table = {}
    for n in range(1, len(dims)):
        table[f"W{n}"] = np.random.randn(dims[n], dims[n - 1]) * 0.3
        table[f"b{n}"] = np.zeros((dims[n], 1))
    return table


def model_forward(X, parameters):
    A, caches = X, []
    depth = len(parameters) // 2
    for n in range(1, depth + 1):
        Z = parameters[f"W{n}"] @ A + parameters[f"b{n}"]
        caches.append((A, Z))
        A = np.tanh(Z) if n < depth else 1 / (1 + np.exp(-Z))
    return A, caches


def compute_cost(AL, Y):
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / Y.shape[1]


def model_backward(AL, Y, caches, parameters):
    m, grads, dZ = Y.shape[1], {}, AL - Y
    for n in reversed(range(1, len(caches) + 1)):
        before, _ = caches[n - 1]
        grads[f"dW{n}"] = dZ @ before.T / m
        grads[f"db{n}"] = dZ.sum(axis=1, keepdims=True) / m
        if n > 1:
            dZ = parameters[f"W{n}"].T @ dZ * (1 - before**2)
    return grads


def update_parameters(parameters, grads, learning_rate):
    return {k: v - learning_rate * grads["d" + k] for k, v in parameters.items()}
