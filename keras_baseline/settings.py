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
        ``fused`` with the last activation, ``clipped`` probabilities, or ``plain``, where the
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
    if architecture.loss.endswith("crossentropy"):
        # keras.activations leaves the logits on what a sigmoid or softmax returns; of the
        # backends' cross-entropies only TensorFlow's go on from them.
        sample = keras.ops.zeros((1, *architecture.input_shape), dtype=dtype)
        keeps_logits = hasattr(model(sample, training=True), "_keras_logits")
        path = "fused" if keeps_logits and backend == "tensorflow" else "clipped"
    dtypes = {layer.compute_dtype for layer in model.layers if layer.weights}
    return TwinSettings(
        layer_dtype="+".join(sorted(dtypes)),
        loss_dtype=str(build_loss(architecture, dtype).dtype),
        metric_dtype=str(build_accuracy(architecture, dtype).dtype),
        loss_path=path,
        backend=backend,
        jit=backend == "jax",
    )
