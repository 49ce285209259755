"""Layers that go through a sequence step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.activations import ACTIVATIONS, Scratch
from scratchnet.buffer import Buffer, as_matrix
from scratchnet.errors import ArchitectureError, check_boolean, check_choice, check_positive
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class LSTM(Layer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; ``keras.layers.LSTM``).

    Parameters
    ----------
    units
        Number of outputs of a time step, at least 1.
    activation
        Of the candidate and of the cell, a name in `scratchnet.activations.ACTIVATIONS`.
    recurrent_activation
        Of the three gates.
    use_bias, unit_forget_bias
        Whether there is a bias, and whether that of the forget gate starts at 1.
    kernel_initializer, recurrent_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    return_sequences
        Whether every time step's outputs are handed on, or the last one's alone.
    go_backwards
        Whether the sequence is gone through from its end.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "lstm"

    units: int
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    use_bias: bool = True
    unit_forget_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    recurrent_initializer: str = "orthogonal"
    bias_initializer: str = "zeros"
    return_sequences: bool = False
    go_backwards: bool = False

    def __post_init__(self) -> None:
        check_positive("units", self.units)
        for field in ("use_bias", "unit_forget_bias", "return_sequences", "go_backwards"):
            check_boolean(field, getattr(self, field))
        for field in ("activation", "recurrent_activation"):
            check_choice(field, getattr(self, field), ACTIVATIONS)
        for field in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
            check_choice(field, getattr(self, field), INITIALIZERS)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(time, units)`` for sequences, else ``(units,)``."""
        check_sequence(self, shapes[0])
        return (shapes[0][0], self.units) if self.return_sequences else (self.units,)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return kernel, recurrent kernel and bias of the gates i, f, c, o side by side."""
        found = {
            "kernel": Weight((shapes[0][-1], 4 * self.units), self.kernel_initializer),
            "recurrent_kernel": Weight((self.units, 4 * self.units), self.recurrent_initializer),
        }
        if self.use_bias:
            found["bias"] = Weight((4 * self.units,), self._draw_bias)
        return found

    def _draw_bias(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        bias = INITIALIZERS[self.bias_initializer](random, shape)
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1.0
        return bias

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops of all time steps, one after another.

        With ``z = kernel.T @ x_t + recurrent_kernel.T @ h_t-1 + bias``, cut into four::

            i, f, o = recurrent_activation(z_i, z_f, z_o)     g = activation(z_c)
            c_t = f * c_t-1 + i * g                           h_t = o * activation(c_t)

        and backward, from the last step to the first::

            do = dh * activation(c_t)      dc = dh * o * activation'(c_t) + f_t+1 * dc_t+1
            di = dc * g    df = dc * c_t-1    dg = dc * i     each times its activation's derivative
            dh_t-1 = recurrent_kernel @ dz

        The products with ``x`` of all time steps are one call, and so are the kernels' gradients.
        """
        return _LSTMPass(self, inputs[0], parameters, plan).made()


def check_sequence(layer: Layer, shape: tuple[int, ...]) -> None:
    """Require an input ``(time, features)``.

    Raises
    ------
    ArchitectureError
        If it has another rank.
    """
    if len(shape) != 2:
        raise ArchitectureError(f"input shape {shape}; {layer.kind} expects (time, features)")


