"""From the arrays of a few steps: activations, loss, and which arrays are the gradients.

Every combination of activations and losses that dense layers allow is computed and held against
what the user's code had at hand; the one that explains most of it is how the code is read. It is
no verdict: what is read so is judged afterwards, on other numbers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.check.plain import ACTIVATIONS, DERIVATIVES, loss_gradient, loss_value
from experiments.check.user.layouts import Start
from experiments.check.user.roles import does, roles_of
from experiments.check.user.seen import (
    STATE,
    Seen,
    Tensor,
    as_expected,
    changed,
    gradient_at,
    tensors_of,
)
from experiments.check.user.watching import RETURNED
from scratchnet.types import Array

_CLOSE = 1e-6
"""Relative distance within which an array counts as the expected one; rounding is far below."""

_LAST = ("sigmoid", "softmax", "tanh", "relu", "linear")
_HIDDEN = ("relu", "sigmoid", "tanh", "linear", "softmax")
_DEEPEST_MIXED = 3
_FEW = 4
"""So many readings that explain equally much are looked at for a loss."""

SQUARED, BINARY, CLASSES = (
    "mean_squared_error",
    "binary_crossentropy",
    "categorical_crossentropy",
)

_MOMENT = re.compile(r"(^|[.\[_'])[mvs]_?d?[wWbB]\w*|moment|veloc", re.IGNORECASE)
"""Names of arrays in which an optimizer keeps a share of the gradients."""


@dataclass(frozen=True)
class Reading:
    """How somebody's code is read.

    Attributes
    ----------
    activations, loss
        As Keras names them.
    prediction
        Where the prediction is to be seen, or nothing.
    hidden
        Where activations of hidden layers are, by layer.
    loss_at
        Where the value of the loss is, or nothing.
    owned
        Whether a function of the code makes that value; else it is only shown.
    gradients
        Where each gradient is: `STATE` or a name; by layer, and ``kernel`` or ``bias``.
    factor, decay
        Its gradients are so many times those of the mean loss, and so many times the kernel more.
    agreed, tensors
        Which gradients are those of the loss but for the factor, and how many there are.
    unadapted
        Weights whose step is no more that of the optimizer which the others show.
    well_formed
        Whether every gradient was seen, in the shape of its weight.
    forward
        Whether the prediction is that of the activations.
    """

    activations: tuple[str, ...]
    loss: str
    prediction: str = ""
    hidden: tuple[tuple[int, str], ...] = ()
    loss_at: str = ""
    owned: bool = False
    gradients: tuple[tuple[Tensor, str], ...] = ()
    factor: float = 1.0
    decay: float = 0.0
    agreed: tuple[Tensor, ...] = ()
    unadapted: tuple[Tensor, ...] = ()
    well_formed: bool = True
    tensors: int = 1
    forward: bool = False

    @property
    def right(self) -> int:
        """How many gradients are those of the loss but for the factor."""
        return len(self.agreed)

    @property
    def free_factor(self) -> bool:
        """Whether its gradients are seen by way of a moment, which holds a share of them."""
        sources = [source for tensor, source in self.gradients if tensor in self.agreed]
        return any(_MOMENT.search(source) for source in sources)

    @property
    def from_state(self) -> bool:
        """Whether its gradients are what a step changed."""
        return any(source == STATE for tensor, source in self.gradients if tensor in self.agreed)

    @property
    def score(self) -> float:
        """How much of the code it explains; 2 for all."""
        return float(self.forward) + self.right / self.tensors

    @property
    def complete(self) -> bool:
        """Whether it explains all."""
        return (self.forward or not self.prediction) and self.right == self.tensors


@dataclass(frozen=True)
class Expected:
    """A step of a network of dense layers."""

    z: list[Array]
    a: list[Array]
    kernels: list[Array]
    biases: list[Array]
    loss: float

    def gradient(self, tensor: Tensor) -> Array:
        """Return a gradient by layer and kind."""
        layer, kind = tensor
        return self.kernels[layer] if kind == "kernel" else self.biases[layer]


def forward(start: Start, activations: Sequence[str]) -> tuple[list[Array], list[Array]]:
    """Return pre-activations and activations."""
    a, zs, outs = start.x, [], []
    with np.errstate(all="ignore"):
        for layer, name in zip(start.weights, activations, strict=True):
            z = a @ layer.kernel + (0 if layer.bias is None else layer.bias)
            a = ACTIVATIONS[name](z)
            zs.append(z)
            outs.append(a)
    return zs, outs


def expected(start: Start, activations: Sequence[str], loss: str) -> Expected:
    """Return a whole step, with the gradients of the mean loss."""
    zs, outs = forward(start, activations)
    kernels: list[Array] = []
    biases: list[Array] = []
    with np.errstate(all="ignore"):
        da = loss_gradient(loss, outs[-1], start.y)
        for i in reversed(range(len(zs))):
            dz = DERIVATIVES[activations[i]](outs[i], da)
            kernels.insert(0, (outs[i - 1] if i else start.x).T @ dz)
            biases.insert(0, dz.sum(axis=0))
            da = dz @ start.weights[i].kernel.T
        value = loss_value(loss, outs[-1], start.y)
    return Expected(zs, outs, kernels, biases, value)


def _same(array: Array, value: Array) -> bool:
    found = as_expected(array, value.shape)
    if found is None:
        return False
    scale = float(np.max(np.abs(value)))
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(found - value) <= _CLOSE * scale))


def _everywhere(seen: Sequence[Seen], name: str, values: Sequence[Array]) -> bool:
    return all(
        name in s.named and _same(s.named[name], v) for s, v in zip(seen, values, strict=True)
    )


def read(seen: Sequence[Seen], words: set[str]) -> Reading:
    """Read what a few steps from different points have in common.

    Parameters
    ----------
    seen
        At least one; all of networks of the same depth.
    words
        Names that the user's source uses, which decide what the numbers leave open.
    """
    sources = {tensor: _Sources.of(seen, tensor) for tensor in tensors_of(seen[0].chain)}
    readings = [
        _with_gradients(seen, candidate, loss, sources, words)
        for candidate in _activations(seen, words)
        for loss in _losses_for(candidate.activations[-1], seen[0].start.y)
    ]
    most = max(reading.score for reading in readings)
    likely = [reading for reading in readings if reading.score == most]
    likely.sort(key=lambda reading: _rank(reading, words), reverse=True)
    told = [_with_loss(seen, reading) for reading in likely[:_FEW]]
    best = max(told, key=lambda reading: _rank(reading, words))
    return _with_places(seen, best)


def _with_places(seen: Sequence[Seen], reading: Reading) -> Reading:
    """Say where the gradients that are not the expected ones are, and the hidden activations."""
    tensors = tensors_of(seen[0].chain)
    agreed = dict(reading.gradients)
    chosen: dict[Tensor, str] = {}
    for tensor in tensors:
        unadapted = tensor in reading.unadapted
        source = agreed.get(tensor) or _probable_source(seen, tensor, agreed)
        if unadapted or source:
            chosen[tensor] = STATE if unadapted else source
    return replace(
        reading,
        gradients=tuple(chosen.items()),
        well_formed=_well_formed(seen[0], tensors, chosen),
        hidden=_hidden(seen, reading.activations),
    )


def _rank(reading: Reading, words: set[str]) -> tuple[float, bool, bool, bool]:
    return (
        reading.score,
        bool(reading.loss_at) and reading.owned,
        bool(reading.loss_at),
        reading.loss == _likely_loss(reading.activations[-1], words),
    )


def _likely_loss(last: str, words: set[str]) -> str:
    logarithm = bool({"log", "log2", "xlogy"} & words) or any("entropy" in w for w in words)
    if last == "softmax":
        return CLASSES if logarithm or "softmax" in words else SQUARED
    return BINARY if last == "sigmoid" and logarithm else SQUARED


def _losses_for(last: str, y: Array) -> list[str]:
    if last == "softmax":
        return [CLASSES, SQUARED]
    binary = bool(np.all((y == 0) | (y == 1)))
    return [BINARY, SQUARED] if last == "sigmoid" and binary else [SQUARED]


@dataclass(frozen=True)
class _Forward:
    activations: tuple[str, ...]
    prediction: str
    matches: bool


def _activations(seen: Sequence[Seen], words: set[str]) -> list[_Forward]:
    """Return the activations that explain a prediction; else what the words suggest."""
    first = seen[0]
    shape = first.start.y.shape
    candidates = [n for n, a in first.named.items() if as_expected(a, shape) is not None]
    candidates = [n for n in candidates if all(n in s.named for s in seen)]
    found: list[_Forward] = []
    combinations = list(_combinations(len(first.start.weights), shape[1]))
    for activations in combinations:
        predictions = [forward(s.start, activations)[1][-1] for s in seen]
        matching = [n for n in candidates if _everywhere(seen, n, predictions)]
        if matching:
            found.append(_Forward(activations, min(matching, key=_plainness), matches=True))
    labelled = [n for n in candidates if _is_prediction(n)]
    if found and not any(f.activations[-1] != "linear" for f in found):
        # The pre-activation is always somewhere; it is the prediction where nothing else is.
        known = _known_last(words, shape[1])
        shown = [n for n in labelled if n.endswith(RETURNED)]
        linear = [f for f in found if any(_everywhere(seen, n, _of(seen, f)) for n in shown)]
        if known != "linear" and shown and not linear:
            guess = [
                _Forward((*f.activations[:-1], known), shown[-1], matches=False) for f in found
            ]
            return [*guess, *found] if known != "linear" else found
    if found:
        nonlinear = [f for f in found if f.activations[-1] != "linear"]
        return [*nonlinear[:3], *_from_logits(found, shape[1])] if not nonlinear else nonlinear[:3]
    if not candidates:
        # No prediction is to be seen, and the gradients decide.
        return [_Forward(a, "", matches=False) for a in combinations]
    name = min(labelled, key=_plainness) if labelled else ""
    guesses = [_Forward(a, name, matches=False) for a in _guesses(seen, words, combinations)]
    # Or the prediction was changed in place, and the gradients decide.
    return [*guesses, *(_Forward(a, name, matches=False) for a in combinations)]


def _from_logits(found: Sequence[_Forward], units: int) -> list[_Forward]:
    """Add what may have been made of pre-activations and is not to be seen any more."""
    others = [
        _Forward((*f.activations[:-1], last), "", matches=True)
        for f in found[:2]
        for last in ("softmax", "sigmoid")
        if units > 1 or last == "sigmoid"
    ]
    return [*found[:2], *others]


def _of(seen: Sequence[Seen], found: _Forward) -> list[Array]:
    return [forward(s.start, found.activations)[1][-1] for s in seen]


def _guesses(
    seen: Sequence[Seen], words: set[str], combinations: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Return activations where no prediction fits: by the layers before, and by the words."""
    layers = len(seen[0].start.weights)
    last = _known_last(words, seen[0].start.y.shape[1])
    hidden = _known_hidden(words)
    by_words = (*(hidden,) * (layers - 1), last)
    fitting = []
    fitting_shape = [
        _names_of_shape(seen, layer.kernel.shape[1]) for layer in seen[0].start.weights
    ]
    for activations in combinations:
        outs = [forward(s.start, activations)[1] for s in seen]
        # How far the arrays at hand follow these activations.
        depth = 0
        for layer in range(layers):
            values = [o[layer] for o in outs]
            if not any(_everywhere(seen, name, values) for name in fitting_shape[layer]):
                break
            depth += 1 + (activations[layer] != "linear")
        fitting.append((depth, activations == by_words, activations[-1] == last, activations))
    fitting.sort(reverse=True)
    if not seen[0].named:
        # Nothing but the weights is to be seen: the gradients decide.
        return [activations for *_, activations in fitting]
    best = fitting[0][0]
    chosen = [a for depth, *_, a in fitting if depth == best]
    return chosen[:40] if best else [by_words, *chosen]


