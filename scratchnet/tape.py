"""The tape: a training step as a flat list of NumPy calls on buffers that were planned once.

A call is data, an `Op`. So a step can be run, and also named, traced in lockstep with another
implementation, counted and compiled, and none of that needs to know what a layer is. Code that
puts a step together reads like the NumPy it stands for::

    tape.add(np.dot, weights_T, x_T, out=z_T, tensor="pre_activation")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from scratchnet.types import Array


@dataclass(frozen=True, eq=False)
class Op:
    """One call: ``function(*inputs, out=out, **options)``.

    Attributes
    ----------
    tensor
        What `out` holds afterwards: ``"pre_activation"`` within a layer,
        ``"dense_1/pre_activation"`` within a network. Empty for an intermediate value.
    function
        A NumPy function, or one of ours, with an argument ``out``.
    inputs
        Its positional arguments; arrays are read anew at every call.
    out
        Where it writes.
    options
        Its other arguments by name, as ``{"axis": 0}``.
    """

    tensor: str
    function: Callable[..., object]
    inputs: tuple[Any, ...]
    out: Array
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """What the function is called with, by place and by name."""
        if self.function is np.copyto:  # the one function that takes its output first
            return (self.out, *self.inputs), self.options
        by_place = self.function is np.dot or isinstance(self.function, np.ufunc)
        # Given by place, the output costs less than by name; NumPy warns at two functions.
        if by_place and self.function not in (np.maximum, np.minimum):
            return (*self.inputs, self.out), self.options
        return self.inputs, {**self.options, "out": self.out}

    def run(self) -> None:
        """Make the call."""
        positional, named = self.arguments
        self.function(*positional, **named)


class Tape(list[Op]):
    """Ops in the order in which they run."""

    def add(
        self,
        function: Callable[..., object],
        *inputs: Any,
        out: Array,
        tensor: str = "",
        **options: Any,
    ) -> None:
        """Append an op; the arguments are those of the function itself."""
        self.append(Op(tensor, function, inputs, out, options))

    def name_last(self, tensor: str) -> None:
        """Say what the last op leaves in its output."""
        self[-1] = replace(self[-1], tensor=tensor)

    def compiled(self) -> Callable[[], None]:
        """Return a function that runs every op."""
        calls = tuple(partial(op.function, *op.arguments[0], **op.arguments[1]) for op in self)

        def run() -> None:
            for call in calls:
                call()

        return run

    def run(self) -> None:
        """Run every op once; who runs a tape often keeps it `compiled`."""
        for op in self:
            op.run()


def prefixed(ops: Iterable[Op], layer: str) -> Tape:
    """Return ops of a layer with the full names that their tensors have in a network."""
    return Tape(replace(op, tensor=f"{layer}/{op.tensor}") if op.tensor else op for op in ops)
