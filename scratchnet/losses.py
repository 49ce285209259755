r"""Losses, each computed exactly as Keras 3 computes it.

Two paths lead to a cross-entropy. From **logits**: when the last activation is a sigmoid or a
softmax, Keras on TensorFlow keeps that activation's logits ``z`` and works on them, without
clipping, so a saturated output gives a finite loss and the full gradient; the loss is then *fused*
with the activation. So it is where the user asks for it by ``from_logits=True``. **Clipped**: any
other output is taken for a probability and clipped to [epsilon, 1 - epsilon]; where it is clipped
its gradient is 0. `scratchnet.conventions` lists what else differs by backend.

A loss is a frozen description; `Loss.bind` makes its ops for one batch size.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.conventions import CONVENTIONS, Conventions
from scratchnet.errors import (
    ArchitectureError,
    check_boolean,
    check_choice,
    check_keys,
    check_share,
)
from scratchnet.tape import Tape
from scratchnet.types import Array

EPSILON = 1e-7
"""Bound of clipping (``keras.config.epsilon()``)."""

TENSORFLOW = CONVENTIONS["tensorflow"]


@dataclass(frozen=True, eq=False)
class LossPass:
    """A loss at work on one batch size.

    Attributes
    ----------
    output
        ``(samples, units)``: what the loss is computed from; read at each run.
    gradient
        ``(samples, units)``: where `backward` leaves the gradient with respect to `output`.
    value
        Zero-dimensional: where `forward` leaves the mean loss of the batch.
    prepare
        What `forward` and `backward` share; runs before either.
    forward
        The mean loss.
    backward
        Its gradient.
    logits
        Whether `output` are logits.
    """

    output: Array
    gradient: Array
    value: Array
    prepare: Tape
    forward: Tape
    backward: Tape
    logits: bool

    def run_forward(self) -> Any:
        """Return the mean loss of the batch, a scalar of the network's dtype."""
        self.prepare.run()
        self.forward.run()
        return self.value[()]


