"""The article's network in the article's form, written out for `python -m experiments.check`.

Samples stand in columns: ``X`` is ``(features, samples)``, ``Y`` is ``(1, samples)``. Layer 1
has the kernel ``W1``, ``(units, inputs)``, and the bias ``b1``, ``(units, 1)``.

    python -m experiments.check examples/article_network.py
    python examples/article_network.py
"""

import numpy as np

NN_ARCHITECTURE = [
    {"input_dim": 2, "output_dim": 4, "activation": "relu"},
    {"input_dim": 4, "output_dim": 6, "activation": "relu"},
    {"input_dim": 6, "output_dim": 6, "activation": "relu"},
    {"input_dim": 6, "output_dim": 4, "activation": "relu"},
    {"input_dim": 4, "output_dim": 1, "activation": "sigmoid"},
]


def init_layers(nn_architecture, seed=99):
    """Draw small random weights for every layer."""
    np.random.seed(seed)  # noqa: NPY002 - the article's own stream of numbers
    params_values = {}
    for number, layer in enumerate(nn_architecture, start=1):
        units, inputs = layer["output_dim"], layer["input_dim"]
        params_values[f"W{number}"] = np.random.randn(units, inputs) * 0.1  # noqa: NPY002
        params_values[f"b{number}"] = np.random.randn(units, 1) * 0.1  # noqa: NPY002
    return params_values


def sigmoid(Z):
    """1 / (1 + e^-Z)."""
    return 1 / (1 + np.exp(-Z))


def relu(Z):
    """max(0, Z)."""
    return np.maximum(0, Z)


def sigmoid_backward(dA, Z):
    """Gradient of the loss with respect to Z, from that with respect to A."""
    S = sigmoid(Z)
    return dA * S * (1 - S)


def relu_backward(dA, Z):
    """Gradient of the loss with respect to Z, from that with respect to A."""
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def single_layer_forward_propagation(A_prev, W_curr, b_curr, activation="relu"):
    """Return the layer's activation and its pre-activation."""
    Z_curr = np.dot(W_curr, A_prev) + b_curr
    if activation == "relu":
        return relu(Z_curr), Z_curr
    if activation == "sigmoid":
        return sigmoid(Z_curr), Z_curr
    raise ValueError(f"unknown activation {activation!r}")


def full_forward_propagation(X, params_values, nn_architecture):
    """Return the last activation, and every A and Z on the way."""
    memory = {}
    A_curr = X
    for number, layer in enumerate(nn_architecture, start=1):
        A_prev = A_curr
        A_curr, Z_curr = single_layer_forward_propagation(
            A_prev,
            params_values[f"W{number}"],
            params_values[f"b{number}"],
            layer["activation"],
        )
        memory[f"A{number - 1}"] = A_prev
        memory[f"Z{number}"] = Z_curr
    return A_curr, memory


def get_cost_value(Y_hat, Y):
    """Mean binary cross-entropy of the batch."""
    m = Y_hat.shape[1]
    cost = -1 / m * (np.dot(Y, np.log(Y_hat).T) + np.dot(1 - Y, np.log(1 - Y_hat).T))
    return np.squeeze(cost)


def convert_prob_into_class(probs):
    """1 where the probability is above a half, else 0."""
    return (probs > 0.5).astype(probs.dtype)


def get_accuracy_value(Y_hat, Y):
    """Share of the samples whose class is right."""
    return (convert_prob_into_class(Y_hat) == Y).all(axis=0).mean()


def single_layer_backward_propagation(dA_curr, W_curr, b_curr, Z_curr, A_prev, activation="relu"):
    """Return the gradients of the layer's input, kernel and bias."""
    assert b_curr.shape == (len(W_curr), 1)
    m = A_prev.shape[1]
    if activation == "relu":
        dZ_curr = relu_backward(dA_curr, Z_curr)
    elif activation == "sigmoid":
        dZ_curr = sigmoid_backward(dA_curr, Z_curr)
    else:
        raise ValueError(f"unknown activation {activation!r}")
    dW_curr = np.dot(dZ_curr, A_prev.T) / m
    db_curr = np.sum(dZ_curr, axis=1, keepdims=True) / m
    dA_prev = np.dot(W_curr.T, dZ_curr)
    return dA_prev, dW_curr, db_curr


def full_backward_propagation(Y_hat, Y, memory, params_values, nn_architecture):
    """Return the gradient of every kernel and bias."""
    grads_values = {}
    Y = Y.reshape(Y_hat.shape)
    dA_prev = -(np.divide(Y, Y_hat) - np.divide(1 - Y, 1 - Y_hat))
    for number in range(len(nn_architecture), 0, -1):
        dA_curr = dA_prev
        dA_prev, dW_curr, db_curr = single_layer_backward_propagation(
            dA_curr,
            params_values[f"W{number}"],
            params_values[f"b{number}"],
            memory[f"Z{number}"],
            memory[f"A{number - 1}"],
            nn_architecture[number - 1]["activation"],
        )
        grads_values[f"dW{number}"] = dW_curr
        grads_values[f"db{number}"] = db_curr
    return grads_values


def update(params_values, grads_values, nn_architecture, learning_rate):
    """Take one step of gradient descent."""
    for number in range(1, len(nn_architecture) + 1):
        params_values[f"W{number}"] -= learning_rate * grads_values[f"dW{number}"]
        params_values[f"b{number}"] -= learning_rate * grads_values[f"db{number}"]
    return params_values


def train(X, Y, nn_architecture, epochs, learning_rate):
    """Train on the whole batch; return the weights, and cost and accuracy of every epoch."""
    params_values = init_layers(nn_architecture, 2)
    cost_history, accuracy_history = [], []
    for _ in range(epochs):
        Y_hat, memory = full_forward_propagation(X, params_values, nn_architecture)
        cost_history.append(get_cost_value(Y_hat, Y))
        accuracy_history.append(get_accuracy_value(Y_hat, Y))
        grads_values = full_backward_propagation(Y_hat, Y, memory, params_values, nn_architecture)
        params_values = update(params_values, grads_values, nn_architecture, learning_rate)
    return params_values, cost_history, accuracy_history


if __name__ == "__main__":
    # Two rings, and one hidden layer: from weights this small the deeper network above takes long.
    angle = np.linspace(0, 2 * np.pi, 100)
    X = np.vstack([np.cos(angle), np.sin(angle)]) * np.repeat([1.0, 2.0], 50)
    Y = np.repeat([[0.0, 1.0]], 50, axis=1)
    small = [
        {"input_dim": 2, "output_dim": 8, "activation": "relu"},
        {"input_dim": 8, "output_dim": 1, "activation": "sigmoid"},
    ]
    _, costs, accuracies = train(X, Y, small, 2000, 1.0)
    print(f"cost {costs[-1]:.3f}, accuracy {accuracies[-1]:.2f}")
