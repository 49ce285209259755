r"""Losses, each computed exactly as Keras 3 computes it.

Two paths lead to a cross-entropy. **Fused**: when the last activation is a sigmoid or a softmax,
Keras on TensorFlow keeps that activation's logits ``z`` and works on them, without clipping, so a
saturated output gives a finite loss and the full gradient. **Clipped**: any other output, and any
at all on JAX and torch, is taken for a probability and clipped to [epsilon, 1 - epsilon]; where
it is clipped its gradient is 0. `scratchnet.conventions` lists what else differs by backend.

A loss object belongs to one batch size. `forward` returns the mean loss, `backward` writes its
gradient with respect to what it was computed from: the logits when fused, else the prediction.
Whoever wants the gradient alone calls `prepare` instead of `forward`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.conventions import CONVENTIONS, Conventions
from scratchnet.types import Array

EPSILON = 1e-7
"""Bound of clipping (``keras.config.epsilon()``)."""

TENSORFLOW = CONVENTIONS["tensorflow"]


class Loss(ABC):
    """A loss for one batch size.

    Parameters
    ----------
    output
        ``(samples, units)``: the logits if `fused`, else the prediction. Read at each call.
    targets
        Where the batch's targets are found at each call.
    fused
        Whether `output` are logits.
    constants
        Dtype to which epsilon is rounded before use; that of `output` unless a network in higher
        precision stands in for one in lower.
    conventions
        Of the Keras backend that the loss follows.

    Attributes
    ----------
    fuses_with
        Last activations whose logits Keras uses instead of their outputs.
    sparse
        Whether targets are class numbers, ``(samples, 1)``, instead of ``(samples, units)``.
    """

    name: ClassVar[str]
    fuses_with: ClassVar[tuple[str, ...]] = ()
    sparse: ClassVar[bool] = False

    def __init__(
        self,
        output: Array,
        targets: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> None:
        self.output = output
        self.targets = targets
        self.fused = fused
        self._scratch = np.zeros_like(output)
        self._scratch_2 = np.zeros_like(output)
        self._mask = np.zeros_like(output, dtype=np.bool_)
        self._row = np.zeros((output.shape[0], 1), output.dtype)
        self._row_2 = np.zeros_like(self._row)
        self._one = np.ones((), output.dtype)
        self._zero = np.zeros((), output.dtype)
        self._passes_at_clip = np.asarray(conventions.passes_at_clip, output.dtype)
        rounded = np.asarray([EPSILON, 1.0 - EPSILON], constants or output.dtype)
        self._lowest, self._highest = rounded.astype(output.dtype)
        # Keras averages over the units first where a unit has a loss of its own.
        self._count = np.asarray(output.size, output.dtype)
        self._samples = np.asarray(output.shape[0], output.dtype)

    def prepare(self) -> None:  # noqa: B027 - most losses share nothing
        """Compute what `backward` shares with `forward`, which does this itself."""

    @abstractmethod
    def forward(self) -> Any:
        """Return the mean loss of the batch, a scalar of the network's dtype."""

    @abstractmethod
    def backward(self, gradient: Array) -> None:
        """Write the gradient with respect to `output`, shape ``(samples, units)``.

        `forward` or `prepare` must have seen the same batch.
        """

    def _stop_where_clipped(self, gradient: Array, probability: Array) -> None:
        """Zero the gradient where clipping changes a probability (``keras.ops.clip``)."""
        np.less(probability, self._lowest, out=self._mask)
        np.copyto(gradient, self._zero, where=self._mask)
        np.greater(probability, self._highest, out=self._mask)
        np.copyto(gradient, self._zero, where=self._mask)
        if self._passes_at_clip != self._one:
            for bound in (self._lowest, self._highest):
                np.equal(probability, bound, out=self._mask)
                np.multiply(gradient, self._passes_at_clip, out=gradient, where=self._mask)