def _names_of_shape(seen: Sequence[Seen], units: int) -> list[str]:
    """Return where arrays are that have so many values for each sample."""
    shape = (len(seen[0].start.x), units)
    return [n for n, a in seen[0].named.items() if as_expected(a, shape) is not None]


def _known_last(words: set[str], units: int) -> str:
    text = " ".join(words).lower()
    if "softmax" in text and units > 1:
        return "softmax"
    for name in ("sigmoid", "logistic", "sigm", "expit", "tanh"):
        if name in text:
            return "tanh" if name == "tanh" else "sigmoid"
    return "sigmoid" if "exp" in words else "linear"


def _known_hidden(words: set[str]) -> str:
    text = " ".join(words).lower()
    for name in ("relu", "tanh", "sigmoid", "maximum"):
        if name in text:
            return "relu" if name == "maximum" else name
    return "sigmoid"


def _combinations(layers: int, units: int) -> Iterator[tuple[str, ...]]:
    last = [name for name in _LAST if name != "softmax" or units > 1]
    if layers <= _DEEPEST_MIXED:
        hidden: Iterable[tuple[str, ...]] = itertools.product(_HIDDEN, repeat=layers - 1)
    else:
        hidden = [(name,) * (layers - 1) for name in _HIDDEN]
    for before in hidden:
        for name in last:
            yield (*before, name)


