"""Training the Keras twin on given batches.

Two ways, for two questions. `train` answers what Keras learns: Keras's model, loss, optimizer
and metrics in a training loop of our own for each backend, because ten thousand epochs through
``Model.fit`` would take minutes; a test holds it against ``Model.fit``. `fit_seconds` answers
what Keras costs: ``Model.fit`` as people call it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import keras
import numpy as np

from keras_baseline.backends import NoiseSource, active, require
from keras_baseline.model import build_accuracy, build_loss
from keras_baseline.optimizers import build_optimizer
from scratchnet.architecture import Architecture
from scratchnet.history import History
from scratchnet.noise import draw_noise
from scratchnet.training import Training
from scratchnet.types import Array

OnEpochs = Callable[[int, History], None]
"""Called from time to time with the number of epochs done and the history so far."""


def train(
    model: Any,
    training: Training,
    *,
    on_epochs: OnEpochs | None = None,
    pause_at: tuple[int, ...] = (),
) -> History:
    """Train a model on the batches of a training, in their order.

    Parameters
    ----------
    model
        Of the training's architecture and dtype, from `keras_baseline.model.build`. It starts
        from the weights that it has, which are changed. Where layers are random, it was built
        with ``given_noise=True``.
    training
        What to train on, and how.
    on_epochs
        Called after every hundredth of the epochs, and at `pause_at`.
    pause_at
        Numbers of epochs after which `on_epochs` must be called, to look at the weights.

    Returns
    -------
    History
        In the meaning of ``Model.fit``; without seconds, which this loop does not stand for.

    Raises
    ------
    RuntimeError
        If Keras runs on another backend than the architecture's, or on JAX without float64.
    """
    architecture, dtype, epochs = training.architecture, training.dtype, training.epochs
    require(architecture.backend)
    updater = build_optimizer(training.optimizer, dtype)
    updater.build(model.trainable_variables)
    run_epochs = active(dtype).compile_epochs(
        model,
        build_loss(architecture, dtype),
        build_accuracy(architecture, dtype),
        updater,
        (_tensor(training.x, dtype), _tensor(training.y, dtype)),
        tuple(_tensor(values, dtype) for values in training.validation_data),
        training.order,
        noise=_noise_source(architecture, training.noise_seed),
    )
    history = History()
    done = 0
    stops = sorted({n for n in pause_at if 0 < n < epochs} | {epochs})
    chunk = max(1, epochs // 100)
    for stop in stops:
        while done < stop:
            count = min(chunk, stop - done)
            orders = np.stack([training.order.epoch(done + i) for i in range(count)])
            rows = run_epochs(orders)
            history.loss += rows[:, 0].tolist()
            history.accuracy += rows[:, 1].tolist()
            history.val_loss += rows[:, 2].tolist()
            history.val_accuracy += rows[:, 3].tolist()
            done += count
            if on_epochs is not None:
                on_epochs(done, history)
    return history


def fit_seconds(model: Any, training: Training) -> list[float]:
    """Time ``Model.fit`` as people call it: compile, fit, no validation.

    Parameters
    ----------
    model
        As for `train`; it is compiled at the first call and kept for later ones.
    training
        Its epochs are timed; one more is run first and not counted, for tracing and compilation.

    Returns
    -------
    list of float
        Seconds per epoch, from one ``on_epoch_begin`` to its ``on_epoch_end``.
    """
    dtype, order = training.dtype, training.order
    if not model.compiled:
        model.compile(
            optimizer=build_optimizer(training.optimizer, dtype),
            loss=build_loss(training.architecture, dtype),
            metrics=[build_accuracy(training.architecture, dtype)],
        )
    clock = _EpochClock()
    shuffle = order.shuffle_seed is not None
    # As people call it: what is float64 goes through float32 here (docs/findings.md, 4), which
    # costs nothing that would matter to a timing, and weights are not compared.
    model.fit(
        _tensor(training.x, dtype),
        _tensor(training.y, dtype),
        batch_size=order.batch_size or order.samples,
        epochs=training.epochs + 1,
        shuffle=shuffle,
        verbose=0,
        callbacks=[clock],
    )
    return clock.seconds[1:]


def _noise_source(architecture: Architecture, seed: int) -> NoiseSource | None:
    """Return the noise of each step as the model's further inputs; None if there is none."""
    if not any(layer.needs_noise for layer in architecture.layers):
        return None

    def noise(step: int, samples: int) -> list[Array]:
        return list(draw_noise(architecture, seed, step, samples).values())

    return noise


class _EpochClock(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures every epoch of a ``Model.fit``."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        self._started = perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        self.seconds.append(perf_counter() - self._started)


def _tensor(values: Array, dtype: str) -> Any:
    """Turn data into a tensor: class numbers stay integers, all else gets the model's dtype."""
    return keras.ops.convert_to_tensor(values, "int64" if values.dtype.kind in "iu" else dtype)
