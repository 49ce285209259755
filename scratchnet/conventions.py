"""Where Keras means different things on its backends.

One and the same Keras program is not one and the same function: the backends differ in formulas,
not only in rounding. A network follows the conventions of the backend that its architecture
names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Conventions:
    """What Keras does on one backend.

    Attributes
    ----------
    fuses_loss
        A cross-entropy after a sigmoid or softmax works on the logits, unclipped (see
        `scratchnet.losses`); otherwise on the clipped probabilities.
    divides_sparse_first
        The sparse categorical cross-entropy divides probabilities by their row sum and then
        clips, as the dense one does; otherwise it clips first.
    passes_at_clip
        Share of the gradient that passes where a probability lies exactly on a bound of clipping.
    rounds_settings
        Settings pass through float32 on their way into a float64 network, see `cast`.
    variance_from_squares
        The variance of normalization layers is computed as E[x^2] - E[x]^2, which loses digits
        where the mean is large. This is rounding too: bounds allow for it.
    float32_operations
        Operations of ``keras.ops`` that compute in float32 whatever they are given, so that a
        float64 network on this backend has a loss and gradients of float32's accuracy (see
        docs/findings.md). This is rounding: `scratchnet` does not imitate it, the bounds of a
        comparison allow for it.
    """

    fuses_loss: bool
    divides_sparse_first: bool
    passes_at_clip: float
    rounds_settings: bool
    variance_from_squares: bool
    float32_operations: frozenset[str]

    def cast(self, setting: float) -> float:
        """Return a setting as ``keras.ops.cast`` hands it on, on TensorFlow through float32.

        There ``keras.ops.cast(0.999, "float64")`` is 0.99900001287: a Python number becomes a
        tensor of the default dtype first. In float64 this is far more than rounding (see
        docs/findings.md).
        """
        return float(np.float32(setting)) if self.rounds_settings else float(setting)


CONVENTIONS: dict[str, Conventions] = {
    "tensorflow": Conventions(
        fuses_loss=True,
        divides_sparse_first=False,
        passes_at_clip=1.0,
        rounds_settings=True,
        variance_from_squares=False,
        float32_operations=frozenset(),
    ),
    "jax": Conventions(
        fuses_loss=False,
        divides_sparse_first=True,
        passes_at_clip=0.5,
        rounds_settings=False,
        variance_from_squares=False,
        float32_operations=frozenset({"mean", "tanh"}),
    ),
    "torch": Conventions(
        fuses_loss=False,
        divides_sparse_first=True,
        passes_at_clip=1.0,
        rounds_settings=False,
        variance_from_squares=True,
        float32_operations=frozenset({"mean", "divide_no_nan", "matmul"}),
    ),
}
"""By the name of the backend, as in ``KERAS_BACKEND``."""
