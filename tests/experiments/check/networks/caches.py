"""The article's form with a list of tuples for a memory, a clipped cost, and no dA anywhere."""

import numpy as np


def init_layers(nn_architecture, seed=99, scale=0.1, verbose=False):
    random = np.random.RandomState(seed)
    params = {}
    for i, layer in enumerate(nn_architecture, start=1):
        params[f"W{i}"] = random.randn(layer["output_dim"], layer["input_dim"]) * scale
        params[f"b{i}"] = np.zeros((layer["output_dim"], 1))
    return params


def full_forward_propagation(X, params_values, nn_architecture, keep_memory=True):
    caches = []
    A = X
    for i, layer in enumerate(nn_architecture, start=1):
        Z = params_values[f"W{i}"] @ A + params_values[f"b{i}"]
        caches.append((A, Z, params_values[f"W{i}"]))
        A = np.maximum(0, Z) if layer["activation"] == "relu" else 1 / (1 + np.exp(-Z))
    return A, caches


def get_cost_value(Y_hat, Y, eps=1e-12):
    m = Y.shape[1]
    Y_hat = np.clip(Y_hat, eps, 1 - eps)
    cost = -(1 / m) * np.sum(Y * np.log(Y_hat) + (1 - Y) * np.log(1 - Y_hat))
    return cost, np.mean((Y_hat > 0.5) == Y)


def full_backward_propagation(Y_hat, Y, caches, params_values, nn_architecture):
    m = Y.shape[1]
    grads = {}
    dZ = Y_hat - Y
    dA = None
    for i in range(len(nn_architecture), 0, -1):
        A_prev, Z, W = caches[i - 1]
        if i < len(nn_architecture):
            S = 1 / (1 + np.exp(-Z))
            relu = nn_architecture[i - 1]["activation"] == "relu"
            dZ = dA * (Z > 0) if relu else dA * S * (1 - S)
        grads[f"dW{i}"] = 1 / m * dZ @ A_prev.T
        grads[f"db{i}"] = 1 / m * np.sum(dZ, axis=1, keepdims=True)
        dA = W.T @ dZ
    return grads


def update(params_values, grads_values, nn_architecture, learning_rate):
    for i in range(1, len(nn_architecture) + 1):
        for letter in "Wb":
            step = learning_rate * grads_values[f"d{letter}{i}"]
            params_values[f"{letter}{i}"] = params_values[f"{letter}{i}"] - step
