"""Recognising a network in a form of its author's own: asking for ways, and reading what they show.

The user's process tells every way to take a step that runs, with the arrays that it saw. Which of
them the code means is decided here.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.check.cases import Case
from experiments.check.reading import Reading, read
from experiments.check.user.messages import MessageError
from experiments.check.user.seen import Seen
from experiments.check.user.ways import STARTS, probe_start
from experiments.check.user.weights import Chain, LayerPlace, Values
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.types import Array

AskWay = Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, Array]]]
"""Puts a question about ways to the user's process."""

_MOST_WAYS = 400
_READING_SECONDS = 5.0
"""Own seconds after which no further way is read."""

_MOST_LAYERS = 20
_FORMS = ("", "flat", "row", "column", "number", "first", "last")


@dataclass(frozen=True)
class Way:
    """A way to take a step, as the user's process described it.

    Attributes
    ----------
    number, kind, found
        Which one, its form, and a sentence on what was found.
    sizes, any_sizes, any_depth
        Widths from input to output, and whether it takes others, and other depths.
    one, classes, samples
        Whether it takes one sample at a time, and targets as class numbers; and that in words.
    rate_known
        Whether the learning rate is ours to choose.
    moves
        Whether its step changes the weights.
    chain
        How its weights are laid out.
    """

    number: int
    kind: str
    found: str
    sizes: tuple[int, ...]
    any_sizes: bool
    any_depth: bool
    one: bool
    classes: bool
    samples: str
    rate_known: bool
    moves: bool
    chain: Chain

    @property
    def biases(self) -> tuple[bool, ...]:
        """Whether there is a bias, by layer."""
        return tuple(place.has_bias for place in self.chain)


@dataclass(frozen=True)
class Recognised:
    """A network in a form of its own.

    Attributes
    ----------
    way, reading
        How it takes a step, and how that is read.
    deeper
        The same for a network of one more layer, where it takes such.
    """

    way: Way
    reading: Reading
    deeper: Recognised | None = None

    def architecture(self, sizes: tuple[int, ...]) -> Architecture:
        """Return the network of so many units as Keras has it."""
        layers = tuple(
            Dense(units, activation, use_bias=bias)
            for units, activation, bias in zip(
                sizes[1:], self.reading.activations, self.way.biases, strict=True
            )
        )
        return Architecture(input_shape=(sizes[0],), layers=layers, loss=self.reading.loss)

    def places(self) -> dict[str, Any]:
        """Return where each tensor is to be seen, for the user's process."""
        reading = self.reading
        return {
            "prediction": reading.prediction,
            "loss": reading.loss_at,
            "hidden": {str(layer): name for layer, name in reading.hidden},
            "gradients": [[layer, kind, source] for (layer, kind), source in reading.gradients],
        }

    def for_depth(self, depth: int) -> Recognised:
        """Return how it takes a network of so many layers: this, or `deeper`."""
        if self.deeper is None or depth == len(self.way.chain):
            return self
        return self.deeper

    def cases(self) -> list[Case]:
        """Return the cases that suit it."""
        found = []
        for number, sizes in enumerate(self._widths()):
            batch = 1 if self.way.one else _batch(number, sizes)
            found.append(
                Case(
                    self.architecture(sizes),
                    batch,
                    101 + number,
                    0.5,
                    targets=self._targets(),
                )
            )
        return found

    def _widths(self) -> list[tuple[int, ...]]:
        sizes = self.way.sizes
        if not self.way.any_sizes:
            return [sizes] * 4
        units, layers = sizes[-1], len(sizes) - 1
        inside = itertools.cycle((6, 4, 7, 5))
        others: list[tuple[int, ...]] = [
            (inputs, *(next(inside) for _ in range(layers - 1)), units) for inputs in (2, 4, 5)
        ]
        return [sizes, *others]

    def _targets(self) -> str:
        if self.way.classes or self.reading.activations[-1] == "softmax":
            return "one_hot"
        return "binary" if self.reading.activations[-1] == "sigmoid" else ""


_BATCHES = (11, 8, 13, 9, 14, 15, 16)


def _batch(number: int, sizes: tuple[int, ...]) -> int:
    """Return a batch size that is no width, another for each case."""
    return [batch for batch in _BATCHES if batch not in sizes][number]


