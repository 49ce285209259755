"""A neural network by hand, in NumPy alone, that computes exactly what Keras 3 computes."""

from scratchnet.architecture import Architecture
from scratchnet.errors import ArchitectureError
from scratchnet.gradient_check import GradientCheck, gradient_check
from scratchnet.history import History
from scratchnet.layers import Dense
from scratchnet.network import Network, StepTrace, initial_weights
from scratchnet.optimizers import SGD, Adam, AdamW, OptimizerState, RMSprop
from scratchnet.saving import SavedNetworkError, load, save
from scratchnet.training import BatchOrder, evaluate, fit

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Architecture",
    "ArchitectureError",
    "BatchOrder",
    "Dense",
    "GradientCheck",
    "History",
    "Network",
    "OptimizerState",
    "RMSprop",
    "SavedNetworkError",
    "StepTrace",
    "evaluate",
    "fit",
    "gradient_check",
    "initial_weights",
    "load",
    "save",
]
