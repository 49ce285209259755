"""What a Keras twin trains with, as its own objects tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from keras_baseline.model import build_accuracy, build_loss
from scratchnet.architecture import Architecture


@dataclass(frozen=True)
class TwinSettings:
    """How a model computes.

    Attributes
    ----------
    layer_dtype
        In which its layers with weights compute; several are joined by ``+``.
    loss_dtype, metric_dtype
        In which its loss and its accuracy compute.
    loss_path
        ``fused`` with the last activation, on ``logits`` that the user says they are, on
        ``clipped`` probabilities, or ``plain``, where the
        loss is no cross-entropy.
    backend
        What Keras runs on.
    jit
        Whether `keras_baseline.training.train` compiles with XLA: on JAX only.
    """

    layer_dtype: str
    loss_dtype: str
    metric_dtype: str
    loss_path: str
    backend: str
    jit: bool


def twin_settings(model: Any, architecture: Architecture, dtype: str) -> TwinSettings:
    """Ask a model from `keras_baseline.model.build` how it computes.

    Parameters
    ----------
    model
        The twin.
    architecture, dtype
        What it was built from.
    """
    backend = keras.config.backend()
    path = "plain"
    if architecture.loss.name.endswith("crossentropy"):
        # keras.activations leaves the logits on what a sigmoid or softmax returns; of the
        # backends' cross-entropies only TensorFlow's go on from them.
        sample = [keras.ops.zeros((1, *one.shape[1:]), dtype=dtype) for one in model.inputs]
        prediction = model(sample if len(sample) > 1 else sample[0], training=False)
        keeps_logits = hasattr(prediction, "_keras_logits")
        path = "fused" if keeps_logits and backend == "tensorflow" else "clipped"
        if path == "clipped" and architecture.loss.takes_logits:
            path = "logits"
    dtypes = {layer.compute_dtype for layer in model.layers if layer.weights}
    return TwinSettings(
        layer_dtype="+".join(sorted(dtypes)),
        loss_dtype=str(build_loss(architecture, dtype).dtype),
        metric_dtype=str(build_accuracy(architecture, dtype).dtype),
        loss_path=path,
        backend=backend,
        jit=backend == "jax",
    )
