"""The ways to take a step of somebody's code that run at all, one after the other.

Which of them is how the code is meant to be used, the other side decides, from the arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain as chained
from typing import Any

import numpy as np

from experiments.check.user.draws import draw
from experiments.check.user.expressions import ExpressionsHandle
from experiments.check.user.functions import function_handles
from experiments.check.user.handles import BY_DEPTH, Handle, Sizes
from experiments.check.user.hooks import LeftError
from experiments.check.user.layer_classes import layer_handles
from experiments.check.user.layouts import Layout, Start, layouts
from experiments.check.user.objects import constructors, object_handles
from experiments.check.user.program import Program, ShortTimeError, time_limit
from experiments.check.user.seen import Seen, changed, tensors_of
from experiments.check.user.training_loops import function_loop_handles, script_handles
from experiments.check.user.weights import Chain

STARTS = 4
"""From so many points a step is taken before it is read."""

_PROBE_SECONDS = 1.5
_SAMPLES = (13, 17, 19)

_STOPPED = (Exception, ShortTimeError, LeftError, SystemExit)


@dataclass(frozen=True)
class Way:
    """A way to take a step.

    Attributes
    ----------
    handle
        What takes it.
    sizes, layout, chain
        Widths from input to output, how samples lie, and where the weights are.
    """

    handle: Handle
    sizes: Sizes
    layout: Layout
    chain: Chain

    @property
    def biases(self) -> tuple[bool, ...]:
        """Whether there is a bias, by layer."""
        return tuple(place.has_bias for place in self.chain)


def probe_start(sizes: Sizes, biases: tuple[bool, ...], number: int, *, one: bool) -> Start:
    """Draw one of the points from which a step is taken before it is read."""
    samples = 1 if one else next(n for n in _SAMPLES if n not in sizes)
    targets = "one_hot" if sizes[-1] > 1 else "binary"
    return draw(sizes, samples, 1 + number, bias=biases, targets=targets)


def handles(program: Program, only: str | None) -> Iterator[Handle]:
    """Yield every way to take a step, the likeliest first."""

    def owners(name: str) -> list[tuple[Any, Sizes | None]]:
        kind = getattr(program.module, name, None)
        if not isinstance(kind, type):
            return []
        return list(constructors(kind, program.module))

    files = program.files
    ways: Iterable[Iterator[Handle]]
    if only is not None:
        ways = (
            object_handles(program.module, files, only),
            (
                h
                for h in function_loop_handles(program, owners)
                if h.loop.function.split(".")[0] == only
            ),
            (h for h in function_handles(program.module, files) if only in h.plan),
        )
    else:
        ways = (
            script_handles(program),
            object_handles(program.module, files, None),
            function_loop_handles(program, owners),
            function_handles(program.module, files),
            layer_handles(program.module, files),
        )
    yield from chained.from_iterable(ways)


def ways(
    program: Program, only: str | None, tried: Iterable[Handle] | None = None
) -> Iterator[tuple[Way, list[Seen]]]:
    """Yield every way to take a step that runs, and what it shows.

    Of a network that takes several depths only the first that works is tried.

    Parameters
    ----------
    program
        The user's file, run.
    only
        A class or function to look at, or None for all.
    tried
        The handles to try; all by default.
    """
    for handle in handles(program, only) if tried is None else tried:
        for group in [(handle.sizes,)] if handle.sizes is not None else BY_DEPTH:
            if handle.depths is not None and len(group[0]) - 1 not in handle.depths:
                continue
            found = False
            for way, seen in of_group(handle, group):
                found = True
                yield way, seen
            if found:
                break


def deeper(way: Way) -> Iterator[tuple[Way, list[Seen]]]:
    """Yield the same way for a network of one more layer, if it takes such."""
    handle = way.handle
    if handle.sizes is not None or handle.depths is not None:
        return
    for group in BY_DEPTH:
        if len(group[0]) == len(way.sizes) + 1:
            fitting = [sizes for sizes in group if sizes[-1] == way.sizes[-1]]
            yield from of_group(handle, fitting, [way.layout])


def of_group(
    handle: Handle, group: Sequence[Sizes], only: Sequence[Layout] | None = None
) -> Iterator[tuple[Way, list[Seen]]]:
    """Yield the ways of one handle for some widths."""
    for sizes in group:
        if handle.outputs is not None and sizes[-1] != handle.outputs:
            continue
        fixed = handle.layout_fixed
        for layout in only or ([fixed] if fixed is not None else layouts(sizes[-1])):
            try:
                with time_limit(_PROBE_SECONDS):
                    chains = handle.chains(sizes, layout)
            except _STOPPED:
                continue
            for chain in chains:
                way = Way(handle, sizes, layout, chain)
                seen = _try(way)
                if seen is not None:
                    yield way, seen


def _try(way: Way) -> list[Seen] | None:
    """Take a step from each of the points; None if one of them is no step."""
    seen: list[Seen] = []
    for number in range(STARTS):
        start = probe_start(way.sizes, way.biases, number, one=way.layout.one)
        try:
            with time_limit(_PROBE_SECONDS):
                one = way.handle.run(start, way.layout, way.chain)
        except _STOPPED:
            return None
        if not _is_step(one) or not (moves(one) or _shows_gradients(one)):
            return None
        seen.append(one)
    return seen


def _is_step(seen: Seen) -> bool:
    """Whether the weights kept their shapes and stayed finite."""
    if seen.after is None:
        return False
    for before, after in zip(seen.start.weights, seen.after, strict=True):
        if np.shape(after.kernel) != before.kernel.shape:
            return False
        if not np.all(np.isfinite(after.kernel)):
            return False
        # Code for one sample at a time spreads a bias over all that it is given.
        samples = len(seen.start.x)
        spread = samples > 1 and samples in np.shape(0 if after.bias is None else after.bias)
        if before.bias is not None and spread and samples not in before.bias.shape:
            return False
    return True


def moves(seen: Seen) -> bool:
    """Whether the step changed a kernel."""
    return any(
        bool(np.any(delta))
        for tensor in tensors_of(seen.chain)
        if tensor[1] == "kernel" and (delta := changed(seen, tensor)) is not None
    )


def _shows_gradients(seen: Seen) -> bool:
    """Whether it left an array beside each kernel that has its shape."""
    for place, layer in zip(seen.chain, seen.start.weights, strict=True):
        shape = place.kernel_as_kept(layer.kernel).shape
        if not any(
            array.shape == shape and array.dtype.kind == "f" and not _is_weight(array, seen)
            for array in seen.named.values()
        ):
            return False
    return True


def _is_weight(array: Any, seen: Seen) -> bool:
    return any(
        array.shape in (kernel.shape, kernel.T.shape)
        and (np.array_equal(array, kernel) or np.array_equal(array, kernel.T))
        for layer in seen.start.weights
        for kernel in (layer.kernel,)
    )


def expressions(program: Program, make: str, step: str) -> Sequence[Handle]:
    """Return the one way that the command line says."""
    return [ExpressionsHandle(program.module, program.files, make, step)]