def _is_prediction(name: str) -> bool:
    function, _, variable = name.partition(".")
    if name.endswith(RETURNED) or f"{RETURNED}[0]" in name:
        return does(function.partition("#")[0].partition("(")[0], "forward")
    word = re.split(r"[.\[]", variable or function)[-1].strip("'\"]")
    return "prediction" in roles_of(word)


def _plainness(name: str) -> tuple[bool, bool, int]:
    """Sort the names of one array: what a function returns, and short names, come first."""
    return not _is_prediction(name), "#" in name, len(name)


def _proportional(array: Array, value: Array) -> float | None:
    """Return the number that makes one array of the other, if one does."""
    below = float(np.sum(value * value))
    if not below or not np.all(np.isfinite(array)):
        return None
    number = float(np.sum(array * value)) / below
    largest = float(np.max(np.abs(array)))
    if not number or not largest:
        return None
    close = np.max(np.abs(array - number * value)) <= _CLOSE * largest
    return number if close else None


@dataclass(frozen=True)
class _Sources:
    """The arrays that may be one gradient, a row each.

    Attributes
    ----------
    names
        Where they are.
    rows
        Their values in the first step.
    """

    names: list[str]
    rows: Array

    @classmethod
    def of(cls, seen: Sequence[Seen], tensor: Tensor) -> _Sources:
        layer, kind = tensor
        weights = seen[0].start.weights[layer]
        value = weights.kernel if kind == "kernel" else weights.bias
        assert value is not None
        names, rows = [], []
        for name in _sources(seen, tensor):
            array = gradient_at(seen[0], tensor, name)
            if array is not None and array.shape == value.shape and np.all(np.isfinite(array)):
                names.append(name)
                rows.append(array.ravel().astype(np.float64))
        return cls(names, np.array(rows).reshape(len(rows), value.size))

    def like(self, columns: Sequence[Array]) -> list[str]:
        """Return where an array is that the columns add up to."""
        table = np.column_stack([column.ravel() for column in columns])
        if not self.names or not np.all(np.isfinite(table)) or len(table) < len(columns):
            return []
        rest = self.rows - self.rows @ np.linalg.pinv(table).T @ table.T
        largest = np.max(np.abs(self.rows), axis=1)
        close = np.max(np.abs(rest), axis=1) <= _CLOSE * largest
        return [name for name, fits in zip(self.names, close & (largest > 0), strict=True) if fits]


