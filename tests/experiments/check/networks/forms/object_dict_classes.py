import numpy as np


class Classifier:
    """A dict of parameters; class numbers as targets; loss and gradients from one method."""

    def __init__(self, n_in, n_hidden, n_out):
        g = np.random.RandomState(2)
        self.params = {"W1": 0.1 * g.randn(n_in, n_hidden), "b1": np.zeros(n_hidden)}
        self.params |= {"W2": 0.1 * g.randn(n_hidden, n_out), "b2": np.zeros(n_out)}

    def loss_and_grads(self, X, y):
        P = self.params
        hidden = np.maximum(X @ P["W1"] + P["b1"], 0)
        scores = hidden @ P["W2"] + P["b2"]
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        chance /= chance.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        value = -np.log(chance[rows, y]).mean()
        chance[rows, y] -= 1
        chance /= len(y)
        back = chance @ P["W2"].T
        back[hidden <= 0] = 0
        return value, {
            "W1": X.T @ back,
            "b1": back.sum(0),
            "W2": hidden.T @ chance,
            "b2": chance.sum(0),
        }
