"""Callbacks: what looks at a training while it runs, and may change it, as in ``keras.callbacks``.

They print nothing, so Keras's argument ``verbose`` is not there.
"""

from scratchnet.callbacks.base import Callback, CallbackList, LambdaCallback, Logs, OngoingTraining
from scratchnet.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from scratchnet.callbacks.recording import CSVLogger, ModelCheckpoint
from scratchnet.callbacks.stopping import EarlyStopping, TerminateOnNaN

CALLBACKS = (
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
"""All that Keras has too."""

__all__ = [
    "CALLBACKS",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "OngoingTraining",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
