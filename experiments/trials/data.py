"""The data of a trial, as both sides are given them."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.plan.datasets import check_fit, load, shape_targets
from experiments.plan.plan import Trial
from scratchnet.training import BatchOrder
from scratchnet.types import Array


@dataclass(frozen=True)
class TrialData:
    """The arrays of a trial, in its dtype.

    Attributes
    ----------
    x_train, x_test
        ``(samples, features)``.
    y_train, y_test
        As the loss takes them, see `experiments.plan.datasets.shape_targets`.
    order
        The batches of each epoch.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    order: BatchOrder


def load_data(trial: Trial) -> TrialData:
    """Load a trial's data in its dtype, rounded once for both sides.

    Raises
    ------
    DatasetError
        If they do not fit the network, or its dtype cannot hold them.
    """
    dataset = load(trial.dataset)
    check_fit(dataset, trial.architecture, trial.dtype)

    def targets(labels: Array) -> Array:
        shaped = shape_targets(labels, trial.architecture)
        return shaped if trial.architecture.loss.sparse else shaped.astype(trial.dtype)

    return TrialData(
        x_train=dataset.x_train.astype(trial.dtype),
        y_train=targets(dataset.y_train),
        x_test=dataset.x_test.astype(trial.dtype),
        y_test=targets(dataset.y_test),
        order=BatchOrder(len(dataset.x_train), trial.batch_size, trial.shuffle_seed),
    )
