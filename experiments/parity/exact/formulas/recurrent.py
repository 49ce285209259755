"""Embeddings and recurrent layers."""

from __future__ import annotations

import numpy as np

from experiments.parity.exact.formulas.activations import BACKWARD, FORWARD
from experiments.parity.exact.formulas.place import Computed, Gradients, Place
from experiments.parity.exact.rounding import Bounded, concatenate, matmul, select, stack
from scratchnet.layers import LSTM, Embedding
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


def lstm(layer: LSTM, at: Place) -> Computed:
    """``c_t = f c_t-1 + i g`` and ``h_t = o activation(c_t)``; a masked step changes nothing."""
    [x], [mask] = at.inputs, at.masks
    kernel, recurrent = at.weights["kernel"], at.weights["recurrent_kernel"]
    bias = at.weights.get("bias")
    both = concatenate((kernel, recurrent), axis=0)
    steps = range(x.shape[1])[:: -1 if layer.go_backwards else 1]
    squash, gate = layer.activation, layer.recurrent_activation
    features = x.shape[2]
    zero = x.precision.exact(np.zeros((x.shape[0], layer.units)))
    h, c = zero, zero
    kept: list[tuple[Bounded, ...]] = []
    outputs = []
    for t in steps:
        inputs = concatenate((x[:, t], h), axis=1)
        z_i, z_f, z_c, z_o = _parts(matmul(inputs, both, bias), layer.units)
        i, f, o = (FORWARD[gate](z) for z in (z_i, z_f, z_o))
        g = FORWARD[squash](z_c)
        new_c = f * c + i * g
        squashed = FORWARD[squash](new_c)
        kept.append((inputs, z_i, z_f, z_c, z_o, i, f, g, o, c, new_c, squashed))
        new_h = o * squashed
        h, c = _where(mask, t, new_h, h), _where(mask, t, new_c, c)
        outputs.append(h)
    sequence = stack(outputs).map(lambda v: np.moveaxis(v, 0, 1))

    def backward(_a: Bounded, da: Bounded) -> Gradients:
        dh, dc = zero, zero
        dzs, dxs = [], {}
        for number in reversed(range(len(kept))):
            t = steps[number]
            _, z_i, z_f, z_c, z_o, i, f, g, o, c_before, c_now, squashed = kept[number]
            if layer.return_sequences:
                dh = dh + da[:, number]
            elif number == len(kept) - 1:
                dh = dh + da
            do = dh * squashed
            dc_now = dc + BACKWARD[squash](c_now, squashed, dh * o)
            dz = concatenate(
                (
                    BACKWARD[gate](z_i, i, dc_now * g),
                    BACKWARD[gate](z_f, f, dc_now * c_before),
                    BACKWARD[squash](z_c, g, dc_now * i),
                    BACKWARD[gate](z_o, o, do),
                ),
                axis=1,
            )
            dz = _where(mask, t, dz, dz.precision.exact(np.zeros(dz.shape)))
            dzs.append(dz)
            dinputs = matmul(dz, both.T)
            dxs[t] = dinputs[:, :features]
            passed = dinputs[:, features:]
            dh, dc = _where(mask, t, passed, dh), _where(mask, t, dc_now * f, dc)
        all_inputs = concatenate(tuple(entry[0] for entry in reversed(kept)), axis=0)
        all_dz = concatenate(tuple(dzs), axis=0)
        dboth = matmul(all_inputs.T, all_dz)
        weights = {
            "kernel": dboth[:features],
            "recurrent_kernel": dboth[features:],
        }
        if bias is not None:
            weights["bias"] = all_dz.sum(axis=0)
        dx = stack([dxs[t] for t in range(x.shape[1])]).map(lambda v: np.moveaxis(v, 0, 1))
        return Gradients((dx,), weights)

    if not layer.return_sequences:
        return Computed(h, backward)
    return Computed(sequence, backward, mask=mask)


def _parts(z: Bounded, units: int) -> tuple[Bounded, ...]:
    """Cut into i, f, c and o."""
    return tuple(z[:, number * units : (number + 1) * units] for number in range(4))


def _where(mask: Array | None, t: int, new: Bounded, old: Bounded) -> Bounded:
    """Take the new value where a time step counts."""
    return new if mask is None else select(mask[:, t, None], new, old)
