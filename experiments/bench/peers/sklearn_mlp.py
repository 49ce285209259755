"""scikit-learn's multi-layer perceptron."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.optimizers import Adam
from scratchnet.types import Array


class SklearnMLP(Implementation):
    """``MLPClassifier.fit`` with penalty, shuffling and early stopping off.

    Momentum and Adam's moments start again at each call of ``fit``, the weights do not
    (``warm_start``).
    """

    loss_is = "epoch mean"
    reports_each_epoch = False

    def __init__(self, task: Task) -> None:
        rule = task.optimizer
        settings = (
            {"solver": "adam", "beta_1": rule.beta_1, "beta_2": rule.beta_2}
            | {"epsilon": rule.epsilon}
            if isinstance(rule, Adam)
            else {"solver": "sgd", "momentum": vars(rule)["momentum"], "nesterovs_momentum": False}
        )
        self.task = task
        self.labels = task.y.ravel() if task.binary else task.y.argmax(axis=1)
        self.model = MLPClassifier(
            hidden_layer_sizes=[len(bias) for _, bias, _ in task.layers[:-1]],
            activation="relu",
            alpha=0.0,
            batch_size=task.batch_size,
            learning_rate_init=vars(rule)["learning_rate"],
            shuffle=False,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            **settings,
        )
        # Only a first fit makes the places for the weights.
        self.train(1, lambda epochs: None)  # noqa: ARG005
        self.model.coefs_ = [kernel.copy() for kernel, _, _ in task.layers]
        self.model.intercepts_ = [bias.copy() for _, bias, _ in task.layers]

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call ``fit`` once."""
        self.model.max_iter = epochs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(self.task.x, self.labels)
        on_epochs(epochs)

    def loss(self) -> float:
        """Return the last entry of the loss curve."""
        return float(self.model.loss_curve_[-1])

    def weights(self) -> dict[str, Array]:
        """Return coefficients and intercepts."""
        return self.task.named(list(zip(self.model.coefs_, self.model.intercepts_, strict=True)))
