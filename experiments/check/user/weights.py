"""Which of the arrays that were found are the weights of which layer, and in which layout."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.user.slots import (
    Path,
    Slot,
    is_array,
    is_number,
    look_up,
    put_everywhere,
)

if TYPE_CHECKING:
    from scratchnet.types import Array

_BIAS = re.compile(r"^b|bias|intercept|_b\d*$|theta_?0|threshold|offset|[a-z]b\d*$|B\d*$|b_", re.I)

_FEW = 6
"""So many ways to read the weights are tried at most."""


@dataclass(frozen=True)
class Values:
    """Kernel ``(inputs, units)`` and bias ``(units,)`` or None, as Keras has them."""

    kernel: Array
    bias: Array | None


@dataclass(frozen=True)
class LayerPlace:
    """Where a layer's weights are kept, and how.

    Attributes
    ----------
    kernel, bias
        Paths; a bias that does not exist is None.
    units_first
        Whether the kernel is ``(units, inputs)``.
    flat
        Whether the kernel of a single unit has one axis.
    bias_form
        ``flat``, ``row``, ``column`` or ``number``; ``first`` or ``last`` where the bias is that
        row of the kernel.
    """

    kernel: Path
    bias: Path | None = None
    units_first: bool = False
    flat: bool = False
    bias_form: str = "flat"

    @property
    def folded(self) -> bool:
        """Whether the bias is a row of the kernel."""
        return self.bias_form in ("first", "last")

    @property
    def has_bias(self) -> bool:
        """Whether there is a bias."""
        return self.folded or self.bias is not None

    def stored(self, values: Values) -> dict[Path, Any]:
        """Return what is to be put where."""
        kernel = values.kernel
        if self.folded:
            assert values.bias is not None
            rows = [values.bias[None, :], kernel]
            kernel = np.vstack(rows if self.bias_form == "first" else rows[::-1])
        stored: dict[Path, Any] = {self.kernel: self._laid_out(kernel)}
        if self.bias is not None and values.bias is not None:
            stored[self.bias] = _bias_as(values.bias, self.bias_form)
        return stored

    def _laid_out(self, kernel: Array) -> Array:
        if self.flat:
            return np.array(kernel[:, 0])
        return np.array(kernel.T if self.units_first else kernel, order="C")

    def kernel_as_kept(self, kernel: Array) -> Array:
        """Return a kernel laid out as it is kept, without the bias."""
        return self._laid_out(kernel)

    def kernel_of(self, array: Array) -> Array:
        """Return an array that is laid out as the kernel in Keras's layout, bias row and all."""
        if self.flat:
            return array.reshape(-1, 1)
        return array.T if self.units_first else array

    def read(self, root: Mapping[str, Any]) -> Values:
        """Return the weights as they stand.

        Raises
        ------
        ValueError, LookupError, AttributeError, TypeError
            If they are gone, or no arrays any more.
        """
        kernel = self.kernel_of(np.asarray(look_up(root, self.kernel)))
        if self.folded:
            first = self.bias_form == "first"
            bias = kernel[0] if first else kernel[-1]
            return Values(np.array(kernel[1:] if first else kernel[:-1]), np.array(bias))
        if self.bias is None:
            return Values(np.array(kernel), None)
        return Values(np.array(kernel), np.array(np.asarray(look_up(root, self.bias))))


def _bias_as(bias: Array, form: str) -> Any:
    if form == "number":
        return bias.dtype.type(bias[0])
    shapes = {"row": (1, -1), "column": (-1, 1), "flat": (-1,)}
    return np.array(bias).reshape(shapes[form])


Chain = tuple[LayerPlace, ...]
"""The layers from the input to the output."""


def put_weights(root: dict[str, Any], chain: Chain, values: Sequence[Values]) -> None:
    """Set all weights of a network."""
    stored: dict[Path, Any] = {}
    for place, layer in zip(chain, values, strict=True):
        stored |= place.stored(layer)
    put_everywhere(root, stored)


