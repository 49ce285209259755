"""Training: epochs and batches, and the history they leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.architecture import Architecture
from scratchnet.batch_plan import BatchPlan
from scratchnet.callbacks import Callback, CallbackList, OngoingTraining
from scratchnet.checks import check_whole_number
from scratchnet.history import History
from scratchnet.network import Network, check_state
from scratchnet.optimizers import Optimizer, OptimizerState
from scratchnet.score import EpochScore
from scratchnet.types import Array


@dataclass(frozen=True)
class BatchOrder:
    """Which samples make up which batch: the same for every implementation that is compared.

    Parameters
    ----------
    samples
        Number of training samples.
    batch_size
        Samples per batch; the last batch of an epoch has what remains. None: all of them.
    shuffle_seed
        None keeps the samples in their order; otherwise epoch ``e`` has the permutation that
        ``numpy.random.RandomState`` draws from ``numpy.random.Philox(key=[shuffle_seed, e])``,
        a stream that is frozen, and starts ten times faster than the default one.
    """

    samples: int
    batch_size: int | None = None
    shuffle_seed: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            check_whole_number("batch_size", self.batch_size, lowest=1)
        if self.shuffle_seed is not None:
            check_whole_number("shuffle_seed", self.shuffle_seed, lowest=0)
            if self.shuffle_seed >= 2**64:
                raise ValueError(
                    f"shuffle_seed = {self.shuffle_seed!r}; expected an integer below 2**64"
                )

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """First and one past the last position of each batch within an epoch."""
        size = self.batch_size or self.samples
        return [(i, min(i + size, self.samples)) for i in range(0, self.samples, size)]

    def epoch(self, epoch: int) -> NDArray[np.intp]:
        """Return the samples of an epoch (from 0) in the order of their use."""
        if self.shuffle_seed is None:
            return np.arange(self.samples)
        stream = np.random.Philox(key=[self.shuffle_seed, epoch])
        return np.random.RandomState(stream).permutation(self.samples)

    def batches(self, epoch: int) -> Iterator[NDArray[np.intp]]:
        """Yield the samples of each batch of an epoch (from 0)."""
        order = self.epoch(epoch)
        for start, stop in self.bounds:
            yield order[start:stop]


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that a training depends on: the same for every implementation that is compared.

    Attributes
    ----------
    architecture
        What is trained.
    dtype
        ``"float32"`` or ``"float64"``.
    optimizer
        How to update.
    weights
        Where it starts, by full name, each in its layout; rounded to the dtype when they are set.
    x
        Training inputs, ``(samples, ...)``, in the dtype.
    y
        Their targets, ``(samples, units)`` in the dtype, or ``(samples, 1)`` class numbers.
    order
        The batches of each epoch.
    epochs
        How often to go through the samples.
    validation_data
        Inputs and targets to evaluate after each epoch, shaped as `x` and `y`.
    noise_seed
        Of the noise that random layers are given, see `scratchnet.noise`.
    """

    architecture: Architecture
    dtype: str
    optimizer: Optimizer
    weights: Mapping[str, Array]
    x: Array
    y: Array
    order: BatchOrder
    epochs: int
    validation_data: tuple[Array, Array]
    noise_seed: int = 0

    def network(self) -> Network:
        """Return a new network that stands where the training starts."""
        network = Network(self.architecture, seed=self.noise_seed, dtype=self.dtype)
        network.set_weights(self.weights)
        return network

    def fit(
        self,
        network: Network,
        state: OptimizerState,
        on_epoch_end: Callable[[int, History], bool | None] | None = None,
    ) -> History:
        """Train a network from `network` with a state of the optimizer bound to it, see `fit`."""
        return fit(
            network,
            self.x,
            self.y,
            optimizer=state,
            epochs=self.epochs,
            batch_size=self.order.batch_size,
            shuffle_seed=self.order.shuffle_seed,
            validation_data=self.validation_data,
            on_epoch_end=on_epoch_end,
        )


