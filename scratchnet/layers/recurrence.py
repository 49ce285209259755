"""How recurrent layers run: the buffers of all time steps, and the ops of each.

Everything here is in the order in which the time steps are gone through. ``x`` and ``h`` are
``(rows, time, samples)``; gates stand time first, ``(time, gates * units, samples)``, so that those
of one step are one contiguous block. The products with ``x`` of all steps are one call, and so are
the gradients of the kernels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scratchnet.activations import ACTIVATIONS, Scratch
from scratchnet.buffer import Buffer, channels_first
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.parameters import Parameters


class Recurrence(ABC):
    """A recurrent layer at work on one sequence of inputs.

    Parameters
    ----------
    layer
        Its description, a `scratchnet.layers.recurrent.Recurrent`.
    source
        What it reads.
    parameters
        Of the network.
    prefix
        What its weights' names begin with, as ``"lstm_1/"``.
    noise
        ``(samples, masks)`` of 0 and 1, see `Recurrent.noise_shape`; None where none is needed.

    Attributes
    ----------
    outputs
        ``(samples, units)``, or ``(samples, time, units)`` where sequences are returned.
    handed
        Of the same shape: where `backward` finds the gradient of the outputs.
    forward, inference, backward
        The tapes.
    """

    gates: ClassVar[tuple[int, ...]]
    """Which of Keras's gates stand where here: neighbours share an activation."""

    def __init__(
        self,
        layer: Any,
        source: Buffer,
        parameters: Parameters,
        prefix: str,
        noise: Array | None = None,
    ) -> None:
        self.layer, self.source = layer, source
        self._parameters, self._prefix = parameters, prefix
        samples, steps, features = source.values.shape
        self.units, self.steps = layer.units, steps
        self.way = slice(None, None, -1 if layer.go_backwards else 1)
        self.width = len(self.gates) * self.units

        def made(*shape: int) -> Array:
            return np.zeros((*shape, samples), source.values.dtype)

        self._made = made
        # With recurrent dropout each gate has masks of its own, hence inputs of its own.
        copies = len(self.gates) if layer.recurrent_dropout else 1
        self.x = [made(features, steps) for _ in range(copies)]
        self.h = made(self.units, steps + 1)  # the first is the state before all steps: 0
        self.h_dropped: list[Array] = []
        if layer.recurrent_dropout:
            self.h_dropped = [made(self.units, steps) for _ in range(copies)]
        self.kernel_T = np.zeros((self.width, features), source.values.dtype)
        self.recurrent_T = np.zeros((self.width, self.units), source.values.dtype)
        self.z, self.a, self.dz = (made(steps, self.width) for _ in range(3))
        self.inner = made(self.width)
        self.dh, self.dh_next, self.part = (made(self.units) for _ in range(3))
        self.masked = None if source.mask is None else np.zeros((steps, samples), np.bool_)
        self.squash = ACTIVATIONS[layer.activation]
        self._scratches: dict[tuple[int, str], Scratch] = {}
        self.x_masks: list[Array] = []
        self.h_masks: list[Array] = []
        self._scale_masks = Tape()
        if noise is not None:
            self._bind_masks(channels_first(noise), features)

        self.outputs = (self.h[:, 1:] if layer.return_sequences else self.h[:, -1]).T
        self.handed = np.zeros_like(self.outputs)
        self.dx = source.claim_gradient()
        self.forward = self._forward(dropped=True)
        self.inference = self._forward(dropped=False) if noise is not None else self.forward
        self.backward = self._backward()

    def _bind_masks(self, noise: Array, features: int) -> None:
        """Make the masks of ``x`` and of ``h``, one for each copy, and the ops that scale them."""
        scaled = np.zeros(noise.shape, noise.dtype)
        inputs, states = self.layer.mask_places(features)
        for rate, masks, places in (
            (self.layer.dropout, self.x_masks, inputs),
            (self.layer.recurrent_dropout, self.h_masks, states),
        ):
            if places:
                masks += [scaled[place] for place in places]
                every = slice(places[0].start, places[-1].stop)
                scale = np.asarray(1 / (1 - rate), self.z.dtype)
                self._scale_masks.add(np.multiply, noise[every], scale, out=scaled[every])

    def weight(self, name: str) -> Array:
        """Return a weight of the layer."""
        return self._parameters[self._prefix + name]

    def gradient(self, name: str) -> Array:
        """Return where a weight's gradient goes."""
        return self._parameters.gradient(self._prefix + name)

    def scratch(self, step: int, of: str, rows: int) -> Scratch:
        """Return the memory of an activation; its backward may use what its forward left."""
        return self._scratches.setdefault((step, of), Scratch(self.inner[:rows].T))

    def rows(self, gate: int) -> slice:
        """Return the rows of a gate."""
        return slice(gate * self.units, (gate + 1) * self.units)

    def copy_rows(self, tape: Tape, memory: Array, of: Array, *, back: bool = False) -> None:
        """Copy ``(rows, gates * units)`` in Keras's order to ``(gates * units, rows)``, or back."""
        for here, there in enumerate(self.gates):
            ours, keras = memory[self.rows(here)], of[:, self.rows(there)].T
            tape.add(np.copyto, ours if back else keras, out=keras if back else ours)

    def _forward(self, *, dropped: bool) -> Tape:
        tape, layer = Tape(), self.layer
        x = channels_first(self.source.values)[:, self.way]
        self.copy_rows(tape, self.kernel_T, self.weight("kernel"))
        self.copy_rows(tape, self.recurrent_T, self.weight("recurrent_kernel"))
        if dropped:
            tape += self._scale_masks
        for copy, own in enumerate(self.x):
            if self.x_masks and dropped:
                mask = self.x_masks[self._keras(copy)]
                tape.add(np.multiply, x, mask[:, None], out=own)
            else:
                tape.add(np.copyto, x, out=own)
            rows = self._rows_of(copy)
            tape.add(np.matmul, self.kernel_T[rows], own.transpose(1, 0, 2), out=self.z[:, rows])
        if layer.use_bias:
            self.add_bias(tape)
        if self.masked is not None and self.source.mask is not None:
            tape.add(np.logical_not, self.source.mask.T[self.way], out=self.masked)
        for step in range(self.steps):
            self.forward_step(tape, step, dropped=dropped)
            if self.masked is not None:
                self._keep_state(tape, step)
        return tape

    def add_bias(self, tape: Tape) -> None:
        """Add the bias to the products with ``x``."""
        bias = self.weight("bias")
        for here, there in enumerate(self.gates):
            z = self.z[:, self.rows(here)]
            tape.add(np.add, z, bias[self.rows(there), None], out=z)

    def bias_gradient(self, tape: Tape, dz: Array) -> None:
        """The sum of ``dz`` over time steps and samples."""
        sums = np.zeros((self.width, 1), dz.dtype)
        tape.add(np.add.reduce, dz, axis=1, keepdims=True, out=sums)
        self.copy_rows(tape, sums, self.gradient("bias")[None], back=True)

    def states(self) -> tuple[Array, ...]:
        """Return what is carried on from step to step, each ``(units, time + 1, samples)``."""
        return (self.h,)

    def _keep_state(self, tape: Tape, step: int) -> None:
        """A masked step leaves the states as they were."""
        assert self.masked is not None
        for state in self.states():
            tape.add(np.copyto, state[:, step], out=state[:, step + 1], where=self.masked[step])

    def _rows_of(self, copy: int) -> slice:
        return slice(None) if len(self.x) == 1 else self.rows(copy)

    def _keras(self, copy: int) -> int:
        return 0 if len(self.x) == 1 else self.gates[copy]

    def product(self, tape: Tape, step: int, out: Array, *, dropped: bool) -> None:
        """``recurrent_kernel.T @ h``, for each gate with its own mask."""
        if not (self.h_masks and dropped):
            tape.add(np.dot, self.recurrent_T[: len(out)], self.h[:, step], out=out)
            return
        for gate in range(len(out) // self.units):
            rows, own = self.rows(gate), self.h_dropped[gate][:, step]
            tape.add(np.multiply, self.h[:, step], self.h_masks[self._keras(gate)], out=own)
            tape.add(np.dot, self.recurrent_T[rows], own, out=out[rows])

    def product_backward(self, tape: Tape, dz: Array, out: Array) -> None:
        """``recurrent_kernel @ dz``, and back through the masks."""
        if not self.h_masks:
            tape.add(np.dot, self.recurrent_T[: len(dz)].T, dz, out=out)
            return
        for gate in range(len(dz) // self.units):
            rows, own = self.rows(gate), out if gate == 0 else self.part
            tape.add(np.dot, self.recurrent_T[rows].T, dz[rows], out=own)
            tape.add(np.multiply, own, self.h_masks[self._keras(gate)], out=own)
            if gate:
                tape.add(np.add, out, own, out=out)

    def _backward(self) -> Tape:
        tape, layer = Tape(), self.layer
        handed = self.handed.T
        for step in reversed(range(self.steps)):
            last = step == self.steps - 1
            if layer.return_sequences and not last:
                tape.add(np.add, handed[:, step], self.dh_next, out=self.dh)
            elif last:
                tape.add(
                    np.copyto, handed[:, step] if layer.return_sequences else handed, out=self.dh
                )
            else:
                tape.add(np.copyto, self.dh_next, out=self.dh)
            self.backward_step(tape, step)
        dz = self._gathered(tape, self.dz)
        self._kernel_gradient(tape, dz)
        self.recurrent_gradient(tape, dz)
        if layer.use_bias:
            self.bias_gradient(tape, dz)
        if self.dx is not None:
            self._input_gradient(tape, dz, channels_first(self.dx)[:, self.way])
        return tape

    def _gathered(self, tape: Tape, dz: Array) -> Array:
        """Return ``(gates * units, time * samples)`` of what stands time first."""
        matrix = self._made(dz.shape[1], self.steps)
        tape.add(np.copyto, dz.transpose(1, 0, 2), out=matrix)
        return matrix.reshape(dz.shape[1], -1)

    def _kernel_gradient(self, tape: Tape, dz: Array) -> None:
        gradient = np.zeros_like(self.kernel_T)
        for copy, x in enumerate(self.x):
            rows = self._rows_of(copy)
            tape.add(np.dot, dz[rows], x.reshape(len(x), -1).T, out=gradient[rows])
        self.copy_rows(tape, gradient, self.gradient("kernel"), back=True)

    def recurrent_gradient(self, tape: Tape, dz: Array) -> None:
        """``h @ dz.T``, summed over all steps in one product."""
        gradient = np.zeros_like(self.recurrent_T)
        for copy, h in enumerate(self.h_dropped or [self.h[:, :-1]]):
            rows = self._rows_of(copy)
            tape.add(np.dot, dz[rows], h.reshape(len(h), -1).T, out=gradient[rows])
        self.copy_rows(tape, gradient, self.gradient("recurrent_kernel"), back=True)

    def _input_gradient(self, tape: Tape, dz: Array, dx: Array) -> None:
        part = self._made(*dx.shape[:-1])
        for copy in range(len(self.x)):
            rows = self._rows_of(copy)
            tape.add(np.dot, self.kernel_T[rows].T, dz[rows], out=part.reshape(len(dx), -1))
            if self.x_masks:
                tape.add(np.multiply, part, self.x_masks[self._keras(copy)][:, None], out=part)
            tape.add(np.copyto, part, out=dx) if copy == 0 else tape.add(np.add, dx, part, out=dx)
        tape.name_last("input")

    def pass_masked(self, tape: Tape, step: int, *handed: tuple[Array, Array]) -> None:
        """A masked step changes no weight, and hands on what it was handed."""
        if self.masked is None:
            return
        tape.add(np.copyto, 0.0, out=self.dz[step], where=self.masked[step])
        for given, out in handed:
            tape.add(np.copyto, given, out=out, where=self.masked[step])

    @abstractmethod
    def forward_step(self, tape: Tape, step: int, *, dropped: bool) -> None:
        """From the state ``step`` to the state ``step + 1``."""

    @abstractmethod
    def backward_step(self, tape: Tape, step: int) -> None:
        """From ``dh`` to ``dz[step]`` and ``dh_next``, the gradient of the state before."""


class SimpleRecurrence(Recurrence):
    """``h_t = activation(z_t)`` with ``z_t = kernel.T @ x_t + recurrent_kernel.T @ h_t-1 + b``."""

    gates = (0,)

    def forward_step(self, tape: Tape, step: int, *, dropped: bool) -> None:
        """``h_t``."""
        z, a = self.z[step], self.a[step]
        self.product(tape, step, self.inner, dropped=dropped)
        tape.add(np.add, z, self.inner, out=z)
        self.squash.forward(tape, z.T, a.T, self.scratch(step, "h", self.units))
        tape.add(np.copyto, a, out=self.h[:, step + 1])

    def backward_step(self, tape: Tape, step: int) -> None:
        """``dz = dh * activation'(z)`` and ``dh_t-1 = recurrent_kernel @ dz``."""
        dz, scratch = self.dz[step], self.scratch(step, "h", self.units)
        self.squash.backward(tape, self.z[step].T, self.a[step].T, self.dh.T, dz.T, scratch)
        self.pass_masked(tape, step)
        self.product_backward(tape, dz, self.dh_next)
        self.pass_masked(tape, step, (self.dh, self.dh_next))


class LongShortTermRecurrence(Recurrence):
    """The cell of an LSTM; here the gates stand as i, f, o, and then the candidate g."""

    gates = (0, 1, 3, 2)

    def __init__(self, layer: Any, source: Buffer, *rest: Any, **options: Any) -> None:
        samples, steps, _ = source.values.shape
        shape, dtype = (layer.units, steps + 1, samples), source.values.dtype
        self.c, self.gate = np.zeros(shape, dtype), ACTIVATIONS[layer.recurrent_activation]
        self.squashed = np.zeros((steps, layer.units, samples), dtype)
        self.dc, self.dc_next = (np.zeros((layer.units, samples), dtype) for _ in range(2))
        self.da = np.zeros((4 * layer.units, samples), dtype)
        super().__init__(layer, source, *rest, **options)

    def states(self) -> tuple[Array, ...]:
        """Return ``h`` and ``c``."""
        return self.h, self.c

    def forward_step(self, tape: Tape, step: int, *, dropped: bool) -> None:
        """``c_t = f * c_t-1 + i * g`` and ``h_t = o * activation(c_t)``."""
        z, a, units = self.z[step], self.a[step], self.units
        c, squashed = self.c[:, step + 1], self.squashed[step]
        i, f, o, g = (a[self.rows(gate)] for gate in range(4))
        self.product(tape, step, self.inner, dropped=dropped)
        tape.add(np.add, z, self.inner, out=z)
        three = slice(0, 3 * units)
        self.gate.forward(tape, z[three].T, a[three].T, self.scratch(step, "i, f, o", 3 * units))
        self.squash.forward(tape, z[3 * units :].T, g.T, self.scratch(step, "g", units))
        tape.add(np.multiply, i, g, out=self.part)
        tape.add(np.multiply, f, self.c[:, step], out=c)
        tape.add(np.add, c, self.part, out=c)
        self.squash.forward(tape, c.T, squashed.T, self.scratch(step, "c", units))
        tape.add(np.multiply, o, squashed, out=self.h[:, step + 1])

    def backward_step(self, tape: Tape, step: int) -> None:
        """``dc = dh * o * activation'(c) + f_t+1 * dc_t+1``, and from it the gates' gradients."""
        z, a, dz, da, units = self.z[step], self.a[step], self.dz[step], self.da, self.units
        dh, dc, squashed = self.dh, self.dc, self.squashed[step]
        i, f, o, g = (a[self.rows(gate)] for gate in range(4))
        di, df, do, dg = (da[self.rows(gate)] for gate in range(4))
        tape.add(np.multiply, dh, squashed, out=do)
        tape.add(np.multiply, dh, o, out=self.part)
        c = self.c[:, step + 1]
        self.squash.backward(
            tape, c.T, squashed.T, self.part.T, dc.T, self.scratch(step, "c", units)
        )
        if step < self.steps - 1:
            tape.add(np.add, dc, self.dc_next, out=dc)
        tape.add(np.multiply, dc, g, out=di)
        tape.add(np.multiply, dc, self.c[:, step], out=df)
        tape.add(np.multiply, dc, i, out=dg)
        three, last = slice(0, 3 * units), slice(3 * units, None)
        self.gate.backward(
            tape,
            z[three].T,
            a[three].T,
            da[three].T,
            dz[three].T,
            self.scratch(step, "i, f, o", 3 * units),
        )
        self.squash.backward(tape, z[last].T, g.T, dg.T, dz[last].T, self.scratch(step, "g", units))
        if self.masked is not None:
            # What a masked step was handed, it hands on as it is.
            tape.add(np.multiply, dc, f, out=self.part)
            given = self.dc_next if step < self.steps - 1 else 0.0
            tape.add(np.copyto, given, out=self.part, where=self.masked[step])
            tape.add(np.copyto, self.part, out=self.dc_next)
        else:
            tape.add(np.multiply, dc, f, out=self.dc_next)
        self.pass_masked(tape, step)
        self.product_backward(tape, dz, self.dh_next)
        self.pass_masked(tape, step, (dh, self.dh_next))


class GatedRecurrence(Recurrence):
    """The cell of a GRU: update gate u (Keras's z), reset gate r, candidate g."""

    gates = (0, 1, 2)

    def __init__(self, layer: Any, source: Buffer, *rest: Any, **options: Any) -> None:
        samples, steps, _ = source.values.shape
        self.gate = ACTIVATIONS[layer.recurrent_activation]

        def made(*shape: int) -> Array:
            return np.zeros((*shape, samples), source.values.dtype)

        # What the reset gate multiplies, before and after: products, or the state itself.
        self.products = made(steps, layer.units)
        self.reset_state = made(layer.units, steps)
        self.dinner = made(steps, 3 * layer.units)
        self.da = made(2 * layer.units)
        self.kept, self.other = made(steps, layer.units), made(layer.units)
        super().__init__(layer, source, *rest, **options)

    def add_bias(self, tape: Tape) -> None:
        """Add the first row of the bias, if there are two."""
        bias = self.weight("bias")
        bias = bias[0] if self.layer.reset_after else bias
        tape.add(np.add, self.z, bias[:, None], out=self.z)

    def bias_gradient(self, tape: Tape, dz: Array) -> None:
        """The sums over time steps and samples, of two gradients if there are two rows."""
        gradient = self.gradient("bias")
        if self.layer.reset_after:
            tape.add(np.add.reduce, dz, axis=1, out=gradient[0])
            tape.add(np.add.reduce, self.inner_gradient, axis=1, out=gradient[1])
        else:
            tape.add(np.add.reduce, dz, axis=1, out=gradient)

    def _dropped_state(self, step: int, *, dropped: bool) -> Array:
        """Return the state that the candidate reads."""
        return self.h_dropped[2][:, step] if self.h_masks and dropped else self.h[:, step]

    def forward_step(self, tape: Tape, step: int, *, dropped: bool) -> None:
        """``h_t = u * h_t-1 + (1 - u) * g``, with r before or after the candidate's product."""
        units, layer = self.units, self.layer
        z, a, h = self.z[step], self.a[step], self.h[:, step]
        both, last = slice(0, 2 * units), slice(2 * units, None)
        u, r, g = (a[self.rows(gate)] for gate in range(3))
        product, kept = self.products[step], self.kept[step]
        if layer.reset_after:
            self.product(tape, step, self.inner, dropped=dropped)
            if layer.use_bias:
                tape.add(np.add, self.inner, self.weight("bias")[1][:, None], out=self.inner)
            tape.add(np.copyto, self.inner[last], out=product)
        else:
            self.product(tape, step, self.inner[both], dropped=dropped)
        tape.add(np.add, z[both], self.inner[both], out=z[both])
        self.gate.forward(tape, z[both].T, a[both].T, self.scratch(step, "u, r", 2 * units))
        if layer.reset_after:
            tape.add(np.multiply, r, product, out=self.part)
        else:
            state, reset = self._dropped_state(step, dropped=dropped), self.reset_state[:, step]
            if self.h_masks and dropped:
                tape.add(np.multiply, h, self.h_masks[2], out=state)
            tape.add(np.multiply, r, state, out=reset)
            tape.add(np.dot, self.recurrent_T[last], reset, out=self.part)
        tape.add(np.add, z[last], self.part, out=z[last])
        self.squash.forward(tape, z[last].T, g.T, self.scratch(step, "g", units))
        one = np.ones((), z.dtype)
        tape.add(np.subtract, one, u, out=kept)
        tape.add(np.multiply, u, h, out=self.part)
        tape.add(np.multiply, kept, g, out=self.h[:, step + 1])
        tape.add(np.add, self.h[:, step + 1], self.part, out=self.h[:, step + 1])

    def backward_step(self, tape: Tape, step: int) -> None:
        """``du = dh * (h_t-1 - g)``, ``dg = dh * (1 - u)``, and back through r."""
        units, layer = self.units, self.layer
        z, a, dz, h = self.z[step], self.a[step], self.dz[step], self.h[:, step]
        both, last = slice(0, 2 * units), slice(2 * units, None)
        u, r, g = (a[self.rows(gate)] for gate in range(3))
        du, dr = self.da[:units], self.da[units:]
        dinner, part, other = self.dinner[step], self.part, self.other
        tape.add(np.multiply, self.dh, self.kept[step], out=part)
        self.squash.backward(
            tape, z[last].T, g.T, part.T, dz[last].T, self.scratch(step, "g", units)
        )
        tape.add(np.subtract, h, g, out=du)
        tape.add(np.multiply, du, self.dh, out=du)
        if layer.reset_after:
            tape.add(np.multiply, dz[last], self.products[step], out=dr)
            tape.add(np.multiply, dz[last], r, out=dinner[last])
        else:
            tape.add(np.dot, self.recurrent_T[last].T, dz[last], out=part)
            tape.add(np.multiply, part, self._dropped_state(step, dropped=True), out=dr)
            tape.add(np.multiply, part, r, out=other)
            if self.h_masks:
                tape.add(np.multiply, other, self.h_masks[2], out=other)
        scratch = self.scratch(step, "u, r", 2 * units)
        self.gate.backward(tape, z[both].T, a[both].T, self.da.T, dz[both].T, scratch)
        if self.masked is not None:
            tape.add(np.copyto, 0.0, out=dinner, where=self.masked[step])
        self.pass_masked(tape, step)
        tape.add(np.copyto, dz[both], out=dinner[both])
        self.product_backward(tape, dinner if layer.reset_after else dinner[both], self.dh_next)
        if not layer.reset_after:
            tape.add(np.add, self.dh_next, other, out=self.dh_next)
        tape.add(np.multiply, self.dh, u, out=part)
        tape.add(np.add, self.dh_next, part, out=self.dh_next)
        self.pass_masked(tape, step, (self.dh, self.dh_next))

    def recurrent_gradient(self, tape: Tape, dz: Array) -> None:
        """That of the gates, and that of the candidate, which reads another state."""
        self.inner_gradient = dz
        if self.layer.reset_after:
            self.inner_gradient = self._gathered(tape, self.dinner)
            super().recurrent_gradient(tape, self.inner_gradient)
            return
        gradient = np.zeros_like(self.recurrent_T)
        states = self.h_dropped[:2] if self.h_masks else [self.h[:, :-1]] * 2
        for gate, state in enumerate((*states, self.reset_state)):
            rows = self.rows(gate)
            tape.add(np.dot, dz[rows], state.reshape(len(state), -1).T, out=gradient[rows])
        self.copy_rows(tape, gradient, self.gradient("recurrent_kernel"), back=True)
