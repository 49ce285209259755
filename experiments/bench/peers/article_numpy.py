"""The article's own functions, from ``examples/article_network.py``, in the article's loop.

Samples stand in columns, a kernel is ``(units, inputs)``, everything lives in dictionaries, every
step makes fresh arrays, and cost and accuracy are computed at each step.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.types import Array

FILE = Path(__file__).parents[3] / "examples" / "article_network.py"


def load_article() -> ModuleType:
    """Import the file; it is an example, and in no package."""
    specification = importlib.util.spec_from_file_location(FILE.stem, FILE)
    if specification is None or specification.loader is None:
        raise ImportError(f"{FILE}: cannot be imported")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class ArticleNumPy(Implementation):
    """Gradient descent the way the article teaches it."""

    def __init__(self, task: Task) -> None:
        self.article = load_article()
        self.task = task
        self.layers = [{"activation": activation} for _, _, activation in task.layers]
        self.parameters: dict[str, Array] = {}
        for number, (kernel, bias, _) in enumerate(task.layers, start=1):
            self.parameters[f"W{number}"] = kernel.T.copy()
            self.parameters[f"b{number}"] = bias.reshape(-1, 1).copy()
        self.learning_rate = vars(task.optimizer)["learning_rate"]
        self._batches = [
            (task.x[start:stop].T.copy(), task.y[start:stop].T.copy())
            for start, stop in task.bounds
        ]
        self.costs: list[float] = []
        self.accuracies: list[float] = []

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Loop over epochs and batches."""
        article, layers = self.article, self.layers
        for _ in range(epochs):
            for x, y in self._batches:
                prediction, memory = article.full_forward_propagation(x, self.parameters, layers)
                self.costs.append(article.get_cost_value(prediction, y))
                self.accuracies.append(article.get_accuracy_value(prediction, y))
                gradients = article.full_backward_propagation(
                    prediction, y, memory, self.parameters, layers
                )
                self.parameters = article.update(
                    self.parameters, gradients, layers, self.learning_rate
                )
            on_epochs(1)

    def loss(self) -> float:
        """Return the last batch's cost."""
        return float(self.costs[-1])

    def weights(self) -> dict[str, Array]:
        """Return the parameters in Keras's layout."""
        return self.task.named(
            [
                (self.parameters[f"W{number}"].T, self.parameters[f"b{number}"].ravel())
                for number in range(1, len(self.layers) + 1)
            ]
        )