def _with_gradients(
    seen: Sequence[Seen],
    found: _Forward,
    loss: str,
    sources: dict[Tensor, _Sources],
    words: set[str],
) -> Reading:
    tensors = tensors_of(seen[0].chain)
    steps = [expected(seen[0].start, found.activations, loss)]
    matches: list[tuple[Tensor, str, tuple[float, float]]] = []
    for tensor in tensors:
        columns = [steps[0].gradient(tensor)]
        if tensor[1] == "kernel":
            columns.append(seen[0].start.weights[tensor[0]].kernel)
        for source in sources[tensor].like(columns):
            number = _number(seen[0], tensor, source, steps[0])
            if number is None:
                continue
            if len(steps) < len(seen):
                steps += [expected(s.start, found.activations, loss) for s in seen[1:]]
            others = [
                _number(s, tensor, source, step)
                for s, step in zip(seen[1:], steps[1:], strict=True)
            ]
            if all(o is not None and _near(o, number) for o in others):
                matches.append((tensor, source, number))
    prediction = found.prediction
    matches, unadapted = _by_state(seen, matches, steps[0], words)
    factor, decay, agreed = _agreed(matches, tensors)
    proven = tensors[0] in agreed
    return Reading(
        activations=found.activations,
        loss=loss,
        # Where the last gradient is right, so is the prediction that it comes of: this is another.
        prediction=prediction if found.matches or not proven else "",
        gradients=tuple(agreed.items()),
        unadapted=unadapted,
        factor=factor,
        decay=decay,
        agreed=tuple(tensor for tensor in tensors if tensor in agreed),
        tensors=len(tensors),
        forward=found.matches or proven,
    )


