"""Layers that go through a sequence step by step."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scratchnet.activations import ACTIVATIONS
from scratchnet.buffer import Buffer
from scratchnet.errors import (
    ArchitectureError,
    check_boolean,
    check_choice,
    check_positive,
    check_share,
)
from scratchnet.initializers import INITIALIZERS, Initializer
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.recurrence import (
    GatedRecurrence,
    LongShortTermRecurrence,
    Recurrence,
    SimpleRecurrence,
)
from scratchnet.regularizers import Regularizer, as_regularizer
from scratchnet.tape import Tape
from scratchnet.types import Array

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Recurrent(Layer):
    """What recurrent layers have in common."""

    recurrence: ClassVar[type[Recurrence]]

    units: int
    activation: str = "tanh"
    _: KW_ONLY
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    recurrent_initializer: str = "orthogonal"
    bias_initializer: str = "zeros"
    kernel_regularizer: Regularizer | None = None
    recurrent_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    go_backwards: bool = False
    return_state: bool = False
    stateful: bool = False

    def __post_init__(self) -> None:
        check_positive("units", self.units)
        for field in ("use_bias", "return_sequences", "go_backwards", "return_state", "stateful"):
            check_boolean(field, getattr(self, field))
        check_choice("activation", self.activation, ACTIVATIONS)
        for field in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
            check_choice(field, getattr(self, field), INITIALIZERS)
        for field in ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"):
            object.__setattr__(self, field, as_regularizer(field, getattr(self, field)))
        check_share("dropout", self.dropout)
        check_share("recurrent_dropout", self.recurrent_dropout)
        if self.return_state:
            raise ArchitectureError(
                "return_state = True; expected false: a layer has one output here"
            )
        if self.stateful:
            raise ArchitectureError(
                "stateful = True; expected false: every batch starts from a state of zeros here"
            )

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(time, units)`` for sequences, else ``(units,)``."""
        if len(shapes[0]) != 2:
            raise ArchitectureError(
                f"input shape {shapes[0]}; {self.kind} expects (time, features)"
            )
        return (shapes[0][0], self.units) if self.return_sequences else (self.units,)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return kernel, recurrent kernel and bias, the gates side by side."""
        width = len(self.recurrence.gates) * self.units
        found = {
            "kernel": Weight(
                (shapes[0][-1], width),
                self.kernel_initializer,
                regularizer=self.kernel_regularizer,
            ),
            "recurrent_kernel": Weight(
                (self.units, width),
                self.recurrent_initializer,
                regularizer=self.recurrent_regularizer,
            ),
        }
        if self.use_bias:
            found["bias"] = Weight(
                self.bias_shape(), self.bias_rule(), regularizer=self.bias_regularizer
            )
        return found

    def bias_shape(self) -> tuple[int, ...]:
        """Return the shape of the bias."""
        return (len(self.recurrence.gates) * self.units,)

    def bias_rule(self) -> str | Initializer:
        """Return how the bias is drawn."""
        return self.bias_initializer

    @property
    def needs_noise(self) -> bool:  # type: ignore[override]  # here it depends on the fields
        """Whether there is dropout."""
        return bool(self.dropout or self.recurrent_dropout)

    def mask_places(self, features: int) -> tuple[list[slice], list[slice]]:
        """Return where in the noise the masks of the inputs are, and where those of the state.

        One mask counts for all time steps. With recurrent dropout each gate has masks of its own,
        as in Keras; without it, one is for all gates.
        """
        copies = len(self.recurrence.gates) if self.recurrent_dropout else 1
        inputs = range(copies if self.dropout else 0)
        states = range(copies if self.recurrent_dropout else 0)
        first = len(inputs) * features
        return (
            [slice(n * features, (n + 1) * features) for n in inputs],
            [slice(first + n * self.units, first + (n + 1) * self.units) for n in states],
        )

    def noise_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of the masks' values, see `mask_places`."""
        inputs, states = self.mask_places(shapes[0][-1])
        return (sum(place.stop - place.start for place in [*inputs, *states]),)

    def draw_noise(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        """Draw the masks: 1 where a value stays, else 0."""
        drawn: Array = random.random_sample(shape)
        states = len(self.recurrence.gates) * self.units if self.recurrent_dropout else 0
        rates = np.full(shape[-1], self.dropout)
        rates[shape[-1] - states :] = self.recurrent_dropout
        return (drawn >= rates).astype(np.float64)

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops of all time steps, one after another."""
        [source], outputs = inputs, plan.outputs_of(self)
        noise = plan.noise(self) if self.needs_noise else None
        run = self.recurrence(self, source, parameters, f"{self.name}/", noise)
        training, inference, backward = Tape(run.forward), Tape(run.inference), Tape()
        for tape in (training, inference):
            tape.add(np.copyto, run.outputs, out=outputs.values)
        backward.add(np.copyto, outputs.gradient, out=run.handed)
        if self.return_sequences:
            outputs.mask = source.mask
        return Pass(outputs, training, Tape(backward + run.backward), inference)


@dataclass(frozen=True)
class SimpleRNN(Recurrent):
    """The fully connected recurrent layer (Elman 1990; ``keras.layers.SimpleRNN``).

    ::

        h_t = activation(kernel.T @ x_t + recurrent_kernel.T @ h_t-1 + bias)

    Parameters
    ----------
    units
        Number of outputs of a time step, at least 1.
    activation
        A name in `scratchnet.activations.ACTIVATIONS`.
    use_bias
        Whether there is a bias.
    kernel_initializer, recurrent_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer
        A regularizer, or its table as ``{"name": "l2", "l2": 0.01}``.
    dropout, recurrent_dropout
        Shares of the inputs and of the state that are set to 0 in training, at least 0 and below
        1; one draw counts for all time steps.
    return_sequences
        Whether every time step's outputs are handed on, or the last one's alone.
    go_backwards
        Whether the sequence is gone through from its end.
    return_state, stateful
        Only false: a layer has one output here, and every batch starts from a state of zeros.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "simple_rnn"
    recurrence: ClassVar[type[Recurrence]] = SimpleRecurrence


@dataclass(frozen=True)
class Gated(Recurrent):
    """What layers have in common whose gates have an activation of their own."""

    recurrent_activation: str = "sigmoid"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("recurrent_activation", self.recurrent_activation, ACTIVATIONS)


@dataclass(frozen=True)
class LSTM(Gated):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; ``keras.layers.LSTM``).

    With ``z = kernel.T @ x_t + recurrent_kernel.T @ h_t-1 + bias``, cut into i, f, c, o::

        i, f, o = recurrent_activation(z_i, z_f, z_o)     g = activation(z_c)
        c_t = f * c_t-1 + i * g                           h_t = o * activation(c_t)

    and backward, from the last step to the first::

        do = dh * activation(c_t)      dc = dh * o * activation'(c_t) + f_t+1 * dc_t+1
        di = dc * g    df = dc * c_t-1    dg = dc * i     each times its activation's derivative
        dh_t-1 = recurrent_kernel @ dz

    Parameters
    ----------
    units
        Number of outputs of a time step, at least 1.
    activation, recurrent_activation
        Of the candidate and of the cell, and of the three gates: names in
        `scratchnet.activations.ACTIVATIONS`.
    use_bias, unit_forget_bias
        Whether there is a bias, and whether that of the forget gate starts at 1.
    kernel_initializer, recurrent_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer
        A regularizer, or its table as ``{"name": "l2", "l2": 0.01}``.
    dropout, recurrent_dropout
        Shares of the inputs and of the state that are set to 0 in training, at least 0 and below
        1; one draw counts for all time steps, with recurrent dropout one for each gate.
    return_sequences
        Whether every time step's outputs are handed on, or the last one's alone.
    go_backwards
        Whether the sequence is gone through from its end.
    return_state, stateful
        Only false: a layer has one output here, and every batch starts from a state of zeros.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "lstm"
    recurrence: ClassVar[type[Recurrence]] = LongShortTermRecurrence

    _: KW_ONLY
    unit_forget_bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_boolean("unit_forget_bias", self.unit_forget_bias)

    def bias_rule(self) -> str | Initializer:
        """Return what starts the forget gate's bias at 1."""
        return self._draw_bias

    def _draw_bias(self, random: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        bias = INITIALIZERS[self.bias_initializer](random, shape)
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1.0
        return bias


@dataclass(frozen=True)
class GRU(Gated):
    """Gated recurrent unit (Cho et al. 2014; ``keras.layers.GRU``).

    With ``x`` and ``h`` standing for their products with the kernels and a row of the bias each::

        u, r = recurrent_activation(x_u + h_u, x_r + h_r)
        g = activation(x_g + r * h_g)                        with reset_after
        g = activation(x_g + recurrent_kernel_g.T @ (r * h_t-1))      without
        h_t = u * h_t-1 + (1 - u) * g

    Parameters
    ----------
    units
        Number of outputs of a time step, at least 1.
    activation, recurrent_activation
        Of the candidate, and of the two gates: names in `scratchnet.activations.ACTIVATIONS`.
    use_bias
        Whether there is a bias: two rows of it with `reset_after`, for x and for h.
    kernel_initializer, recurrent_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer
        A regularizer, or its table as ``{"name": "l2", "l2": 0.01}``.
    dropout, recurrent_dropout
        Shares of the inputs and of the state that are set to 0 in training, at least 0 and below
        1; one draw counts for all time steps, with recurrent dropout one for each gate.
    return_sequences
        Whether every time step's outputs are handed on, or the last one's alone.
    go_backwards
        Whether the sequence is gone through from its end.
    return_state, stateful
        Only false: a layer has one output here, and every batch starts from a state of zeros.
    reset_after
        Whether the reset gate comes after the product with the state.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong; the message names it.
    """

    kind: ClassVar[str] = "gru"
    recurrence: ClassVar[type[Recurrence]] = GatedRecurrence

    _: KW_ONLY
    reset_after: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_boolean("reset_after", self.reset_after)

    def bias_shape(self) -> tuple[int, ...]:
        """Return the shape of the bias: two rows with `reset_after`."""
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)
