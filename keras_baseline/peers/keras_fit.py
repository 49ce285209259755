"""Keras as people write it, and Keras at its best, on whatever backend Keras runs on."""

from __future__ import annotations

from typing import Any

import keras

from keras_baseline.model import build
from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from keras_baseline.weights import get_weights, set_weights
from scratchnet.types import Array


class KerasImplementation(Implementation):
    """A Keras model with the task's weights, compiled."""

    def __init__(self, task: Task, **compile_options: Any) -> None:
        self.task = task
        self.model = build(task.architecture, "float32")
        set_weights(self.model, task.weights)
        name = type(task.optimizer).__name__
        self.model.compile(
            optimizer=getattr(keras.optimizers, name)(**vars(task.optimizer)),
            loss=task.architecture.loss.name,
            **compile_options,
        )

    @staticmethod
    def set_threads(count: int) -> None:
        """Limit the threads of Keras's backend."""
        backend = keras.config.backend()
        if backend == "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(count)
            tf.config.threading.set_inter_op_parallelism_threads(count)
        elif backend == "torch":
            import torch

            torch.set_num_threads(count)

    def weights(self) -> dict[str, Array]:
        """Return the model's weights."""
        return get_weights(self.model)


class KerasFit(KerasImplementation):
    """``model.compile(..., metrics=["accuracy"])`` and ``model.fit(x, y, ...)``, no more."""

    loss_is = "epoch mean"

    def __init__(self, task: Task) -> None:
        super().__init__(task, metrics=["accuracy"])
        self._loss = float("nan")

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call ``fit`` once, silently."""
        history = self.model.fit(
            self.task.x,
            self.task.y,
            batch_size=self.task.batch_size,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[_epoch_end(on_epochs)],
        )
        self._loss = history.history["loss"][-1]

    def loss(self) -> float:
        """Return the last epoch's loss in the history."""
        return float(self._loss)


class KerasFitTuned(KerasImplementation):
    """``fit`` with every switch on: XLA, a cached ``tf.data`` pipeline, many steps at a time.

    No metric is computed but the loss, and a whole epoch is one call into the compiled function
    (``steps_per_execution``).
    """

    loss_is = "epoch mean"

    def __init__(self, task: Task) -> None:
        import tensorflow as tf

        steps = len(task.bounds)
        super().__init__(task, jit_compile=True, steps_per_execution=steps)
        self._batches = (
            tf.data.Dataset.from_tensor_slices((task.x, task.y))
            .batch(task.batch_size)
            .cache()
            .prefetch(tf.data.AUTOTUNE)
        )
        self._loss = float("nan")

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call ``fit`` once, silently."""
        history = self.model.fit(
            self._batches, epochs=epochs, verbose=0, callbacks=[_epoch_end(on_epochs)]
        )
        self._loss = history.history["loss"][-1]

    def loss(self) -> float:
        """Return the last epoch's loss in the history."""
        return float(self._loss)


class KerasTrainOnBatch(KerasImplementation):
    """``train_on_batch`` in a loop of one's own: XLA, no callbacks, no history, no data adapter."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, jit_compile=True)
        convert = keras.ops.convert_to_tensor
        self._batches = [
            (convert(task.x[start:stop]), convert(task.y[start:stop]))
            for start, stop in task.bounds
        ]
        self._loss = float("nan")

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Loop over epochs and batches."""
        for _ in range(epochs):
            for x, y in self._batches:
                self._loss = self.model.train_on_batch(x, y)
            on_epochs(1)

    def loss(self) -> float:
        """Return what the last ``train_on_batch`` returned: it resets the metrics at each call."""
        return float(self._loss)


class KerasBest(Implementation):
    """The faster of `KerasFitTuned` and `KerasTrainOnBatch` on this task, found by trying both."""

    set_threads = staticmethod(KerasImplementation.set_threads)

    def __init__(self, task: Task) -> None:
        from time import perf_counter

        candidates: list[KerasImplementation] = [KerasFitTuned(task), KerasTrainOnBatch(task)]
        seconds = []
        for candidate in candidates:
            ends: list[float] = []
            candidate.train(1, _ignore)
            candidate.train(3, lambda _, ends=ends: ends.append(perf_counter()))  # type: ignore[misc]
            seconds.append(ends[-1] - ends[0])
        chosen = type(candidates[seconds.index(min(seconds))])
        # A fresh one, for the trials have changed the weights.
        self._chosen = chosen(task)
        self.loss_is = chosen.loss_is

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Train the chosen one."""
        self._chosen.train(epochs, on_epochs)

    def loss(self) -> float:
        """Return the chosen one's loss."""
        return self._chosen.loss()

    def weights(self) -> dict[str, Array]:
        """Return the chosen one's weights."""
        return self._chosen.weights()


def _ignore(epochs: int) -> None:
    """Do nothing at the end of an epoch."""


def _epoch_end(on_epochs: OnEpochs) -> Any:
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epochs(1))  # noqa: ARG005