def _by_state(
    seen: Sequence[Seen],
    matches: list[tuple[Tensor, str, tuple[float, float]]],
    step: Expected,
    words: set[str],
) -> tuple[list[tuple[Tensor, str, tuple[float, float]]], tuple[Tensor, ...]]:
    """Keep to what the step changed, if that tells anything; an optimizer's step may not."""
    tensors = tensors_of(seen[0].chain)
    moved = [t for t in tensors if (delta := changed(seen[0], t)) is not None and np.any(delta)]
    if not any(kind == "kernel" for _, kind in moved):
        return matches, ()
    by_state = [match for match in matches if match[1] == STATE]
    adapted = () if by_state else [t for t in moved if _adapts(seen[0], t, step)]
    if not adapted:
        rare = not by_state and _RARE & {word.lower() for word in words}
        return (matches if rare else by_state), ()
    # Where the gradient is right, the step is that of the others, or a mistake.
    right = {tensor for tensor, *_ in matches}
    odd = [t for t in moved if t in right and t not in adapted and _large(seen[0], t)]
    kept = [match for match in matches if match[1] != STATE and match[0] not in odd]
    return kept, tuple(odd)


def _large(seen: Seen, tensor: Tensor) -> bool:
    """Whether a weight has elements enough to tell how its step was made."""
    delta = changed(seen, tensor)
    return delta is not None and int(np.count_nonzero(delta)) > 4


_RARE = {"nadam", "adadelta", "amsgrad", "lion", "lamb", "adamax", "lbfgs", "rprop"}
"""Optimizers whose steps are not looked at."""


def _adapts(seen: Seen, tensor: Tensor, step: Expected) -> bool:
    """Whether a first step divides the gradient by its own size, as Adam, RMSprop and Adagrad do.

    Then |g| / |step| is a straight line over |g|, or its square over g squared.
    """
    delta, gradient = changed(seen, tensor), step.gradient(tensor)
    if delta is None or delta.shape != gradient.shape:
        return False
    if np.any(np.sign(delta) * np.sign(gradient) < 0):
        return False
    large = np.abs(gradient) > 1e-6
    size = np.abs(gradient[large])
    with np.errstate(all="ignore"):
        ratio = np.abs(gradient[large] / delta[large])
    if size.size < 4 or not np.all(np.isfinite(ratio)):
        return False
    for power in (1, 2):
        table = np.column_stack([size**power, np.ones_like(size)])
        solution, *_ = np.linalg.lstsq(table, ratio**power, rcond=None)
        rest = np.max(np.abs(table @ solution - ratio**power))
        # Where the step is as the gradient itself, nothing is divided by its size.
        if rest <= 1e-4 * np.max(ratio**power) and solution[0] * size.max() ** power > abs(
            solution[1]
        ):
            return True
    return False


def _well_formed(seen: Seen, tensors: Sequence[Tensor], sources: dict[Tensor, str]) -> bool:
    for tensor in tensors:
        layer, kind = tensor
        weights = seen.start.weights[layer]
        value = weights.kernel if kind == "kernel" else weights.bias
        array = gradient_at(seen, tensor, sources.get(tensor, ""))
        if value is None or array is None or array.shape != value.shape:
            return False
    return True


def _number(seen: Seen, tensor: Tensor, source: str, step: Expected) -> tuple[float, float] | None:
    """Return how many times the expected gradient an array is, and how many times the kernel more.

    The second is 0 without a penalty.
    """
    array, value = gradient_at(seen, tensor, source), step.gradient(tensor)
    if array is None or array.shape != value.shape:
        return None
    number = _proportional(array, value)
    if number is not None:
        return number, 0.0
    layer, kind = tensor
    if kind != "kernel" or array.size < 4 or not np.all(np.isfinite(array)):
        return None
    table = np.column_stack([value.ravel(), seen.start.weights[layer].kernel.ravel()])
    solution, *_ = np.linalg.lstsq(table, array.ravel(), rcond=None)
    largest = float(np.max(np.abs(array)))
    if not largest or np.max(np.abs(table @ solution - array.ravel())) > _CLOSE * largest:
        return None
    factor, decay = float(solution[0]), float(solution[1])
    # A weight itself, or a share of it, is no gradient.
    return (factor, decay) if abs(factor) > 1e-4 and abs(decay) < 0.5 else None