class _LSTMPass:
    """The buffers of an `LSTM`: ``(rows, time, samples)``, time in the order of the input.

    ``z`` and ``dz`` have four times as many rows as the layer has units, for i, f, c and o.
    """

    def __init__(
        self, layer: LSTM, source: Buffer, parameters: Parameters, plan: BatchPlan
    ) -> None:
        self.layer, self.source, self.outputs = layer, source, plan.outputs_of(layer)
        self.parameters = parameters
        units, samples, steps = layer.units, plan.samples, source.values.shape[1]
        # The order in which the time steps are gone through.
        self.order = list(range(steps))[:: -1 if layer.go_backwards else 1]

        def made(*shape: int) -> Array:
            return np.zeros(shape, source.values.dtype)

        self.z, self.gates, self.dz = (made(4 * units, steps, samples) for _ in range(3))
        self.c, self.h, self.squashed = (made(units, steps, samples) for _ in range(3))
        self.product, self.dgates, self.dz_now = (made(4 * units, samples) for _ in range(3))
        self.dh, self.dc, self.dh_next, self.dc_next, self.part = (
            made(units, samples) for _ in range(5)
        )
        self.scratches: dict[tuple[int, str], Scratch] = {}
        self.masked = None if source.mask is None else np.zeros((steps, samples), np.bool_)
        self.squash = ACTIVATIONS[layer.activation]
        self.gate = ACTIVATIONS[layer.recurrent_activation]

    def scratch(self, step: int, of: str) -> Scratch:
        """Return the memory of an activation; its backward may use what its forward left."""
        size = 2 * self.layer.units if of == "i, f" else self.layer.units
        like = self.product[:size].T
        return self.scratches.setdefault((step, of), Scratch(like))

    def weight(self, name: str) -> Array:
        return self.parameters[f"{self.layer.name}/{name}"]

    def gradient(self, name: str) -> Array:
        return self.parameters.gradient(f"{self.layer.name}/{name}")

    def parts(self, of: Array) -> tuple[Array, ...]:
        """Return the rows of i, f, c and o."""
        units = self.layer.units
        return tuple(of[number * units : (number + 1) * units] for number in range(4))

    def made(self) -> Pass:
        """Put the tapes together."""
        layer, forward, backward = self.layer, Tape(), Tape()
        x, dx = self.source.matrix, self.source.claim_gradient()
        z, dz = (of.reshape(4 * layer.units, -1) for of in (self.z, self.dz))
        # Samples come first outside, and the time steps as they were gone through.
        h = (self.h[:, ::-1] if layer.go_backwards else self.h).T

        forward.add(np.dot, self.weight("kernel").T, x, out=z)
        if layer.use_bias:
            forward.add(np.add, z, self.weight("bias")[:, None], out=z)
        if self.masked is not None and self.source.mask is not None:
            forward.add(np.logical_not, self.source.mask.T, out=self.masked)
        for step in range(len(self.order)):
            self.forward_step(forward, step)
        outputs = h if layer.return_sequences else h[:, -1]
        forward.add(np.copyto, outputs, out=self.outputs.values)

        for step in reversed(range(len(self.order))):
            self.backward_step(backward, step)
        backward.add(np.dot, x, dz.T, out=self.gradient("kernel"))
        self.recurrent_gradient(backward)
        if layer.use_bias:
            backward.add(np.add.reduce, dz, axis=1, out=self.gradient("bias"))
        if dx is not None:
            backward.add(np.dot, self.weight("kernel"), dz, out=as_matrix(dx), tensor="input")
        if layer.return_sequences:
            self.outputs.mask = self.source.mask
        return Pass(self.outputs, forward, backward)

    def forward_step(self, tape: Tape, step: int) -> None:
        """``c_t`` and ``h_t``."""
        now, units = self.order[step], self.layer.units
        z, gates = self.z[:, now], self.gates[:, now]
        c, h, squashed = self.c[:, now], self.h[:, now], self.squashed[:, now]
        (i, f, g, o), (_, _, z_c, z_o) = self.parts(gates), self.parts(z)
        if step:
            before = self.order[step - 1]
            h_before, c_before = self.h[:, before], self.c[:, before]
            tape.add(np.dot, self.weight("recurrent_kernel").T, h_before, out=self.product)
            tape.add(np.add, z, self.product, out=z)
        both = slice(0, 2 * units)  # i and f are neighbours
        self.gate.forward(tape, z[both].T, gates[both].T, self.scratch(step, "i, f"))
        self.squash.forward(tape, z_c.T, g.T, self.scratch(step, "g"))
        self.gate.forward(tape, z_o.T, o.T, self.scratch(step, "o"))
        tape.add(np.multiply, i, g, out=c)
        if step:
            tape.add(np.multiply, f, c_before, out=self.part)
            tape.add(np.add, self.part, c, out=c)
        self.squash.forward(tape, c.T, squashed.T, self.scratch(step, "c"))
        tape.add(np.multiply, o, squashed, out=h)
        if self.masked is not None:
            # A masked step leaves everything as it was; before the first step all is 0.
            for value, earlier in ((h, h_before), (c, c_before)) if step else ((h, 0.0), (c, 0.0)):
                tape.add(np.copyto, earlier, out=value, where=self.masked[now])

    def backward_step(self, tape: Tape, step: int) -> None:
        """``dz_t``, and from it ``dh`` and ``dc`` of the step before."""
        now, units, last = self.order[step], self.layer.units, step == len(self.order) - 1
        z, gates, dz = self.z[:, now], self.gates[:, now], self.dz_now
        dh, dc = self.dh, self.dc
        (i, f, g, o), (di, df, dg, do) = self.parts(gates), self.parts(self.dgates)
        (_, _, z_c, z_o), (_, _, dz_c, dz_o) = self.parts(z), self.parts(dz)
        handed = self.outputs.gradient
        if self.layer.return_sequences:
            handed = handed[:, step]
        if last:
            tape.add(np.copyto, handed.T, out=dh)
        elif self.layer.return_sequences:
            tape.add(np.add, handed.T, self.dh_next, out=dh)
        else:
            tape.add(np.copyto, self.dh_next, out=dh)

        squashed = self.squashed[:, now]
        tape.add(np.multiply, dh, squashed, out=do)
        tape.add(np.multiply, dh, o, out=self.part)
        self.squash.backward(
            tape, self.c[:, now].T, squashed.T, self.part.T, dc.T, self.scratch(step, "c")
        )
        if not last:
            tape.add(np.add, dc, self.dc_next, out=dc)
        tape.add(np.multiply, dc, g, out=di)
        tape.add(np.multiply, dc, i, out=dg)
        if step:
            tape.add(np.multiply, dc, self.c[:, self.order[step - 1]], out=df)
        else:
            tape.add(np.copyto, 0.0, out=df)  # c was 0 before the first step
        both = slice(0, 2 * units)
        self.gate.backward(
            tape,
            z[both].T,
            gates[both].T,
            self.dgates[both].T,
            dz[both].T,
            self.scratch(step, "i, f"),
        )
        self.squash.backward(tape, z_c.T, g.T, dg.T, dz_c.T, self.scratch(step, "g"))
        self.gate.backward(tape, z_o.T, o.T, do.T, dz_o.T, self.scratch(step, "o"))
        masked = None if self.masked is None else self.masked[now]
        if masked is not None:
            tape.add(np.copyto, 0.0, out=dz, where=masked)
        tape.add(np.copyto, dz, out=self.dz[:, now])
        if not step:
            return
        tape.add(np.multiply, dc, f, out=self.part)
        if masked is not None:
            # What a masked step was handed, it hands on as it is.
            tape.add(np.copyto, 0.0 if last else self.dc_next, out=self.part, where=masked)
        tape.add(np.copyto, self.part, out=self.dc_next)
        tape.add(np.dot, self.weight("recurrent_kernel"), dz, out=self.dh_next)
        if masked is not None:
            tape.add(np.copyto, dh, out=self.dh_next, where=masked)

    def recurrent_gradient(self, tape: Tape) -> None:
        """``h_t-1 @ dz_t.T``, summed over all steps in one product."""
        gradient = self.gradient("recurrent_kernel")
        if len(self.order) == 1:
            tape.add(np.copyto, 0.0, out=gradient)
            return
        earlier, later = slice(None, -1), slice(1, None)
        if self.layer.go_backwards:
            earlier, later = later, earlier
        h = self.h[:, earlier].reshape(self.layer.units, -1)
        dz = self.dz[:, later].reshape(4 * self.layer.units, -1)
        tape.add(np.dot, h, dz.T, out=gradient)
