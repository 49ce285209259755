"""What Keras computes, as plain formulas on `Bounded` arrays: the judge's own copy.

Written independently of `scratchnet`, and slow, so that a mistake there cannot hide here. A module
per family, an entry per activation, loss and optimizer; the formulas are in their docstrings in
`scratchnet`.
"""

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.layers import LAYER
from experiments.parity.exact.formulas.losses import LOSS, TENSORFLOW
from experiments.parity.exact.formulas.optimizers import UPDATE, Tensors
from experiments.parity.exact.formulas.regularizers import REGULARIZER

__all__ = ["BACKWARD", "FORWARD", "LAYER", "LOSS", "REGULARIZER", "TENSORFLOW", "UPDATE", "Tensors"]
