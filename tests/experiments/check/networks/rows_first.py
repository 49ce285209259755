"""The article's form as somebody else keeps it: samples in rows, keys from 0, flat biases."""

import numpy as np

nn_architecture = [
    {"input_dim": 2, "output_dim": 4, "activation": "relu"},
    {"input_dim": 4, "output_dim": 1, "activation": "sigmoid"},
]


def init_layers(nn_architecture, seed=1):
    random = np.random.default_rng(seed)
    params = {}
    for i, layer in enumerate(nn_architecture):
        params[f"W{i}"] = random.normal(size=(layer["input_dim"], layer["output_dim"])) * 0.1
        params[f"b{i}"] = np.zeros(layer["output_dim"])
    return params


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def full_forward_propagation(X, params, nn_architecture=nn_architecture):
    memory = {"A0": X}
    A = X
    for i, layer in enumerate(nn_architecture):
        Z = A @ params[f"W{i}"] + params[f"b{i}"]
        A = np.maximum(Z, 0) if layer["activation"] == "relu" else sigmoid(Z)
        memory[f"Z{i}"] = Z
        memory[f"A{i + 1}"] = A
    return A, memory


def get_cost_value(Y_hat, Y):
    return float(-np.sum(Y * np.log(Y_hat) + (1 - Y) * np.log(1 - Y_hat)) / len(Y))


def full_backward_propagation(Y_hat, Y, memory, params, nn_architecture=nn_architecture):
    m = len(Y)
    grads = {}
    dZ = Y_hat - Y
    for i in reversed(range(len(nn_architecture))):
        if i < len(nn_architecture) - 1:
            S = sigmoid(memory[f"Z{i}"])
            relu = nn_architecture[i]["activation"] == "relu"
            dZ = dZ * (memory[f"Z{i}"] > 0) if relu else dZ * S * (1 - S)
        grads[f"dW{i}"] = memory[f"A{i}"].T @ dZ / m
        grads[f"db{i}"] = dZ.sum(axis=0) / m
        dZ = dZ @ params[f"W{i}"].T
    return grads


def update(params, grads, nn_architecture, learning_rate):
    return {key: params[key] - learning_rate * grads[f"d{key}"] for key in params}