class BinaryCrossentropy(Loss):
    """Mean over samples and units of ``-(y log p + (1 - y) log(1 - p))``.

    Source: ``keras.losses.BinaryCrossentropy``; fused,
    ``tf.nn.sigmoid_cross_entropy_with_logits``: ``max(z, 0) - z y + log1p(exp(-|z|))``.
    """

    name = "binary_crossentropy"
    fuses_with = ("sigmoid",)

    def __init__(
        self,
        output: Array,
        targets: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> None:
        super().__init__(output, targets, fused=fused, constants=constants, conventions=conventions)
        self._exponential = np.zeros_like(output)  # exp(-|z|), which backward needs again
        # NumPy compares two arrays faster than an array with a number.
        self._zeros, self._ones = np.zeros_like(output), np.ones_like(output)

    def prepare(self) -> None:
        """Compute ``exp(-|z|)`` when fused."""
        if self.fused:
            e = np.abs(self.output, out=self._exponential)
            np.negative(e, out=e)
            np.exp(e, out=e)

    def forward(self) -> Any:
        """Return the mean cross-entropy."""
        if not self.fused:
            return self._forward_clipped()
        self.prepare()
        z, y, e = self.output, self.targets, self._exponential
        loss, other = self._scratch, self._scratch_2
        # The large terms first: they cancel where the output is right, and what is left is tiny.
        np.maximum(z, self._zeros, out=loss)
        np.multiply(z, y, out=other)
        np.subtract(loss, other, out=loss)
        np.log1p(e, out=other)
        np.add(loss, other, out=loss)
        return np.add.reduce(loss, axis=None) / self._count

    def backward(self, gradient: Array) -> None:
        """Write ``(sigmoid(z) - y) / n`` when fused.

        With ``q = sigmoid(-|z|) = e / (1 + e)`` the difference is ``(1 - y) - q`` for positive
        ``z`` and ``q - y`` for negative: saturated outputs keep all their digits, as they do in
        TensorFlow.
        """
        if not self.fused:
            self._backward_clipped(gradient)
            return
        z, y, e, q = self.output, self.targets, self._exponential, self._scratch
        np.add(e, self._one, out=q)
        np.divide(e, q, out=q)
        # 1 or -1, the sign of z, and from it 1 or 0: a mask would cost ten times as much.
        sign = np.copysign(self._ones, z, out=self._scratch_2)
        np.multiply(q, sign, out=q)
        np.maximum(sign, self._zeros, out=gradient)
        np.subtract(gradient, y, out=gradient)
        np.subtract(gradient, q, out=gradient)
        np.divide(gradient, self._count, out=gradient)

    def _forward_clipped(self) -> Any:
        y, loss, other = self.targets, self._scratch, self._scratch_2
        other_y = self._exponential
        np.clip(self.output, self._lowest, self._highest, out=other)
        np.log(other, out=loss)
        np.multiply(loss, y, out=loss)
        np.subtract(self._one, other, out=other)
        np.log(other, out=other)
        np.subtract(self._one, y, out=other_y)
        np.multiply(other, other_y, out=other)
        np.add(loss, other, out=loss)
        return -np.add.reduce(loss, axis=None) / self._count

    def _backward_clipped(self, gradient: Array) -> None:
        """Write ``((1 - y) / (1 - p) - y / p) / n``, and 0 where p was clipped."""
        y, p, other = self.targets, self._scratch, self._scratch_2
        np.clip(self.output, self._lowest, self._highest, out=p)
        np.subtract(self._one, p, out=other)
        np.subtract(self._one, y, out=gradient)
        np.divide(gradient, other, out=gradient)
        np.divide(y, p, out=other)
        np.subtract(gradient, other, out=gradient)
        np.divide(gradient, self._count, out=gradient)
        self._stop_where_clipped(gradient, self.output)


class CategoricalCrossentropy(Loss):
    """Mean over samples of ``-sum_k y_k log p_k``, targets one-hot.

    Source: ``keras.losses.CategoricalCrossentropy``. Clipped, the prediction is first divided by
    its row sum. Fused, ``log p = z - max z - log sum exp(z - max z)``. Keras fuses whenever the
    output carries logits, so a last *sigmoid* is ignored too and the loss is that of
    ``softmax(z)``.
    """

    name = "categorical_crossentropy"
    fuses_with = ("softmax", "sigmoid")

    def forward(self) -> Any:
        """Return the mean cross-entropy."""
        if self.fused:
            shifted = self._shift()
            np.exp(shifted, out=self._scratch_2)
            np.add.reduce(self._scratch_2, axis=1, keepdims=True, out=self._row)
            np.log(self._row, out=self._row)
            log_probability = np.subtract(shifted, self._row, out=shifted)
        else:
            clipped = self._normalise_and_clip()
            log_probability = np.log(clipped, out=clipped)
        np.multiply(log_probability, self.targets, out=log_probability)
        return -np.add.reduce(log_probability, axis=None) / self._samples

    def backward(self, gradient: Array) -> None:
        """Write ``(softmax(z) - y) / samples`` when fused."""
        if not self.fused:
            self._backward_clipped(gradient)
            return
        np.exp(self._shift(), out=gradient)
        np.add.reduce(gradient, axis=1, keepdims=True, out=self._row)
        np.divide(gradient, self._row, out=gradient)
        np.subtract(gradient, self.targets, out=gradient)
        np.divide(gradient, self._samples, out=gradient)

    def _shift(self) -> Array:
        """Return ``z - max z``, which keeps exp from overflowing."""
        np.maximum.reduce(self.output, axis=1, keepdims=True, out=self._row)
        return np.subtract(self.output, self._row, out=self._scratch)

    def _normalise_and_clip(self) -> Array:
        np.add.reduce(self.output, axis=1, keepdims=True, out=self._row)
        share = np.divide(self.output, self._row, out=self._scratch)
        np.clip(share, self._lowest, self._highest, out=self._scratch_2)
        return self._scratch_2

    def _backward_clipped(self, gradient: Array) -> None:
        """Write the gradient through log, clipping and the division by the row sum ``s``.

        With ``q = p / s`` and ``g = -y / q`` (0 where q was clipped),
        ``dp = (g - sum_k g_k q_k) / s``.
        """
        share, clipped = self._scratch, self._normalise_and_clip()
        np.divide(self.targets, clipped, out=gradient)
        np.negative(gradient, out=gradient)
        self._stop_where_clipped(gradient, share)
        np.multiply(gradient, share, out=share)
        np.add.reduce(share, axis=1, keepdims=True, out=self._row_2)
        np.subtract(gradient, self._row_2, out=gradient)
        np.divide(gradient, self._row, out=gradient)
        np.divide(gradient, self._samples, out=gradient)


class SparseCategoricalCrossentropy(Loss):
    """Mean over samples of ``-log p_y``, targets class numbers.

    Source: ``keras.losses.SparseCategoricalCrossentropy``. Clipped, Keras on TensorFlow hands the
    log of the clipped prediction to a softmax cross-entropy, which divides by the row sum of what
    was clipped: the order is the reverse of the categorical loss's, and of other backends'.
    """

    name = "sparse_categorical_crossentropy"
    fuses_with = ("softmax", "sigmoid")
    sparse = True

    def __init__(
        self,
        output: Array,
        targets: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> None:
        super().__init__(output, targets, fused=fused, constants=constants, conventions=conventions)
        self._one_hot = np.zeros_like(output)
        self._classes = np.arange(output.shape[1]).reshape(1, -1)
        self._clips_first = not fused and not conventions.divides_sparse_first
        self._logits = np.zeros_like(output) if self._clips_first else output
        self._dense = CategoricalCrossentropy(
            self._logits,
            self._one_hot,
            fused=fused or self._clips_first,
            constants=constants,
            conventions=conventions,
        )

    def prepare(self) -> None:
        """Turn class numbers into one-hot targets, and clipped predictions into logits."""
        np.equal(self.targets, self._classes, out=self._mask)
        np.copyto(self._one_hot, self._mask)
        if self._clips_first:
            np.clip(self.output, self._lowest, self._highest, out=self._logits)
            np.log(self._logits, out=self._logits)

    def forward(self) -> Any:
        """Return the mean cross-entropy."""
        self.prepare()
        return self._dense.forward()

    def backward(self, gradient: Array) -> None:
        """Write ``(softmax(z) - y) / samples`` when fused; else through log and clipping."""
        self._dense.backward(gradient)
        if self._clips_first:
            clipped = np.clip(self.output, self._lowest, self._highest, out=self._scratch)
            np.divide(gradient, clipped, out=gradient)
            self._stop_where_clipped(gradient, self.output)


class MeanSquaredError(Loss):
    """Mean over samples and units of ``(p - y)^2`` (``keras.losses.MeanSquaredError``)."""

    name = "mean_squared_error"

    def forward(self) -> Any:
        """Return the mean squared error."""
        error = np.subtract(self.output, self.targets, out=self._scratch)
        np.multiply(error, error, out=error)
        return np.add.reduce(error, axis=None) / self._count

    def backward(self, gradient: Array) -> None:
        """Write ``2 (p - y) / n``."""
        np.subtract(self.output, self.targets, out=gradient)
        np.add(gradient, gradient, out=gradient)
        np.divide(gradient, self._count, out=gradient)


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        MeanSquaredError,
    )
}
