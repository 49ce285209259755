"""Accuracy, counted as Keras counts it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scratchnet.types import Array


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


class Accuracy:
    """Counts the right predictions of a batch, in buffers of its own: counting allocates nothing.

    Keras's ``"accuracy"`` is ``BinaryAccuracy`` for one output,
    ``SparseCategoricalAccuracy`` for class numbers, and ``CategoricalAccuracy`` otherwise,
    whatever the loss (``keras.src.trainers.compile_utils.get_metric``).

    Parameters
    ----------
    prediction
        ``(samples, units)``; read at each call.
    targets
        ``(samples, units)``, or ``(samples, 1)`` if `sparse`; read at each call.
    sparse
        Whether targets are class numbers.
    """

    def __init__(self, prediction: Array, targets: Array, *, sparse: bool) -> None:
        samples, units = prediction.shape
        self._prediction = prediction
        self._targets = targets
        self._binary = units == 1
        self._sparse = sparse or targets.shape[1] == 1
        # In C order, where argmax needs no copy of its own.
        self._values = np.zeros((samples, units), prediction.dtype)
        self._classes = np.zeros(samples, np.intp)
        self._target_classes = np.zeros(samples, np.intp)
        self._right = np.zeros((samples, 1), np.bool_)
        self._half = np.asarray(0.5, prediction.dtype)

    def correct(self) -> int:
        """Return the number of samples whose predicted class is the target."""
        if self._binary:
            np.greater(self._prediction, self._half, out=self._right)
            np.copyto(self._values, self._right)
            np.equal(self._values, self._targets, out=self._right)
        else:
            classes = self._argmax(self._prediction, self._classes)
            targets = (
                self._targets[:, 0]
                if self._sparse
                else self._argmax(self._targets, self._target_classes)
            )
            np.equal(classes, targets, out=self._right[:, 0])
        return int(np.count_nonzero(self._right))

    def _argmax(self, scores: Array, classes: NDArray[np.intp]) -> NDArray[np.intp]:
        np.copyto(self._values, scores)
        return np.argmax(self._values, axis=1, out=classes)


def correct_predictions(prediction: Array, targets: Array, *, sparse: bool) -> int:
    """Count the samples whose predicted class is the target; see `Accuracy`."""
    return Accuracy(prediction, targets, sparse=sparse).correct()
