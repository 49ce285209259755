"""scratchnet itself."""

from __future__ import annotations

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet import Network, OptimizerState, fit
from scratchnet.types import Array


class ScratchnetFit(Implementation):
    """``scratchnet.fit`` as a user calls it, loss and accuracy of every epoch included."""

    loss_is = "epoch mean"

    def __init__(self, task: Task) -> None:
        self.task = task
        self.network = Network(task.architecture, seed=0, dtype="float32")
        self.network.set_weights(task.weights)
        self._optimizer = OptimizerState(task.optimizer, self.network.parameters)
        self._loss = float("nan")

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call ``fit`` once."""
        samples, batch_size = len(self.task.x), self.task.batch_size
        history = fit(
            self.network,
            self.task.x,
            self.task.y,
            optimizer=self._optimizer,
            epochs=epochs,
            batch_size=None if batch_size >= samples else batch_size,
            on_epoch_end=lambda epoch, history: on_epochs(1),  # noqa: ARG005
        )
        self._loss = history.loss[-1]

    def loss(self) -> float:
        """Return the last epoch's loss in the history."""
        return self._loss

    def weights(self) -> dict[str, Array]:
        """Return the network's weights."""
        return self.network.weights