def find_chains(
    slots: Iterable[Slot],
    sizes: Sequence[int] | None = None,
    inputs: int | None = None,
    outputs: int | None = None,
) -> list[Chain]:
    """Find the ways in which arrays can be the weights of a chain of dense layers.

    Parameters
    ----------
    slots
        What was found, in order.
    sizes
        Widths from input to output, if the network was made with these; else any that fit.
    inputs, outputs
        Width of the input and of the output, where known.

    Returns
    -------
    list
        The likeliest first; empty if no chain fits.
    """
    every = _without_repeats(slots)
    kernels = [s for s in every if is_array(s.value) and s.value.ndim in (1, 2)]
    kernels = [s for s in kernels if s.value.dtype.kind == "f"]
    likely = [s for s in kernels if s.looks_like_a_weight]
    return _chains(likely, every, sizes, inputs, outputs) or _chains(
        kernels, every, sizes, inputs, outputs
    )


def _chains(
    kernels: Sequence[Slot],
    every: Sequence[Slot],
    sizes: Sequence[int] | None,
    inputs: int | None,
    outputs: int | None,
) -> list[Chain]:
    known = sizes is not None
    chosen = _of_sizes(kernels, sizes or ()) if known else _longest(kernels, inputs, outputs)
    found = []
    for chain in chosen[:_FEW]:
        found += _with_biases(chain, every)
    return found[: 2 * _FEW]


def _without_repeats(slots: Iterable[Slot]) -> list[Slot]:
    """Return the slots, of several that hold the very same array the one named like a weight."""
    kept: dict[int, Slot] = {}
    for number, slot in enumerate(slots):
        # Small numbers are shared by Python and are no repetition.
        key = id(slot.value) if is_array(slot.value) else -1 - number
        if key not in kept or (slot.named_like_a_weight and not kept[key].named_like_a_weight):
            kept[key] = slot
    return list(kept.values())


@dataclass(frozen=True)
class _Kernel:
    slot: Slot
    inputs: int
    units: int
    units_first: bool
    flat: bool
    fold: bool

    @property
    def likelihood(self) -> tuple[bool, bool, bool]:
        slot = self.slot
        return slot.named_like_a_weight, bool(np.any(slot.value)), not self.fold


def _readings(slot: Slot) -> list[_Kernel]:
    """Return what an array may be as a kernel."""
    array = slot.value
    own = slot.words[-1] if slot.words else ""
    if _BIAS.search(own) and not re.search(r"w|kernel|syn|coef", own, re.IGNORECASE):
        return []
    if array.ndim == 1:
        if array.size < 2:
            return []
        return [_Kernel(slot, len(array), 1, False, True, False)]
    rows, columns = array.shape
    return [
        _Kernel(slot, rows, columns, False, False, False),
        _Kernel(slot, columns, rows, True, False, False),
    ]


def _of_sizes(kernels: Sequence[Slot], sizes: Sequence[int]) -> list[tuple[_Kernel, ...]]:
    options: list[list[_Kernel]] = []
    for inputs, units in itertools.pairwise(sizes):
        fitting = []
        for slot in kernels:
            for reading in _readings(slot):
                if reading.units != units:
                    continue
                if reading.inputs == inputs:
                    fitting.append(reading)
                elif reading.inputs == inputs + 1 and not reading.flat:
                    fitting.append(
                        _Kernel(slot, inputs, units, reading.units_first, reading.flat, True)
                    )
        fitting.sort(key=lambda k: k.likelihood, reverse=True)
        options.append(fitting[:4])
    chains = [
        chain
        for chain in itertools.islice(itertools.product(*options), 64)
        if len({k.slot.path for k in chain}) == len(chain)
    ]
    # Arrays that stand under like names belong together: W1 with W2, not with vW2.
    chains.sort(key=_kinship, reverse=True)
    return chains


def _kinship(chain: Sequence[_Kernel]) -> tuple[int, bool, bool]:
    sets = [{re.sub(r"\d+", "", word) for word in k.slot.words} for k in chain]
    alike = sum(len(a & b) for a, b in itertools.pairwise(sets))
    # All one way round is likelier than mixed.
    one_way = len({k.units_first for k in chain if not k.flat}) <= 1
    return alike, one_way, not any(k.fold for k in chain)


def _longest(
    kernels: Sequence[Slot], inputs: int | None, outputs: int | None
) -> list[tuple[_Kernel, ...]]:
    """Return the longest chains, in the order of the arrays, then in the other order."""
    found: list[tuple[_Kernel, ...]] = []
    likely = [slot for slot in kernels if slot.named_like_a_weight]
    for pool in (likely, list(kernels)):
        for ordered in (pool, pool[::-1]):
            for units_first in (False, True):
                found += _chains_in_order(ordered, units_first, inputs, outputs)
        if found:
            break
    unique = {tuple((k.slot.path, k.units_first, k.fold) for k in chain): chain for chain in found}
    return sorted(unique.values(), key=lambda chain: (len(chain), _kinship(chain)), reverse=True)