def _near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    close = 1e-5 * abs(other[0])
    return abs(one[0] - other[0]) <= close and abs(one[1] - other[1]) <= close


def _sources(seen: Sequence[Seen], tensor: Tensor) -> list[str]:
    layer, kind = tensor
    weights = seen[0].start.weights[layer]
    value = weights.kernel if kind == "kernel" else weights.bias
    assert value is not None
    names = []
    for name, array in seen[0].named.items():
        if array.dtype.kind != "f":
            continue
        held = gradient_at(seen[0], tensor, name)
        if held is None or held.shape != value.shape:
            continue
        if all(name in s.named for s in seen):
            names.append(name)
    return [STATE, *sorted(names, key=lambda n: ("#" in n, len(n)))]


def _agreed(
    matches: Sequence[tuple[Tensor, str, tuple[float, float]]], tensors: Sequence[Tensor]
) -> tuple[float, float, dict[Tensor, str]]:
    """Return the factor and decay on which most gradients agree, and where these are.

    A bias has no decay of its own, so it agrees with any.
    """
    best: tuple[tuple[int, int, bool, bool, int], float, float, dict[Tensor, str]] | None = None
    for _, _, number in matches:
        group: dict[Tensor, str] = {}
        for tensor, source, other in matches:
            like = (number[0], 0.0) if tensor[1] == "bias" else number
            if _near(other, like):
                group.setdefault(tensor, source)
        from_state = sum(source == STATE for source in group.values())
        # Of equals, the one that has the last layer, which comes first on the way back.
        first = -min((tensors.index(t) for t in group), default=0)
        rank = (len(group), from_state, not number[1], number[0] > 0, first)
        if best is None or rank > best[0]:
            best = rank, number[0], number[1], group
    return (1.0, 0.0, {}) if best is None else best[1:]


def _probable_source(seen: Sequence[Seen], tensor: Tensor, agreed: dict[Tensor, str]) -> str:
    """Return where a gradient is that is not the expected one."""
    delta = changed(seen[0], tensor)
    moved = delta is not None and bool(np.any(delta))
    like = {re.sub(r"\d+", "?", source) for source in agreed.values()}
    if STATE in like and moved:
        return STATE
    for other, source in agreed.items():
        for name in _siblings(source, other, tensor):
            if name != source and all(name in s.named for s in seen):
                return name
    number = str(tensor[0] + 1)
    named = [n for n in _gradient_names(seen[0], tensor) if all(n in s.named for s in seen)]
    alike = [n for n in named if re.sub(r"\d+", "?", n) in like]
    numbered = [n for n in alike if number in re.findall(r"\d+", n.rpartition(".")[2])]
    if numbered or alike:
        return (numbered or alike)[0]
    if moved:
        return STATE
    if named:
        return named[0]
    return STATE if delta is not None else ""


def _siblings(source: str, of: Tensor, wanted: Tensor) -> Iterator[str]:
    """Yield what the place of one gradient may be called if another's is called so."""
    (layer, kind), (other, other_kind) = of, wanted
    function, _, rest = source.rpartition(RETURNED) if RETURNED in source else ("", "", source)
    for shift in (1, 0):
        renamed = rest
        if layer != other:
            renamed = re.sub(rf"(?<!\d){layer + shift}(?!\d)", str(other + shift), rest)
            if renamed == rest:
                continue
        if kind != other_kind:
            letters = ("W", "b") if kind == "kernel" else ("b", "W")
            for one, another in (letters, (letters[0].lower(), letters[1].lower())):
                if one in renamed:
                    changed_kind = renamed.replace(one, another)
                    yield function + (RETURNED if function else "") + changed_kind
        else:
            yield function + (RETURNED if function else "") + renamed


