"""torch: eager, and with ``torch.compile``."""

from __future__ import annotations

from typing import Any

import torch

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.optimizers import SGD, Adam, Optimizer
from scratchnet.types import Array


class TorchEager(Implementation):
    """``nn.Sequential`` and a ``torch.optim`` optimizer, fused, in the usual loop."""

    def __init__(self, task: Task) -> None:
        self.task = task
        modules: list[Any] = []
        for kernel, bias, activation in task.layers:
            linear = torch.nn.Linear(*kernel.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
                linear.bias.copy_(torch.from_numpy(bias))
            modules += [linear, torch.nn.ReLU()] if activation == "relu" else [linear]
        self.model = torch.nn.Sequential(*modules)
        self._optimizer = _build_optimizer(task.optimizer, self.model)
        criterion = torch.nn.BCEWithLogitsLoss() if task.binary else torch.nn.CrossEntropyLoss()
        targets = task.y if task.binary else task.y.argmax(axis=1)
        self._batches = [
            (torch.from_numpy(task.x[start:stop]), torch.from_numpy(targets[start:stop]))
            for start, stop in task.bounds
        ]
        self._loss_of = self._prepare(lambda x, y: criterion(self.model(x), y))
        self._loss = torch.tensor(float("nan"))

    def _prepare(self, loss_of: Any) -> Any:
        return loss_of

    @staticmethod
    def set_threads(count: int) -> None:
        """Limit the threads within an operation."""
        torch.set_num_threads(count)

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Run the usual loop."""
        for _ in range(epochs):
            for x, y in self._batches:
                self._optimizer.zero_grad()
                self._loss = self._loss_of(x, y)
                self._loss.backward()
                self._optimizer.step()
            on_epochs(1)

    def loss(self) -> float:
        """Return the last batch's loss."""
        return float(self._loss.detach())

    def weights(self) -> dict[str, Array]:
        """Return the weights in Keras's layout."""
        linears = [module for module in self.model if isinstance(module, torch.nn.Linear)]
        return self.task.named(
            [
                (linear.weight.detach().numpy().T.copy(), linear.bias.detach().numpy().copy())
                for linear in linears
            ]
        )


class TorchCompiled(TorchEager):
    """`TorchEager` with forward pass, loss and their gradients through ``torch.compile``."""

    def _prepare(self, loss_of: Any) -> Any:
        return torch.compile(loss_of)


def _build_optimizer(rule: Optimizer, model: Any) -> Any:
    parameters = model.parameters()
    if isinstance(rule, Adam):
        return torch.optim.Adam(
            parameters,
            lr=rule.learning_rate,
            betas=(rule.beta_1, rule.beta_2),
            eps=rule.epsilon,
            fused=True,
        )
    assert isinstance(rule, SGD)
    return torch.optim.SGD(parameters, lr=rule.learning_rate, momentum=rule.momentum, fused=True)