def _chains_in_order(
    ordered: Sequence[Slot], units_first: bool, inputs: int | None, outputs: int | None
) -> list[tuple[_Kernel, ...]]:
    readings = [
        k for slot in ordered for k in _readings(slot) if k.flat or k.units_first is units_first
    ]
    best: list[tuple[_Kernel, ...]] = []
    longest: dict[int, tuple[_Kernel, ...]] = {}
    for i in reversed(range(len(readings))):
        here = readings[i]
        tails = [
            longest[j]
            for j in range(i + 1, len(readings))
            if j in longest and _follows(here, readings[j])
        ]
        tail = max(tails, key=len, default=())
        ends = tail or here.units == outputs or outputs is None
        if ends:
            longest[i] = (here, *tail)
            if inputs is None or here.inputs in (inputs, inputs + 1):
                fold = inputs is not None and here.inputs == inputs + 1
                first = here if not fold else _folded(here)
                best.append((first, *tail))
    return best


def _follows(before: _Kernel, after: _Kernel) -> bool:
    return before.slot.path != after.slot.path and after.inputs == before.units


def _folded(kernel: _Kernel) -> _Kernel:
    return _Kernel(
        kernel.slot, kernel.inputs - 1, kernel.units, kernel.units_first, kernel.flat, True
    )


def _with_biases(chain: Sequence[_Kernel], slots: Sequence[Slot]) -> list[Chain]:
    """Give each kernel its bias, if it has one."""
    taken = {k.slot.path for k in chain}
    places = []
    for kernel in chain:
        place = LayerPlace(kernel.slot.path, None, kernel.units_first, kernel.flat)
        candidates = [
            (slot, form)
            for slot in slots
            if slot.path not in taken
            and slot.looks_like_a_weight
            and _BIAS.search(slot.words[-1] if slot.words else "")
            and (form := _bias_form(slot.value, kernel.units))
        ]
        if kernel.fold:
            places.append([_as_folded(place, "last"), _as_folded(place, "first")])
            continue
        candidates.sort(key=lambda c: _relation(kernel.slot, c[0]), reverse=True)
        if not candidates:
            places.append([place])
            continue
        slot, form = candidates[0]
        taken.add(slot.path)
        places.append(
            [LayerPlace(kernel.slot.path, slot.path, kernel.units_first, kernel.flat, form)]
        )
    return [tuple(chain) for chain in itertools.islice(itertools.product(*places), 4)]


def _as_folded(place: LayerPlace, form: str) -> LayerPlace:
    return LayerPlace(place.kernel, None, place.units_first, place.flat, form)


def _bias_form(value: Any, units: int) -> str:
    if is_number(value):
        return "number" if units == 1 and isinstance(value, float | np.floating | int) else ""
    if not is_array(value) or value.dtype.kind not in "fi":
        return ""
    forms = {(units,): "flat", (1, units): "row", (units, 1): "column"}
    return forms.get(value.shape, "number" if value.shape == () and units == 1 else "")


def _relation(kernel: Slot, bias: Slot) -> tuple[bool, bool, bool, int]:
    """Say how surely a bias is that of a kernel."""

    def spelt(slot: Slot, pattern: str) -> str:
        return re.sub(pattern, "?", slot.name, flags=re.I)

    words = r"weights?|kernels?|theta|syn(apse)?|biase?s?|w|b"
    same_name = spelt(kernel, words) == spelt(bias, words)
    same_parent = kernel.path[:-1] == bias.path[:-1] and len(kernel.path) > 1
    numbers = [key for _, key in kernel.path if isinstance(key, int)]
    digits = re.findall(r"\d+", kernel.name)
    same_number = bool(digits) and re.findall(r"\d+", bias.name) == digits
    same_index = numbers == [key for _, key in bias.path if isinstance(key, int)]
    shared = sum(a == b for a, b in zip(kernel.name, bias.name, strict=False))
    return same_name, same_parent, same_number or (bool(numbers) and same_index), shared
