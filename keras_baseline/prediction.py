"""What the Keras twin predicts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from scratchnet.types import Array


def predict(model: Any, x: Array, dtype: str) -> Array:
    """Return the last activation, ``(samples, units)``, for all samples at once.

    Parameters
    ----------
    model
        From `keras_baseline.model.build`.
    x
        ``(samples, features)``.
    dtype
        What the model was built in; ``Model.predict`` would round the inputs to float32.
    """
    inputs = [keras.ops.convert_to_tensor(x, dtype=dtype)]
    # In inference random layers ignore the noise that they are given.
    inputs += [keras.ops.zeros((len(x), *one.shape[1:]), dtype) for one in model.inputs[1:]]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return np.array(keras.ops.convert_to_numpy(outputs))