def fit(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: OptimizerState,
    epochs: int,
    initial_epoch: int = 0,
    batch_size: int | None = None,
    shuffle_seed: int | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    validation_split: float = 0.0,
    callbacks: Sequence[Callback] = (),
    on_epoch_end: Callable[[int, History], bool | None] | None = None,
) -> History:
    """Train a network.

    Parameters
    ----------
    network
        Its weights are changed.
    x, y
        ``(samples, ...)`` and targets as the loss takes them.
    optimizer
        State bound to the network's parameters; it goes on from where it stands.
    epochs
        How often to go through the samples.
    initial_epoch
        So many of them are done, as by an earlier call: the order of the batches goes on there.
    batch_size, shuffle_seed
        See `BatchOrder`: None is one batch of all samples, and no shuffling.
    validation_data
        Inputs and targets to evaluate after each epoch.
    validation_split
        Without `validation_data`: that share of the samples, from the end, is not trained on but
        evaluated. As in Keras, ``floor(samples * (1 - validation_split))`` are trained on.
    callbacks
        See `scratchnet.callbacks`; called in their order.
    on_epoch_end
        Called with the epoch (from 0) and the history so far. Training stops early when it
        returns True; it may change the learning rate by ``optimizer.set_learning_rate``.

    Returns
    -------
    History
        One entry per epoch.

    Raises
    ------
    ValueError
        If shapes do not fit, or epochs is negative.
    """
    check_whole_number("epochs", epochs, lowest=0)
    check_whole_number("initial_epoch", initial_epoch, lowest=0)
    check_state(optimizer, network)
    inputs = network.check_inputs(x)
    targets = network.check_targets(y, len(inputs))
    validation = _validation(network, validation_data)
    if validation is None and validation_split:
        kept = _trained_on(len(inputs), validation_split)
        validation = inputs[kept:], targets[kept:]
        inputs, targets = inputs[:kept], targets[:kept]
    order = BatchOrder(len(inputs), batch_size, shuffle_seed)
    feed = _feed_whole if len(order.bounds) == 1 and shuffle_seed is None else _feed_batches
    history = History()
    batches = feed(network, inputs, targets, order)
    score = EpochScore(network, len(inputs))
    training = OngoingTraining(network, optimizer, DIRECTIONS, validation is not None)
    called = CallbackList(callbacks, training)
    called.on_train_begin()
    with np.errstate(over="ignore"):
        for epoch in range(initial_epoch, epochs):
            called.on_epoch_begin(epoch)
            started = perf_counter()
            for batch, plan in enumerate(batches(epoch)):
                if called.watches_batches:
                    called.on_train_batch_begin(batch)
                plan.draw_noise(network.seed, optimizer.iterations)
                plan.forward_outputs()
                score.add(plan)
                plan.backward()
                optimizer.step()
                if called.watches_batches:
                    called.on_train_batch_end(batch, score.so_far)
                    if training.stop_training:
                        break
            logs = score.so_far()
            score.begin()
            history.seconds.append(perf_counter() - started)
            if validation is not None:
                loss, accuracy = evaluate(network, *validation)
                logs |= {"val_loss": loss, "val_accuracy": accuracy}
            called.on_epoch_end(epoch, logs)
            history.append(epoch, logs)
            if on_epoch_end is not None and on_epoch_end(epoch, history) is True:
                training.stop_training = True
            if training.stop_training:
                break
    called.on_train_end()
    return history


def evaluate(network: Network, x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Return the mean loss and the accuracy on data, all samples at once."""
    inputs = network.check_inputs(x)
    plan = network.plan(len(inputs))
    with np.errstate(over="ignore"):
        np.copyto(plan.inputs.values, inputs)
        np.copyto(plan.targets, network.check_targets(y, len(inputs)))
        plan.infer()
        loss = float(plan.run_loss())
    return loss, plan.accuracy.correct() / len(inputs)


Batches = Callable[[int], Iterator[BatchPlan]]

DIRECTIONS = {"loss": "down", "accuracy": "up"}
"""By curve: in which direction it improves."""


def _trained_on(samples: int, validation_split: float) -> int:
    """Return how many samples are left to train on."""
    share = validation_split
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise ValueError(f"validation_split = {share!r}; expected a number from 0 to below 1")
    kept = math.floor(samples * (1.0 - share))
    if kept in (0, samples):
        raise ValueError(
            f"validation_split = {share!r} of {samples} samples leaves "
            f"{'none to train on' if not kept else 'none to validate on'}; expected another share, "
            "or more samples"
        )
    return kept


def _validation(
    network: Network, data: tuple[ArrayLike, ArrayLike] | None
) -> tuple[Array, Array] | None:
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError("validation_data: expected two entries, (x, y)")
    inputs = network.check_inputs(data[0])
    return inputs, network.check_targets(data[1], len(inputs))


def _feed_whole(network: Network, inputs: Array, targets: Array, order: BatchOrder) -> Batches:  # noqa: ARG001
    """Give every epoch the same batch; the data are copied into its buffers once per fit."""
    plan = BatchPlan(
        network.architecture, network.parameters, len(inputs), constants=network.constants
    )
    np.copyto(plan.inputs.values, inputs)
    np.copyto(plan.targets, targets)
    return lambda epoch: iter((plan,))  # noqa: ARG005


def _feed_batches(network: Network, inputs: Array, targets: Array, order: BatchOrder) -> Batches:
    """Give every epoch its batches, copied into the plan of their size."""
    plans = {stop - start: network.plan(stop - start) for start, stop in order.bounds}
    rows = {size: np.empty((size, *inputs.shape[1:]), inputs.dtype) for size in plans}

    def in_order(epoch: int) -> Iterator[BatchPlan]:  # noqa: ARG001
        for start, stop in order.bounds:
            plan = plans[stop - start]
            np.copyto(plan.inputs.values, inputs[start:stop])
            np.copyto(plan.targets, targets[start:stop])
            yield plan

    def shuffled(epoch: int) -> Iterator[BatchPlan]:
        for chosen in order.batches(epoch):
            plan, gathered = plans[len(chosen)], rows[len(chosen)]
            # Whole rows are gathered fast, and then turned into the buffer's Fortran order.
            # "clip" writes straight into `out`; the default would go through a copy.
            inputs.take(chosen, axis=0, out=gathered, mode="clip")
            np.copyto(plan.inputs.values, gathered)
            targets.take(chosen, axis=0, out=plan.targets, mode="clip")
            yield plan

    return in_order if order.shuffle_seed is None else shuffled