_GRADIENT_NAME = re.compile(r"d_?[a-z]|grad|delta|nabla|deriv|back", re.IGNORECASE)


def _gradient_names(seen: Seen, tensor: Tensor) -> list[str]:
    """Return the names of arrays that may be meant as a gradient, in the order of likelihood."""
    layer, kind = tensor
    weights = seen.start.weights[layer]
    value = weights.kernel if kind == "kernel" else weights.bias
    assert value is not None
    letter = "w|kernel|theta|syn" if kind == "kernel" else "b"
    found = []
    for name, array in seen.named.items():
        word = re.split(r"[.\[]", name)[-1].strip("'\"]") or name
        backward = RETURNED in name and does(name.partition(RETURNED)[0], "backward")
        if not _GRADIENT_NAME.search(word) and not backward:
            continue
        fits = as_expected(array, value.shape) is not None
        of_kind = bool(re.search(letter, word, re.IGNORECASE))
        if fits or (of_kind and str(layer + 1) in re.findall(r"\d+", word)):
            if _same(array, value):
                continue
            found.append((not of_kind, not fits, "#" in name, len(name), name))
    return [name for *_, name in sorted(found)]


def _hidden(seen: Sequence[Seen], activations: Sequence[str]) -> tuple[tuple[int, str], ...]:
    found = []
    outs = [forward(s.start, activations)[1] for s in seen]
    for layer in range(len(activations) - 1):
        values = [o[layer] for o in outs]
        likely = _names_of_shape(seen, values[0].shape[1])
        names = [name for name in likely if _everywhere(seen, name, values)]
        if names:
            found.append((layer, min(names, key=lambda n: ("#" in n, len(n)))))
    return tuple(found)


_NO_LOSS = re.compile(r"deriv|grad|prime|back|delta|accura|diff", re.IGNORECASE)


def _with_loss(seen: Sequence[Seen], reading: Reading) -> Reading:
    """Find the number that is the loss but for a factor and a penalty, if there is one."""
    scalars = [
        n for n, a in seen[0].named.items() if a.size == 1 and all(n in s.named for s in seen)
    ]
    values = [expected(s.start, reading.activations, reading.loss).loss for s in seen]
    squares = [sum(float(np.sum(layer.kernel**2)) for layer in s.start.weights) for s in seen]
    found = []
    for name in scalars:
        if _NO_LOSS.search(name.rpartition(".")[2]):
            continue
        ours = [float(s.named[name].reshape(())) for s in seen]
        if _is_loss(ours, values, squares):
            found.append(name)
    if found:
        best = min(found, key=lambda n: (not _owned(n), "#" in n, len(n)))
        return replace(reading, loss_at=best, owned=_owned(best))
    wrong = [n for n in scalars if _owned(n) and not _NO_LOSS.search(n)]
    wrong = [n for n in wrong if does(n.partition("(")[0].partition("#")[0], "loss")]
    # A sum of arrays that happens to be a number, as a batch of one, is not the loss.
    varied = [n for n in wrong if len({float(s.named[n].reshape(())) for s in seen}) == len(seen)]
    if varied and reading.forward and seen[0].start.y.size > 1:
        return replace(reading, loss_at=varied[0], owned=True)
    return reading


def _owned(name: str) -> bool:
    return RETURNED in name and not does(name.partition("(")[0].partition("#")[0], "forward")


def _is_loss(ours: Sequence[float], values: Sequence[float], squares: Sequence[float]) -> bool:
    """Whether ``ours = c values``, or ``c values + k squares`` where there are enough to say so."""
    if not all(np.isfinite(ours)) or not all(values):
        return False
    ratios = [a / b for a, b in zip(ours, values, strict=True)]
    if len(ours) < 2:
        return any(abs(ratios[0] - n) < _CLOSE for n in (0.5, 1.0, 2.0))
    if max(ratios) - min(ratios) <= _CLOSE * abs(ratios[0]) and ratios[0]:
        return True
    if len(ours) < 4:
        return False
    table = np.column_stack([values, squares])
    solution, *_ = np.linalg.lstsq(table, np.asarray(ours), rcond=None)
    rest = np.max(np.abs(table @ solution - ours))
    return bool(rest <= _CLOSE * np.max(np.abs(ours)) and solution[0] > _CLOSE)