@dataclass(frozen=True)
class Loss(ABC):
    """Description of a loss; subclasses are frozen dataclasses with Keras's arguments.

    Attributes
    ----------
    name
        The name in an architecture, which is Keras's.
    fuses_with
        Last activations whose logits Keras uses instead of their outputs.
    sparse
        Whether targets are class numbers, ``(samples, 1)``, instead of ``(samples, units)``.
    """

    name: ClassVar[str]
    fuses_with: ClassVar[tuple[str, ...]] = ()
    sparse: ClassVar[bool] = False

    @property
    def takes_logits(self) -> bool:
        """Whether the user says that the outputs are logits."""
        return bool(getattr(self, "from_logits", False))

    @abstractmethod
    def bind(
        self,
        output: Array,
        targets: Array,
        gradient: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> LossPass:
        """Make the ops for one batch size.

        Parameters
        ----------
        output
            ``(samples, units)``: the logits if `fused`, else the last layer's outputs.
        targets
            Where the batch's targets are found at each run.
        gradient
            Where the gradient with respect to `output` goes.
        fused
            Whether `output` are the logits of the last activation.
        constants
            Dtype to which epsilon is rounded before use; that of `output` unless a network in
            higher precision stands in for one in lower.
        conventions
            Of the Keras backend that the loss follows.
        """


class _Clipping:
    """Clipping of probabilities to [epsilon, 1 - epsilon], and its gradient."""

    def __init__(self, like: Array, constants: DTypeLike | None, conventions: Conventions) -> None:
        rounded = np.asarray([EPSILON, 1.0 - EPSILON], constants or like.dtype)
        self.lowest, self.highest = rounded.astype(like.dtype)
        self._passes_at_clip = np.asarray(conventions.passes_at_clip, like.dtype)
        self._zero = np.zeros((), like.dtype)
        self._mask = np.zeros_like(like, dtype=np.bool_)

    def clip(self, tape: Tape, probability: Array, out: Array) -> None:
        """Clip (``keras.ops.clip``)."""
        tape.add(np.clip, probability, self.lowest, self.highest, out=out)

    def stop_gradient(self, tape: Tape, gradient: Array, probability: Array) -> None:
        """Zero the gradient where clipping changes a probability."""
        tape.add(np.less, probability, self.lowest, out=self._mask)
        tape.add(np.copyto, self._zero, out=gradient, where=self._mask)
        tape.add(np.greater, probability, self.highest, out=self._mask)
        tape.add(np.copyto, self._zero, out=gradient, where=self._mask)
        if self._passes_at_clip != 1:
            for bound in (self.lowest, self.highest):
                tape.add(np.equal, probability, bound, out=self._mask)
                tape.add(
                    np.multiply, gradient, self._passes_at_clip, out=gradient, where=self._mask
                )


def _smoothed(tape: Tape, targets: Array, smoothing: float, classes: int) -> Array:
    """Append ``y (1 - smoothing) + smoothing / classes``, and return where it goes."""
    if not smoothing:
        return targets
    smooth = np.zeros_like(targets)
    kept, added = (np.asarray(v, smooth.dtype) for v in (1 - smoothing, smoothing / classes))
    tape.add(np.multiply, targets, kept, out=smooth)
    tape.add(np.add, smooth, added, out=smooth)
    return smooth


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """Mean over samples and units of ``-(y log p + (1 - y) log(1 - p))``.

    Source: ``keras.losses.BinaryCrossentropy``; from logits,
    ``tf.nn.sigmoid_cross_entropy_with_logits``: ``max(z, 0) - z y + log1p(exp(-|z|))``.

    Parameters
    ----------
    from_logits
        Whether the outputs are logits and not probabilities.
    label_smoothing
        ``s``, at least 0 and below 1: targets become ``y (1 - s) + s / 2``.
    """

    name: ClassVar[str] = "binary_crossentropy"
    fuses_with: ClassVar[tuple[str, ...]] = ("sigmoid",)

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_boolean("from_logits", self.from_logits)
        check_share("label_smoothing", self.label_smoothing)

    def bind(
        self,
        output: Array,
        targets: Array,
        gradient: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> LossPass:
        """Make the ops for one batch size.

        From logits the gradient is ``(sigmoid(z) - y) / n``. With ``q = sigmoid(-|z|) = e / (1 +
        e)`` the difference is ``(1 - y) - q`` for positive ``z`` and ``q - y`` for negative:
        saturated outputs keep all their digits, as they do in TensorFlow. Clipped it is
        ``((1 - y) / (1 - p) - y / p) / n``, and 0 where p was clipped.
        """
        value = np.zeros((), output.dtype)
        one, count = (np.asarray(n, output.dtype) for n in (1, output.size))
        losses, other, e = (np.zeros_like(output) for _ in range(3))
        prepare, forward, backward = Tape(), Tape(), Tape()
        y = _smoothed(prepare, targets, self.label_smoothing, 2)
        logits = fused or self.from_logits
        if logits:
            z = output
            # NumPy compares two arrays faster than an array with a number.
            zeros, ones = np.zeros_like(z), np.ones_like(z)
            prepare.add(np.abs, z, out=e)
            prepare.add(np.negative, e, out=e)
            prepare.add(np.exp, e, out=e)

            # The large terms first: where the output is right they cancel, and little is left.
            forward.add(np.maximum, z, zeros, out=losses)
            forward.add(np.multiply, z, y, out=other)
            forward.add(np.subtract, losses, other, out=losses)
            forward.add(np.log1p, e, out=other)
            forward.add(np.add, losses, other, out=losses)
            forward.add(np.add.reduce, losses, axis=None, out=value)
            forward.add(np.divide, value, count, out=value)

            q, sign = losses, other
            backward.add(np.add, e, one, out=q)
            backward.add(np.divide, e, q, out=q)
            # 1 or -1, the sign of z, and from it 1 or 0: a mask would cost ten times as much.
            backward.add(np.copysign, ones, z, out=sign)
            backward.add(np.multiply, q, sign, out=q)
            backward.add(np.maximum, sign, zeros, out=gradient)
            backward.add(np.subtract, gradient, y, out=gradient)
            backward.add(np.subtract, gradient, q, out=gradient)
            backward.add(np.divide, gradient, count, out=gradient)
        else:
            p, c, other_y = output, other, e
            clipping = _Clipping(p, constants, conventions)
            clipping.clip(forward, p, out=c)
            forward.add(np.log, c, out=losses)
            forward.add(np.multiply, losses, y, out=losses)
            forward.add(np.subtract, one, c, out=c)
            forward.add(np.log, c, out=c)
            forward.add(np.subtract, one, y, out=other_y)
            forward.add(np.multiply, c, other_y, out=c)
            forward.add(np.add, losses, c, out=losses)
            forward.add(np.add.reduce, losses, axis=None, out=value)
            forward.add(np.negative, value, out=value)
            forward.add(np.divide, value, count, out=value)

            c, rest = losses, other
            clipping.clip(backward, p, out=c)
            backward.add(np.subtract, one, c, out=rest)
            backward.add(np.subtract, one, y, out=gradient)
            backward.add(np.divide, gradient, rest, out=gradient)
            backward.add(np.divide, y, c, out=rest)
            backward.add(np.subtract, gradient, rest, out=gradient)
            backward.add(np.divide, gradient, count, out=gradient)
            clipping.stop_gradient(backward, gradient, p)
        return LossPass(output, gradient, value, prepare, forward, backward, logits)


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """Mean over samples of ``-sum_k y_k log p_k``, targets one-hot.

    Source: ``keras.losses.CategoricalCrossentropy``. Clipped, the prediction is first divided by
    its row sum. From logits, ``log p = z - max z - log sum exp(z - max z)``. Keras fuses whenever
    the output carries logits, so a last *sigmoid* is ignored too and the loss is that of
    ``softmax(z)``.

    Parameters
    ----------
    from_logits
        Whether the outputs are logits and not probabilities.
    label_smoothing
        ``s``, at least 0 and below 1: targets become ``y (1 - s) + s / classes``.
    """

    name: ClassVar[str] = "categorical_crossentropy"
    fuses_with: ClassVar[tuple[str, ...]] = ("softmax", "sigmoid")

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_boolean("from_logits", self.from_logits)
        check_share("label_smoothing", self.label_smoothing)

    def bind(
        self,
        output: Array,
        targets: Array,
        gradient: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> LossPass:
        """Make the ops for one batch size.

        From logits the gradient is ``(softmax(z) - y) / samples``. Clipped it goes through log,
        clipping and the division by the row sum ``s``: with ``q = p / s`` and ``g = -y / q`` (0
        where q was clipped), ``dp = (g - sum_k g_k q_k) / s``.
        """
        value = np.zeros((), output.dtype)
        samples = np.asarray(output.shape[0], output.dtype)
        prepare, forward, backward = Tape(), Tape(), Tape()
        y = _smoothed(prepare, targets, self.label_smoothing, output.shape[-1])
        scratch, other = (np.zeros_like(output) for _ in range(2))
        row, row_2 = (np.zeros((output.shape[0], 1), output.dtype) for _ in range(2))
        logits = fused or self.from_logits
        if logits:
            z, shifted = output, scratch
            # z - max z keeps exp from overflowing.
            forward.add(np.maximum.reduce, z, axis=1, keepdims=True, out=row)
            forward.add(np.subtract, z, row, out=shifted)
            forward.add(np.exp, shifted, out=other)
            forward.add(np.add.reduce, other, axis=1, keepdims=True, out=row)
            forward.add(np.log, row, out=row)
            forward.add(np.subtract, shifted, row, out=shifted)
            log_probability = shifted

            backward.add(np.maximum.reduce, z, axis=1, keepdims=True, out=row)
            backward.add(np.subtract, z, row, out=shifted)
            backward.add(np.exp, shifted, out=gradient)
            backward.add(np.add.reduce, gradient, axis=1, keepdims=True, out=row)
            backward.add(np.divide, gradient, row, out=gradient)
            backward.add(np.subtract, gradient, y, out=gradient)
            backward.add(np.divide, gradient, samples, out=gradient)
        else:
            p, q, c = output, scratch, other
            clipping = _Clipping(p, constants, conventions)

            def normalise_and_clip(tape: Tape) -> None:
                tape.add(np.add.reduce, p, axis=1, keepdims=True, out=row)
                tape.add(np.divide, p, row, out=q)
                clipping.clip(tape, q, out=c)

            normalise_and_clip(forward)
            forward.add(np.log, c, out=c)
            log_probability = c

            normalise_and_clip(backward)
            backward.add(np.divide, y, c, out=gradient)
            backward.add(np.negative, gradient, out=gradient)
            clipping.stop_gradient(backward, gradient, q)
            backward.add(np.multiply, gradient, q, out=q)
            backward.add(np.add.reduce, q, axis=1, keepdims=True, out=row_2)
            backward.add(np.subtract, gradient, row_2, out=gradient)
            backward.add(np.divide, gradient, row, out=gradient)
            backward.add(np.divide, gradient, samples, out=gradient)
        forward.add(np.multiply, log_probability, y, out=log_probability)
        forward.add(np.add.reduce, log_probability, axis=None, out=value)
        forward.add(np.negative, value, out=value)
        forward.add(np.divide, value, samples, out=value)
        return LossPass(output, gradient, value, prepare, forward, backward, logits)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """Mean over samples of ``-log p_y``, targets class numbers.

    Source: ``keras.losses.SparseCategoricalCrossentropy``. Clipped, Keras on TensorFlow hands the
    log of the clipped prediction to a softmax cross-entropy, which divides by the row sum of what
    was clipped: the order is the reverse of the categorical loss's, and of other backends'.

    Parameters
    ----------
    from_logits
        Whether the outputs are logits and not probabilities.
    """

    name: ClassVar[str] = "sparse_categorical_crossentropy"
    fuses_with: ClassVar[tuple[str, ...]] = ("softmax", "sigmoid")
    sparse: ClassVar[bool] = True

    from_logits: bool = False

    def __post_init__(self) -> None:
        check_boolean("from_logits", self.from_logits)

    def bind(
        self,
        output: Array,
        targets: Array,
        gradient: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,
        conventions: Conventions = TENSORFLOW,
    ) -> LossPass:
        """Make the ops: those of the categorical loss on one-hot targets, and what goes before."""
        classes = np.arange(output.shape[1]).reshape(1, -1)
        one_hot, mask = np.zeros_like(output), np.zeros_like(output, dtype=np.bool_)
        prepare = Tape()
        prepare.add(np.equal, targets, classes, out=mask)
        prepare.add(np.copyto, mask, out=one_hot)
        logits = fused or self.from_logits
        if logits or conventions.divides_sparse_first:
            dense = CategoricalCrossentropy(self.from_logits).bind(
                output, one_hot, gradient, fused=fused, constants=constants, conventions=conventions
            )
            return dataclasses.replace(dense, prepare=Tape(prepare + dense.prepare))

        clipping, clipped = _Clipping(output, constants, conventions), np.zeros_like(output)
        log_clipped = np.zeros_like(output)
        clipping.clip(prepare, output, out=log_clipped)
        prepare.add(np.log, log_clipped, out=log_clipped)
        dense = CategoricalCrossentropy(from_logits=True).bind(
            log_clipped, one_hot, gradient, fused=False
        )
        backward = Tape(dense.backward)
        clipping.clip(backward, output, out=clipped)
        backward.add(np.divide, gradient, clipped, out=gradient)
        clipping.stop_gradient(backward, gradient, output)
        return LossPass(output, gradient, dense.value, prepare, dense.forward, backward, logits)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Mean over samples and units of ``(p - y)^2`` (``keras.losses.MeanSquaredError``)."""

    name: ClassVar[str] = "mean_squared_error"

    def bind(
        self,
        output: Array,
        targets: Array,
        gradient: Array,
        *,
        fused: bool,
        constants: DTypeLike | None = None,  # noqa: ARG002 - has no constants
        conventions: Conventions = TENSORFLOW,  # noqa: ARG002 - the same on every backend
    ) -> LossPass:
        """Make the ops; the gradient is ``2 (p - y) / n``."""
        value, count = np.zeros((), output.dtype), np.asarray(output.size, output.dtype)
        p, y, error = output, targets, np.zeros_like(output)
        forward, backward = Tape(), Tape()
        forward.add(np.subtract, p, y, out=error)
        forward.add(np.multiply, error, error, out=error)
        forward.add(np.add.reduce, error, axis=None, out=value)
        forward.add(np.divide, value, count, out=value)

        backward.add(np.subtract, p, y, out=gradient)
        backward.add(np.add, gradient, gradient, out=gradient)
        backward.add(np.divide, gradient, count, out=gradient)
        return LossPass(output, gradient, value, Tape(), forward, backward, fused)


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        MeanSquaredError,
    )
}


def as_loss(value: object) -> Loss:
    """Return a loss from itself, its name, or its table.

    Raises
    ------
    ArchitectureError
        If it is none.
    """
    if isinstance(value, Loss):
        return value
    if not isinstance(value, Mapping):
        check_choice("loss", value, LOSSES)
        return LOSSES[str(value)]()
    check_choice("loss: name", value.get("name"), LOSSES)
    made: Any = LOSSES[value["name"]]
    settings = {key: entry for key, entry in value.items() if key != "name"}
    try:
        check_keys(settings, ["name", *(entry.name for entry in dataclasses.fields(made))])
        loss: Loss = made(**settings)
    except ArchitectureError as error:
        raise ArchitectureError(f"loss: {error}") from None
    return loss


def loss_to_data(loss: Loss) -> str | dict[str, Any]:
    """Return plain data that `as_loss` takes: the name where all else is at its default."""
    changed = {
        entry.name: getattr(loss, entry.name)
        for entry in dataclasses.fields(loss)
        if getattr(loss, entry.name) != entry.default
    }
    return {"name": loss.name, **changed} if changed else loss.name
