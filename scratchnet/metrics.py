"""Accuracy, counted as Keras counts it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def predicted_classes(prediction: Array) -> NDArray[np.intp]:
    """Turn probabilities into class numbers (the article's `convert_prob_into_class`).

    Parameters
    ----------
    prediction
        ``(samples, 1)``: class 1 where the value is above 0.5, exactly 0.5 being class 0; or
        ``(samples, classes)``: the class of the largest value, the first of equals.

    Returns
    -------
    numpy.ndarray
        ``(samples,)``.
    """
    if prediction.shape[1] == 1:
        return (prediction[:, 0] > 0.5).astype(np.intp)
    classes: NDArray[np.intp] = np.argmax(prediction, axis=1)
    return classes


def target_classes(targets: Array, *, sparse: bool) -> Array:
    """Turn targets, ``(samples, 1)`` or one-hot ``(samples, classes)``, into class numbers.

    Parameters
    ----------
    targets
        As the loss takes them.
    sparse
        Whether they are class numbers already.

    Returns
    -------
    numpy.ndarray
        ``(samples,)``.
    """
    if sparse or targets.shape[1] == 1:
        return targets[:, 0]
    classes: NDArray[np.intp] = np.argmax(targets, axis=1)
    return classes


def correct_predictions(prediction: Array, targets: Array, *, sparse: bool) -> int:
    """Count the samples whose predicted class is the target.

    Keras's ``"accuracy"`` is ``BinaryAccuracy`` for one output,
    ``SparseCategoricalAccuracy`` for class numbers, and ``CategoricalAccuracy`` otherwise,
    whatever the loss (``keras.src.trainers.compile_utils.get_metric``).

    Parameters
    ----------
    prediction
        ``(samples, units)``.
    targets
        ``(samples, units)``, or ``(samples, 1)`` if `sparse`.
    sparse
        Whether targets are class numbers.

    Returns
    -------
    int
        Between 0 and the number of samples.
    """
    classes = target_classes(targets, sparse=sparse)
    return int(np.count_nonzero(predicted_classes(prediction) == classes))
