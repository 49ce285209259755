"""All buffers of a network for one batch size, and the tapes that fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.activations import Scratch
from scratchnet.architecture import INPUT, Architecture
from scratchnet.buffer import Buffer
from scratchnet.layers import Layer, Pass
from scratchnet.losses import LossPass
from scratchnet.metrics import Accuracy
from scratchnet.noise import draw_noise
from scratchnet.parameters import Parameters
from scratchnet.tape import Op, Tape, prefixed
from scratchnet.types import Array


class BatchPlan:
    """All buffers of a network for one batch size, and the order in which they are filled.

    Parameters
    ----------
    architecture
        What to run.
    parameters
        Its weights.
    samples
        The batch size.
    constants
        See `scratchnet.Network`.

    Attributes
    ----------
    samples
        The batch size.
    inputs
        The batch: write to ``inputs.values``.
    targets
        ``(samples, units)``, or ``(samples, 1)`` int64 for a sparse loss: write the batch's.
    outputs
        ``(samples, units)``: what the loss works on, the logits if it is fused with the last
        activation, else that activation.
    prediction
        ``(samples, units)``: where `forward` and `infer` leave the last activation.
    loss, accuracy
        Of the batch, after `forward`.
    tensors
        Views of everything that the tapes name, by full name, as ``dense_1/pre_activation``.
    forward_tape, prediction_tape, loss_tape, backward_tape
        A training step, op by op: up to `outputs`; from there to `prediction`; the gradient of
        the loss; and from there back to the weights' gradients.
    inference_tape
        From `inputs` to `prediction` as in inference.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        samples: int,
        *,
        constants: DTypeLike | None = None,
    ) -> None:
        self.samples = samples
        self._architecture, self._dtype = architecture, parameters.arena.dtype
        self._constants = np.dtype(constants or self._dtype)
        self._noise: dict[str, Array] = {}
        self._buffers = {INPUT: self._buffer(INPUT, architecture.input_shape)}
        self.inputs = self._buffers[INPUT]
        self.tensors: dict[str, Array] = {}
        passes = [self._bind(layer, parameters) for layer in architecture.layers]

        last = passes[-1]
        fused = architecture.fused
        self.prediction = last.outputs.values
        self.outputs, gradient = last.outputs.values, last.outputs.gradient
        if fused and last.logits is not None:
            # The loss reads the logits and writes their gradient, past the last activation.
            self.outputs, gradient = last.logits
        self.targets = zero_targets(architecture, self.outputs)
        self.loss: LossPass = architecture.loss.bind(
            self.outputs,
            self.targets,
            gradient,
            fused=fused,
            constants=constants,
            conventions=architecture.conventions,
        )
        self.accuracy = make_accuracy(architecture, self.prediction, self.targets)
        self._lay_tapes(passes, parameters)
        self.loss_tape = Tape(self.loss.backward)
        named = (name for name, view in self.tensors.items() if view is gradient)
        self.loss_tape.name_last(next(named, ""))  # none in a network without weights

        self.compile()

    def compile(self) -> None:
        """Make the functions that run the tapes: again, if a tape was changed."""
        self.forward_outputs = self.forward_tape.compiled()
        self.forward_prediction = self.prediction_tape.compiled()
        self.infer = self.inference_tape.compiled()
        self.backward = Tape(self.loss_tape + self.backward_tape).compiled()
        self.prepare_loss = self.loss.prepare.compiled()
        self._loss = Tape(self.loss.prepare + self.loss.forward + self._penalty).compiled()

    def forward(self) -> None:
        """Fill every pre-activation and activation from `inputs`, as in training."""
        self.forward_outputs()
        self.forward_prediction()

    def run_loss(self) -> Any:
        """Return the mean loss of the batch after `forward_outputs`, penalties included."""
        self._loss()
        return self.loss.value[()]

    def run_penalty(self) -> Any:
        """Return what regularizers add to the loss; 0 where there are none."""
        self._penalty_alone.run()
        return self._penalties[()]

    def draw_noise(self, seed: int, step: int) -> None:
        """Draw the noise of a training step, see `scratchnet.noise.draw_noise`."""
        if self._noise:
            self.set_noise(draw_noise(self._architecture, seed, step, self.samples))

    def set_noise(self, noise: Mapping[str, Array]) -> None:
        """Take the noise of a training step from elsewhere, by layer name."""
        for name, buffer in self._noise.items():
            np.copyto(buffer, noise[name], casting="unsafe")

    def outputs_of(self, layer: Layer) -> Buffer:
        """Return the buffer for a layer's outputs."""
        return self._buffers[layer.name]

    def noise(self, layer: Layer) -> Array:
        """Return where the noise of a layer is found at every training step."""
        shape = self._architecture.noise_shape(layer)
        self._noise[layer.name] = Buffer(self.samples, shape, self._dtype).gradient
        return self._noise[layer.name]

    def scratch(self, like: Array) -> Scratch:
        """Return memory and constants for an activation of such arrays."""
        rounds = self._architecture.conventions.rounds_settings
        return Scratch(like, self._constants, rounds_settings=rounds)

    def setting(self, value: float) -> Array:
        """Return a setting as ``keras.ops.cast`` hands it on, in the network's dtype."""
        cast = self._architecture.conventions.cast(value)
        return np.asarray(np.asarray(cast, self._constants), self._dtype)

    def copies(self) -> dict[str, Array]:
        """Return copies of every named tensor of the last batch by full name."""
        return {name: tensor.copy(order="C") for name, tensor in self.tensors.items()}

    def _buffer(self, name: str, shape: tuple[int, ...]) -> Buffer:
        readers = self._architecture.readers(name)
        buffer = Buffer(self.samples, shape, self._dtype, len(readers))
        buffer.needs_gradient = self._architecture.needs_gradient(name)
        return buffer

    def _bind(self, layer: Layer, parameters: Parameters) -> Pass:
        name = layer.name
        self._buffers[name] = self._buffer(name, self._architecture.output_shapes[name])
        sources = tuple(self._buffers[source] for source in self._architecture.sources(layer))
        if layer.passes_mask:
            self._buffers[name].mask = sources[0].mask
        bound = layer.bind(sources, parameters, self)
        self.tensors |= {f"{name}/{short}": view for short, view in bound.tensors.items()}
        self.tensors[f"{name}/activation"] = bound.outputs.values
        if bound.outputs.needs_gradient:
            self.tensors[f"{name}/activation_gradient"] = bound.outputs.gradient
        return bound

    def _lay_tapes(self, passes: list[Pass], parameters: Parameters) -> None:
        """Put the layers' ops one after another, with full names."""
        architecture, layers = self._architecture, self._architecture.layers
        forward, inference, backward = Tape(), Tape(), Tape()
        for layer, bound in zip(layers, passes, strict=True):
            for tape, ops in ((forward, bound.training), (inference, bound.inference)):
                part = prefixed(bound.training if ops is None else ops, layer.name)
                if part:
                    part.name_last(f"{layer.name}/activation")
                tape += part
        for layer, bound in reversed(list(zip(layers, passes, strict=True))):
            backward += self._sum_of_gradients(layer.name)
            backward += self._named_backward(layer, bound.backward)

        cut = len(forward)
        last, name = passes[-1], layers[-1].name
        if architecture.fused and last.logits is not None:
            # What turns logits into outputs is not part of training, nor is its derivative.
            own = prefixed(last.training, name)
            cut = len(forward) - len(own) + _after(own, f"{name}/pre_activation")
            skipped = _after(prefixed(last.backward, name), f"{name}/pre_activation_gradient")
            backward = Tape(backward[skipped:] if skipped else backward[len(last.backward) :])
            self.tensors.pop(f"{name}/activation_gradient", None)
        self.forward_tape, self.prediction_tape = Tape(forward[:cut]), Tape(forward[cut:])
        self.inference_tape, self.backward_tape = inference, backward
        self._lay_penalties(parameters)

    def _named_backward(self, layer: Layer, ops: Tape) -> Tape:
        """Give the op that writes an input's gradient the name which that has in the network."""
        sources = self._architecture.sources(layer)
        tape = Tape()
        for op in ops:
            place = _input_number(op)
            if place is None:
                tape += prefixed([op], layer.name)
                continue
            source = sources[place]
            alone = len(self._architecture.readers(source)) == 1
            tape.append(replace(op, tensor=f"{source}/activation_gradient" if alone else ""))
        return tape

    def _sum_of_gradients(self, name: str) -> Tape:
        """Add up the gradients of outputs that several layers read."""
        buffer, tape = self._buffers[name], Tape()
        parts = buffer.parts
        if len(parts) > 1 and buffer.needs_gradient:
            tape.add(np.add, parts[-1], parts[-2], out=buffer.gradient)
            for part in reversed(parts[:-2]):
                tape.add(np.add, buffer.gradient, part, out=buffer.gradient)
            tape.name_last(f"{name}/activation_gradient")
        return tape

    def _lay_penalties(self, parameters: Parameters) -> None:
        """Regularizers: an op on the gradients, and one on the loss."""
        self._penalties = np.zeros((), self._dtype)
        self._penalty_alone, self._penalty = Tape(), Tape()
        self._penalty_alone.add(np.copyto, np.zeros_like(self._penalties), out=self._penalties)
        for name, weight in self._architecture.weights().items():
            if weight.regularizer is None:
                continue
            penalty = np.zeros_like(self._penalties)
            loss, gradient = weight.regularizer.bind(
                parameters[name], parameters.gradient(name), penalty, self.setting
            )
            self._penalty_alone += loss
            self._penalty_alone.add(np.add, self._penalties, penalty, out=self._penalties)
            self._penalty += loss
            self._penalty.add(np.add, self.loss.value, penalty, out=self.loss.value)
            self.backward_tape += gradient


def _after(tape: Tape, tensor: str) -> int:
    """Return the position after the op that fills a tensor; 0 if none does."""
    return next((i + 1 for i, op in enumerate(tape) if op.tensor == tensor), 0)


def _input_number(op: Op) -> int | None:
    """Return which input's gradient an op of a layer writes, from 0: ``input``, ``input_2`` ..."""
    if op.tensor == "input":
        return 0
    return int(op.tensor[6:]) - 1 if op.tensor.startswith("input_") else None


def zero_targets(architecture: Architecture, like: Array) -> Array:
    """Make room for targets: of the shape of the outputs, or ``(samples, 1)`` class numbers."""
    if architecture.loss.sparse:
        return np.zeros((like.shape[0], 1), np.int64)
    return np.zeros_like(like)


def make_accuracy(architecture: Architecture, prediction: Array, targets: Array) -> Accuracy:
    """Make a network's accuracy on predictions that are read at each call."""
    return Accuracy(prediction, targets, sparse=architecture.loss.sparse)