def recognise(
    ask: AskWay, words: set[str], enough: Callable[[], bool], expressions: Mapping[str, str]
) -> Recognised | None:
    """Ask for ways until one is wholly understood, and return the best.

    Parameters
    ----------
    ask
        Puts a question to the user's process.
    words
        Names that the user's source uses.
    enough
        Whether the time for it is over.
    expressions
        ``make`` and ``step`` of the command line, or empty.
    """
    best: Recognised | None = None
    began = time.process_time()
    for number in range(_MOST_WAYS):
        question: dict[str, Any] = {"ask": "way"}
        if not number:
            question |= expressions
        header, arrays = ask(question)
        if header.get("way") is None:
            break
        way = read_way(header["way"])
        reading = read(seen_of(way, arrays), words)
        found = Recognised(way, reading)
        if best is None or _better(found, best):
            best = found
        # Binary cross-entropy is mostly written for one output: the next way may have it.
        several = reading.loss == "binary_crossentropy" and way.sizes[-1] > 1
        if reading.complete and not (several and way.any_sizes) and way.kind != "layers":
            break
        if best.reading.complete and best.way.found != way.found and way.kind != "layers":
            break
        if enough() or time.process_time() - began > _READING_SECONDS:
            break
    if best is None or not best.way.any_depth:
        return best
    return _with_deeper(best, ask, words)


def _better(found: Recognised, best: Recognised) -> bool:
    """Whether a reading is to be preferred to one that came before."""
    one, other = found.reading, best.reading
    simpler = (found.way.one and not best.way.one) or len(found.way.sizes) < len(best.way.sizes)
    if found.way.kind == best.way.kind == "layers" and one.forward and other.forward:
        # Every activation has to be right; a softmax may be meant for the last layer only.
        hidden = one.activations[0] not in ("softmax", "linear")
        return hidden and one.score < other.score
    usable = other.well_formed and (other.right if one.complete else True)
    if best.way.moves and not found.way.moves and other.forward and other.well_formed:
        # What the network does with its gradients counts too.
        return False
    if simpler and usable and (other.forward or not one.complete):
        # A mistake that shows in batches, or in hidden layers, must not be looked away from.
        return False
    if one.complete != other.complete:
        return one.complete
    if one.complete:
        # As many outputs as it was written for.
        return found.way.sizes[-1] == 1 < best.way.sizes[-1] and other.loss == one.loss
    return one.score > other.score


def _with_deeper(best: Recognised, ask: AskWay, words: set[str]) -> Recognised:
    header, arrays = ask({"ask": "deeper", "way": best.way.number})
    deeper: Recognised | None = None
    while header.get("way") is not None:
        way = read_way(header["way"])
        found = Recognised(way, read(seen_of(way, arrays), words))
        if deeper is None or found.reading.score > deeper.reading.score:
            deeper = found
        if found.reading.complete:
            break
        header, arrays = ask({"ask": "way"})
    if deeper is None or not deeper.reading.forward:
        return best
    return Recognised(best.way, best.reading, deeper)


def seen_of(way: Way, arrays: Mapping[str, Array]) -> list[Seen]:
    """Return the steps that the arrays of a way show.

    Raises
    ------
    MessageError
        If there are none.
    """
    steps = []
    for number in range(STARTS):
        start = probe_start(way.sizes, way.biases, number, one=way.one)
        named = f"{number}|named|"
        after = []
        for layer, values in enumerate(start.weights):
            kernel = arrays.get(f"{number}|kernel|{layer}")
            bias = arrays.get(f"{number}|bias|{layer}")
            if kernel is None:
                raise MessageError("a step without weights")
            after.append(Values(kernel, bias if values.bias is not None else None))
        shown = {k.removeprefix(named): v for k, v in arrays.items() if k.startswith(named)}
        steps.append(Seen(start, way.chain, after, shown))
    return steps


def read_way(table: Any) -> Way:
    """Read the description of a way, which may say anything.

    Raises
    ------
    MessageError
        If it is none.
    """
    try:
        sizes = tuple(int(n) for n in table["sizes"])
        chain = tuple(_place(entry) for entry in table["chain"])
        way = Way(
            number=int(table["number"]),
            kind=_text(table["kind"]),
            found=_text(table["found"]),
            sizes=sizes,
            any_sizes=bool(table["any_sizes"]),
            any_depth=bool(table["any_depth"]),
            one=bool(table["one"]),
            classes=bool(table["classes"]),
            samples=_text(table["samples"]),
            rate_known=bool(table["rate_known"]),
            moves=bool(table["moves"]),
            chain=chain,
        )
    except (KeyError, TypeError, ValueError):
        raise MessageError("no way where there should be one") from None
    fits = len(sizes) == len(chain) + 1 <= _MOST_LAYERS and all(0 < n < 2000 for n in sizes)
    if not fits:
        raise MessageError("no network where there should be one")
    return way


def _place(entry: Any) -> LayerPlace:
    form = entry["bias"]
    if form not in _FORMS:
        raise MessageError("no bias where there should be one")
    return LayerPlace(
        (),
        () if form and form not in ("first", "last") else None,
        bool(entry["units_first"]),
        bool(entry["flat"]),
        form or "flat",
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise MessageError("no text where there should be one")
    return "".join(c if c.isprintable() else " " for c in value[:1000])
