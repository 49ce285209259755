"""Embeddings and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.place import Computed, Gradients, LayerFormula, Place
from experiments.parity.exact.rounding import Bounded, concatenate, matmul, select, stack
from scratchnet.layers import GRU, LSTM, Embedding, SimpleRNN
from scratchnet.types import Array


def embedding(layer: Embedding, at: Place) -> Computed:
    """Row ``x`` of the table; its gradient is the sum over all places that looked it up."""
    [x] = at.inputs
    table = at.weights["embeddings"]
    tokens = x.value.astype(np.int64)

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        # A product with 0 and 1 adds up the right rows, in any order.
        looked_up = (tokens.reshape(-1, 1) == np.arange(layer.input_dim)).astype(np.float64)
        rows = da.map(lambda values: values.reshape(-1, layer.output_dim))
        gradient = matmul(x.precision.exact(looked_up.T), rows)
        return Gradients((x,), {"embeddings": gradient})

    mask = tokens != 0 if layer.mask_zero else None
    return Computed(table[tokens], backward, mask=mask)


@dataclass(frozen=True)
class Masks:
    """What dropout multiplies inputs and states by, one for each gate; None: by nothing."""

    x: tuple[Bounded | None, ...]
    h: tuple[Bounded | None, ...]

    @classmethod
    def of(cls, layer: Any, at: Place) -> Masks:
        """Cut the noise of a layer."""
        gates = len(layer.recurrence.gates)
        none: tuple[Bounded | None, ...] = (None,) * gates
        if at.noise is None or not at.training:
            return cls(none, none)
        exact, noise = at.inputs[0].precision.exact, at.noise

        def cut(places: list[slice], rate: float) -> tuple[Bounded | None, ...]:
            scale = exact(1.0) / exact(1.0 - rate)
            masks = [exact(noise[:, place]) * scale for place in places]
            return tuple(masks * gates if len(masks) == 1 else masks) or none

        inputs, states = layer.mask_places(at.inputs[0].shape[2])
        return cls(cut(inputs, layer.dropout), cut(states, layer.recurrent_dropout))


class Cell:
    """One recurrent cell: products of inputs and states with the kernels, gate by gate."""

    def __init__(self, layer: Any, at: Place) -> None:
        self.layer, self.units = layer, layer.units
        [self.x], self.masks = at.inputs, Masks.of(layer, at)
        self.gates = len(layer.recurrence.gates)
        self.kernel, self.recurrent = at.weights["kernel"], at.weights["recurrent_kernel"]
        self.bias = at.weights.get("bias")
        exact = self.x.precision.exact
        self.zero = exact(np.zeros((self.x.shape[0], self.units)))
        self.dropped = any(mask is not None for mask in (*self.masks.x, *self.masks.h))

    def columns(self, of: Bounded, gate: int) -> Bounded:
        """Return the part of a gate."""
        return of[..., gate * self.units : (gate + 1) * self.units]

    def dropped_x(self, t: int, gate: int) -> Bounded:
        """Return the inputs of a time step as a gate sees them."""
        mask = self.masks.x[gate]
        return self.x[:, t] if mask is None else self.x[:, t] * mask

    def dropped_h(self, h: Bounded, gate: int) -> Bounded:
        """Return the state before as a gate sees it."""
        mask = self.masks.h[gate]
        return h if mask is None else h * mask

    def pre_activation(self, t: int, h: Bounded, gate: int) -> Bounded:
        """``x @ kernel + h @ recurrent_kernel + bias``: one sum, in any order."""
        inputs = concatenate((self.dropped_x(t, gate), self.dropped_h(h, gate)), axis=1)
        parts = (self.columns(self.kernel, gate), self.columns(self.recurrent, gate))
        bias = None if self.bias is None else self.columns(self.bias, gate)
        return matmul(inputs, concatenate(parts, axis=0), bias)


@dataclass(frozen=True)
class StepGradients:
    """What a cell hands back of one time step.

    Attributes
    ----------
    dz
        By gate: the gradient of its pre-activation, which inputs and bias see.
    dh
        By gate: that of the product with the state, where it is another.
    states
        Of the states before, without what goes through these products.
    reads
        By gate: the state that the recurrent kernel was multiplied with.
    through
        By gate: whether `dh` goes on through the recurrent kernel.
    """

    dz: list[Bounded]
    dh: list[Bounded]
    states: list[Bounded]
    reads: list[Bounded]
    through: list[bool]


def simple_cell(cell: Cell, t: int, states: list[Bounded]) -> tuple[list[Bounded], Any]:
    """``h = activation(z)``."""
    name = cell.layer.activation
    z = cell.pre_activation(t, states[0], 0)
    new = FORWARD[name](z)

    def backward(gradients: list[Bounded]) -> StepGradients:
        dz = [BACKWARD[name](z, new, gradients[0])]
        return StepGradients(dz, dz, [cell.zero], [cell.dropped_h(states[0], 0)], [True])

    return [new], backward


def lstm_cell(cell: Cell, t: int, states: list[Bounded]) -> tuple[list[Bounded], Any]:
    """``c_t = f c_t-1 + i g`` and ``h_t = o activation(c_t)``."""
    squash, gate = cell.layer.activation, cell.layer.recurrent_activation
    h, c = states
    z_i, z_f, z_c, z_o = (cell.pre_activation(t, h, number) for number in range(4))
    i, f, o = (FORWARD[gate](z) for z in (z_i, z_f, z_o))
    g = FORWARD[squash](z_c)
    new_c = f * c + i * g
    squashed = FORWARD[squash](new_c)

    def backward(gradients: list[Bounded]) -> StepGradients:
        dh, dc = gradients
        dc_now = dc + BACKWARD[squash](new_c, squashed, dh * o)
        dz = [
            BACKWARD[gate](z_i, i, dc_now * g),
            BACKWARD[gate](z_f, f, dc_now * c),
            BACKWARD[squash](z_c, g, dc_now * i),
            BACKWARD[gate](z_o, o, dh * squashed),
        ]
        reads = [cell.dropped_h(h, number) for number in range(4)]
        return StepGradients(dz, dz, [cell.zero, dc_now * f], reads, [True] * 4)

    return [o * squashed, new_c], backward


def gru_cell(cell: Cell, t: int, states: list[Bounded]) -> tuple[list[Bounded], Any]:
    """``h_t = u h_t-1 + (1 - u) g``, with the reset gate before or after the product."""
    squash, gate = cell.layer.activation, cell.layer.recurrent_activation
    [h] = states
    after, bias = cell.layer.reset_after, cell.bias
    x_bias = h_bias = None
    if bias is not None:
        x_bias, h_bias = (bias[0], bias[1]) if after else (bias, None)

    def product(number: int) -> tuple[Bounded, Bounded]:
        own = None if x_bias is None else cell.columns(x_bias, number)
        x = matmul(cell.dropped_x(t, number), cell.columns(cell.kernel, number), own)
        own = None if h_bias is None else cell.columns(h_bias, number)
        read = cell.dropped_h(h, number)
        return x, matmul(read, cell.columns(cell.recurrent, number), own)

    reads = [cell.dropped_h(h, number) for number in range(3)]
    (x_u, h_u), (x_r, h_r) = product(0), product(1)
    z_u, z_r = x_u + h_u, x_r + h_r
    u, r = FORWARD[gate](z_u), FORWARD[gate](z_r)
    x_g, h_g = product(2)
    kernel_g = cell.columns(cell.recurrent, 2)
    if not after:
        reset = r * reads[2]
        h_g = matmul(reset, kernel_g)
    z_g = x_g + (r * h_g if after else h_g)
    g = FORWARD[squash](z_g)
    kept = cell.x.precision.exact(1.0) - u

    def backward(gradients: list[Bounded]) -> StepGradients:
        [dh] = gradients
        dz_g = BACKWARD[squash](z_g, g, dh * kept)
        before = dh * u
        if after:
            dr, inner = dz_g * h_g, dz_g * r
        else:
            dreset = matmul(dz_g, kernel_g.T)
            dr, inner = dreset * reads[2], dz_g
            mask = cell.masks.h[2]
            through = dreset * r
            before = before + (through if mask is None else through * mask)
            reads[2] = reset
        dz_u = BACKWARD[gate](z_u, u, dh * h - dh * g)
        dz_r = BACKWARD[gate](z_r, r, dr)
        return StepGradients(
            [dz_u, dz_r, dz_g], [dz_u, dz_r, inner], [before], list(reads), [True, True, after]
        )

    return [u * h + kept * g], backward


def recurrent(layer: Any, at: Place, step: Callable[..., Any], states: int) -> Computed:
    """Go through the time steps; a masked one changes nothing."""
    cell, [mask] = Cell(layer, at), at.masks
    x, zero, gates = cell.x, cell.zero, cell.gates
    steps = range(x.shape[1])[:: -1 if layer.go_backwards else 1]
    now = [zero] * states
    kept, outputs = [], []
    for t in steps:
        new, back = step(cell, t, now)
        now = [_where(mask, t, a, b) for a, b in zip(new, now, strict=True)]
        kept.append(back)
        outputs.append(now[0])

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        gradients = [zero] * states
        dzs: list[list[Bounded]] = []
        dhs: list[list[Bounded]] = []
        reads, dxs = [], {}
        for number in reversed(range(len(kept))):
            t = steps[number]
            if layer.return_sequences:
                gradients[0] = gradients[0] + da[:, number]
            elif number == len(kept) - 1:
                gradients[0] = gradients[0] + da
            found: StepGradients = kept[number](gradients)
            dz, dh = ([_where(mask, t, part, zero) for part in p] for p in (found.dz, found.dh))
            dzs.append(dz)
            dhs.append(dh)
            reads.append(found.reads)
            dxs[t] = _through(cell.kernel, dz, cell.masks.x, cell, range(gates))
            passed = found.states
            through = [gate for gate in range(gates) if found.through[gate]]
            back = _through(cell.recurrent, dh, cell.masks.h, cell, through)
            passed = [passed[0] + back, *passed[1:]]
            gradients = [_where(mask, t, a, b) for a, b in zip(passed, gradients, strict=True)]
        x_reads = [[cell.dropped_x(t, gate) for gate in range(gates)] for t in reversed(steps)]
        weights = {
            "kernel": _kernel_gradient(x_reads, dzs, gates),
            "recurrent_kernel": _kernel_gradient(reads, dhs, gates),
        }
        if cell.bias is not None:
            weights["bias"] = _bias_gradient(dzs, dhs, two=len(cell.bias.shape) == 2)
        dx = stack([dxs[t] for t in range(x.shape[1])]).map(lambda v: np.moveaxis(v, 0, 1))
        return Gradients((dx,), weights)

    if not layer.return_sequences:
        return Computed(now[0], backward)
    sequence = stack(outputs).map(lambda v: np.moveaxis(v, 0, 1))
    return Computed(sequence, backward, mask=mask)


def _through(
    kernel: Bounded,
    gradients: list[Bounded],
    masks: tuple[Bounded | None, ...],
    cell: Cell,
    gates: Any,
) -> Bounded:
    """``kernel @ dz``; gate by gate where each has a mask of its own."""
    gates = list(gates)
    own = {id(masks[gate]) for gate in gates}
    if len(own) == 1:
        # One mask for all gates, or none: it may be applied before or after they are added up.
        both = concatenate(tuple(gradients[gate] for gate in gates), axis=1)
        columns = concatenate(tuple(cell.columns(kernel, gate) for gate in gates), axis=1)
        product, mask = matmul(both, columns.T), masks[gates[0]]
        return product if mask is None else product * mask
    parts = []
    for gate in gates:
        part, mask = matmul(gradients[gate], cell.columns(kernel, gate).T), masks[gate]
        parts.append(part if mask is None else part * mask)
    return stack(parts).sum(axis=0)


def _kernel_gradient(
    reads: list[list[Bounded]], gradients: list[list[Bounded]], gates: int
) -> Bounded:
    columns = []
    for gate in range(gates):
        rows = concatenate(tuple(entry[gate] for entry in reads), axis=0)
        dz = concatenate(tuple(entry[gate] for entry in gradients), axis=0)
        columns.append(matmul(rows.T, dz))
    return concatenate(tuple(columns), axis=1)


def _bias_gradient(dzs: list[list[Bounded]], dhs: list[list[Bounded]], *, two: bool) -> Bounded:
    def total(entries: list[list[Bounded]]) -> Bounded:
        joined = tuple(concatenate(tuple(entry), axis=1) for entry in entries)
        return concatenate(joined, axis=0).sum(axis=0)

    return stack([total(dzs), total(dhs)]) if two else total(dzs)


def simple_rnn(layer: SimpleRNN, at: Place) -> Computed:
    """``h_t = activation(z_t)``."""
    return recurrent(layer, at, simple_cell, 1)


def lstm(layer: LSTM, at: Place) -> Computed:
    """Long short-term memory."""
    return recurrent(layer, at, lstm_cell, 2)


def gru(layer: GRU, at: Place) -> Computed:
    """Gated recurrent unit."""
    return recurrent(layer, at, gru_cell, 1)


RECURRENT: dict[str, LayerFormula] = {
    Embedding.kind: embedding,
    GRU.kind: gru,
    LSTM.kind: lstm,
    SimpleRNN.kind: simple_rnn,
}
"""By the layer's kind."""


def _where(mask: Array | None, t: int, new: Bounded, old: Bounded) -> Bounded:
    """Take the new value where a time step counts."""
    return new if mask is None else select(mask[:, t, None], new, old)
