"""Is a difference rounding? It is if it shrinks with the precision, and if it looks like noise.

A bound derived for one formula cannot judge another formula that is also right. So the noise of
the user's own code is measured, in four ways, each of which a mistake leaves as it was:

1. the code runs from points perturbed by a few units in the last place: rounding errors are drawn
   anew, a mistake stays (*spread*);
2. its float32 error, scaled down to float64: rounding shrinks by 2^29, a mistake does not
   (*coarser*);
3. what changes between float64 and longdouble, where the code keeps that (*finer*);
4. the error of scratchnet in the same precision, and one rounding of the result (*twin*): in
   float32 where the result consists of float32 numbers, whatever precision was given.

What is typical of n roundings is about sqrt(n) u, and the worst is n u (Higham & Mary 2019), so
the bound is sqrt(n) times the noise; no constant in it is chosen. In float64 no noise excuses a
tensor that has fewer than half of the digits of float32. In float32 it may have fewer still, if
that is what its error in float64 foretells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from experiments.check.cases import Case, Point, dense_layers
from experiments.check.observation import Observation
from experiments.check.reference import Reference, Tensors, distance, reference, reference_at
from experiments.check.tensor_names import ACCURACY, LOSS, spoken
from experiments.check.user.article import TRAINED_EPOCHS
from scratchnet.architecture import Architecture
from scratchnet.types import Array

_HALF_OF_FLOAT32 = 2.0**-12
"""Half of the 24 binary digits that float32 has."""

STEPS = ("0", "again", "1")
"""First step, the same gradients asked for again, and the second step."""


@dataclass(frozen=True)
class TensorVerdict:
    """One tensor of one case.

    Attributes
    ----------
    key
        ``"step|full name"``, see `STEPS`; ``train`` for the weights after the article's loop.
    verdict
        ``identical``, ``rounding`` or ``divergent``.
    index
        Of the element that is furthest off, in Keras's layout; None where the shape is wrong.
    ours, right
        The user's value there, and the reference's.
    max_abs
        Largest difference.
    scale
        Largest element of the reference.
    max_ulp
        Largest difference in units in the last place of the element.
    bound
        Largest difference that rounding can explain.
    tolerance
        The same as measured at the perturbed points. A mistake scatters too, if little, so this
        is no bound for what diverges; it tells whether a mistake explains the tensor.
    spread
        Largest scatter of the error between perturbed points: the noise of the code itself.
    internal
        Whether only the user's own code sees the tensor.
    """

    key: str
    verdict: str
    index: tuple[int, ...] | None
    ours: float | None
    right: float
    max_abs: float
    scale: float
    max_ulp: float
    bound: float
    tolerance: float
    spread: float
    internal: bool

    @property
    def step(self) -> int:
        """Number of updates made before."""
        return {"1": 1, "train": TRAINED_EPOCHS}.get(self.key.partition("|")[0], 0)

    @property
    def name(self) -> str:
        """Full name of the tensor."""
        return self.key.partition("|")[2]

    @property
    def spoken(self) -> str:
        """What the tensor is called in a sentence."""
        return spoken(self.name)

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.name.rpartition("/")[0]

    @property
    def tensor(self) -> str:
        """Short name of the tensor."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class CaseVerdict:
    """One case in one dtype.

    Attributes
    ----------
    observation
        What was observed.
    tensors
        In the order of computation.
    references
        The reference tensors of the unperturbed point by step, as `STEPS`.
    """

    observation: Observation
    tensors: list[TensorVerdict]
    references: dict[str, Tensors]

    @property
    def divergent(self) -> list[TensorVerdict]:
        """The tensors that no rounding explains, in the order of computation."""
        return [tensor for tensor in self.tensors if tensor.verdict == "divergent"]

    @property
    def verdict(self) -> str:
        """The worst verdict of all tensors; of problems too."""
        if self.divergent or self.observation.problems:
            return "divergent"
        first = [t for t in self.tensors if t.key.startswith("0|")]
        same = bool(first) and all(t.verdict == "identical" for t in first)
        return "identical" if same else "rounding"


def order_of_computation(architecture: Architecture) -> list[str]:
    """Return the full names of a step's tensors in the order in which they are computed."""
    names = [layer.name for layer in dense_layers(architecture)]
    forward = [f"{n}/{t}" for n in names for t in ("pre_activation", "activation")]
    backward = [f"{n}/{w}_gradient" for n in reversed(names) for w in ("kernel", "bias")]
    return [*forward, LOSS, ACCURACY, *backward]


def keys_in_order(architecture: Architecture) -> list[str]:
    """Return every key of a case in the order of computation."""
    names = order_of_computation(architecture)
    updated = [f"{name}_updated" for name in architecture.weight_shapes()]
    return [
        *(f"0|{name}" for name in names),
        *(f"again|{name}" for name in names),
        *(f"0|{name}" for name in updated),
        *(f"1|{name}" for name in [*names, *updated]),
    ]


def longest_chain(case: Case) -> int:
    """Return about how many roundings lie between the inputs of a step and its last tensor."""
    architecture = case.architecture
    inputs = [shape[0] for shape in architecture.shapes()[:-1]]
    units = [layer.units for layer in dense_layers(architecture)]
    # Each layer sums over inputs, units and batch, and applies a function and its derivative.
    return sum(inputs) + sum(units) + 8 * len(units) + case.batch_size + 8


def judge(
    observation: Observation,
    coarser: Observation | None = None,
    finer: Observation | None = None,
    settled: CaseVerdict | None = None,
) -> CaseVerdict:
    """Judge every tensor of a case.

    Parameters
    ----------
    observation
        In float64 or float32.
    coarser, finer
        The same case in float32 and longdouble, for float64.
    settled
        The verdict in float64, for float32.
    """
    case = observation.case
    others = _Others(coarser, finer, settled)
    first = reference(case, observation.dtype)
    references = {"0": first, "again": first}
    if (second := _second_step(observation, first)) is not None:
        references["1"] = second
    verdicts: dict[str, TensorVerdict] = {}
    for key in keys_in_order(case.architecture):
        step, _, name = key.partition("|")
        if key in observation.tensors and step in references:
            right = references[step].right[name][: len(observation.tensors[key])]
            own = _own_noise(observation, key, references[step])
            verdict = _judge_tensor(key, observation, right, own, others)
            if step == "again":
                # The second call is made once, so its noise is that of the first.
                verdict = _judged_like(verdict, verdicts.get(f"0|{name}", verdict))
            verdicts[key] = verdict
    judged = _blame_gradient_for_shape(list(verdicts.values()), observation)
    return CaseVerdict(
        observation,
        _without_harmless(judged, case),
        {step: {n: v[0] for n, v in found.right.items()} for step, found in references.items()},
    )


@dataclass(frozen=True)
class _Others:
    """What the same case shows in other precisions; see `judge`."""

    coarser: Observation | None
    finer: Observation | None
    settled: CaseVerdict | None

    def error_in_float64(self, key: str) -> float:
        """Return the error of a tensor that is no more than rounding there, else 0."""
        found = [t for t in self.settled.tensors if t.key == key] if self.settled else []
        return found[0].max_abs if found and found[0].verdict != "divergent" else 0.0


def _own_noise(observation: Observation, key: str, step: Reference) -> float:
    """Return what scratchnet rounds in the precision of a tensor, at least one rounding of it.

    Results that are float32 numbers, every one, were rounded to float32, and code that does so is
    no better than scratchnet in float32. Its scatter may not show that: where a weight that is a
    float32 number is updated, every perturbed copy is off by whole units of float32, and all are
    rounded alike.
    """
    dtype, ours = observation.dtype, observation.tensors[key]
    name = key.partition("|")[2]
    twin = step.twin[name]
    if dtype != "float32" and _in_single(ours) and not _in_single(step.right[name]):
        dtype = "float32"
        twin = max(twin, step.twin_in_single[name])
    roundoff = float(np.finfo(dtype).eps) / 2
    return max(twin, roundoff * float(np.max(np.abs(step.right[name][0]), initial=0.0)))


def _in_single(values: Array) -> bool:
    """Whether every value is a float32 number."""
    with np.errstate(all="ignore"):
        return np.array_equal(values, values.astype(np.float32))


def _judge_tensor(
    key: str,
    observation: Observation,
    right: Array,
    own_noise: float,
    others: _Others,
) -> TensorVerdict:
    """Judge one tensor; `right` has the points along its first axis, as the observation."""
    coarser, finer = others.coarser, others.finer
    case, dtype = observation.case, observation.dtype
    ours = observation.tensors[key]
    scale = float(np.max(np.abs(right[0]))) if right[0].size else 0.0
    internal = key in observation.internal
    if ours.shape[1:] != right.shape[1:]:
        return TensorVerdict(
            key, "divergent", None, None, 0.0, np.inf, scale, np.inf, 0.0, 0.0, 0.0, internal
        )
    with np.errstate(all="ignore"):
        error = ours.astype(np.longdouble) - right
        finite = np.all(np.isfinite(error), axis=tuple(range(1, error.ndim)))
        spread = 0.0
        if finite.sum() > 2:
            centred = error[finite] - error[finite].mean(axis=0)
            spread = float(np.max(np.abs(centred)))
        own = [own_noise]
        if finer is not None and finer.dtypes.get(key) == str(np.dtype(np.longdouble)):
            own.append(distance(ours[0], finer.tensors[key][0]))
        scaled = [others.error_in_float64(key) * 2.0**29]
        if coarser is not None and coarser.dtypes.get(key) == "float32":
            scaled.append(_error_in(coarser, key) * 2.0**-29)
    factor = float(np.sqrt(longest_chain(case)))
    usual = factor * own_noise
    # In float32 itself a formula may lose more; whether it is right was settled in float64.
    most = scale * _HALF_OF_FLOAT32 if others.settled is None else np.inf
    bounds = [
        max(usual, min(factor * max(n for n in noises if np.isfinite(n)), most))
        for noises in (own, [*own, *scaled], [*own, *scaled, spread])
    ]
    tolerance = bounds[-1]

    distances = np.abs(error[0])
    flat = int(np.argmax(np.where(np.isnan(distances), np.inf, distances)))
    index = tuple(int(i) for i in np.unravel_index(flat, distances.shape))
    value, expected = float(ours[0][index]), float(right[0][index])
    furthest = float(distances[index])
    # NaN is beyond every bound.
    verdict = "rounding" if furthest <= tolerance else "divergent"
    # A mistake leaves a trace, if a small one, in what is scaled and in what scatters: where these
    # do not excuse the tensor, they are no part of its bound.
    bound = next((b for b in bounds if furthest <= b), bounds[0])
    spacing = float(np.spacing(np.abs(np.asarray(expected, dtype))))
    return TensorVerdict(
        key,
        verdict,
        index,
        value,
        expected,
        furthest,
        scale,
        furthest / spacing,
        bound,
        tolerance,
        spread,
        internal,
    )


def _judged_like(verdict: TensorVerdict, like: TensorVerdict) -> TensorVerdict:
    """Judge a tensor by the bound of another."""
    if verdict.index is None:
        return verdict
    word = "rounding" if verdict.max_abs <= like.tolerance else "divergent"
    return replace(verdict, verdict=word, bound=like.bound, tolerance=like.tolerance)


def _second_step(observation: Observation, first: Reference) -> Reference | None:
    """Return the reference after the update, from the user's own weights.

    So an error in the first step is not counted again. None if there is nothing to start from.
    """
    case, dtype = observation.case, observation.dtype
    seen = [len(values) for key, values in observation.tensors.items() if key.startswith("1|")]
    starts = []
    for i, point in enumerate(case.points(dtype, min(seen, default=0))):
        weights = {}
        for name in point.weights:
            tensor = f"{name}_updated"
            mine = observation.tensors.get(f"0|{tensor}", first.right[tensor])[i]
            if mine.shape != point.weights[name].shape or not np.all(np.isfinite(mine)):
                return None
            weights[name] = mine
        starts.append(Point(weights, point.x, point.y))
    return reference_at(case, dtype, starts, starts[:1]) if starts else None


def _error_in(observation: Observation, key: str) -> float:
    """Return the largest error of a tensor of the first step in another dtype."""
    step, _, name = key.partition("|")
    if step == "1" or key not in observation.tensors:
        return 0.0
    values = observation.tensors[key]
    right = reference(observation.case, observation.dtype).right[name]
    return distance(values, right[: len(values)])


def _blame_gradient_for_shape(
    verdicts: list[TensorVerdict], observation: Observation
) -> list[TensorVerdict]:
    """Call a bias gradient of an odd shape divergent if the update stumbles over it."""
    stumbles = any(problem.where == "update" for problem in observation.problems)
    spoilt = {
        v.key.replace("_updated", "_gradient")
        for v in verdicts
        if (v.tensor == "bias_updated" and v.index is None)
        or (stumbles and v.tensor == "bias_gradient" and observation.tensors[v.key][0].size > 1)
    }
    return [
        replace(v, verdict="divergent", index=None, ours=None)
        if v.key in spoilt and v.key in observation.odd_shapes
        else v
        for v in verdicts
    ]


def _without_harmless(verdicts: list[TensorVerdict], case: Case) -> list[TensorVerdict]:
    """Forgive what is off inside while the prediction that comes of it is right.

    A relu that works in place, for one, leaves activations where the memory says Z.
    """
    last = f"{dense_layers(case.architecture)[-1].name}/activation"
    wrong = {v.key for v in verdicts if v.verdict == "divergent"}
    return [
        replace(v, verdict="rounding")
        if v.internal and f"{v.key.partition('|')[0]}|{last}" not in wrong
        else v
        for v in verdicts
    ]


def explained(verdict: CaseVerdict, tensor: TensorVerdict, value: Array | None) -> bool:
    """Whether the user's tensor equals a value to rounding."""
    ours = verdict.observation.tensors[tensor.key][0]
    return value is not None and equals(verdict, tensor, ours, value)


def equals(verdict: CaseVerdict, tensor: TensorVerdict, ours: Array, value: Array) -> bool:
    """Whether two arrays are equal to rounding, where they are a tensor of a case."""
    if value.shape != ours.shape:
        return False
    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(value), initial=0.0))
        # What is larger than the right value also rounds in larger steps.
        bound = tensor.tolerance * max(1.0, size / tensor.scale if tensor.scale else 1.0)
        if np.isinf(tensor.max_abs) or not bound:
            chain_length = longest_chain(verdict.observation.case)
            bound = size * chain_length * float(np.finfo(verdict.observation.dtype).eps)
            bound = max(bound, tensor.spread * chain_length**0.5)
        distances = np.abs(ours.astype(np.longdouble) - value)
    return bool(np.all(distances <= bound))


def follows(tensor: TensorVerdict, first: TensorVerdict, case: CaseVerdict) -> bool:
    """Whether a divergence may be no more than what the first one of its case brings about."""
    if tensor.key == first.key or tensor.name == LOSS:
        return False
    if tensor.step > first.step or first.tensor in ("pre_activation", "activation"):
        return True
    if not first.tensor.endswith("_gradient"):
        return False
    both = {f"{first.layer}/kernel_gradient", f"{first.layer}/bias_gradient"}
    if both <= {t.name for t in case.divergent if t.step == first.step}:
        # Kernel and bias are both off, and so is what they have in common and pass back.
        return True
    return tensor.name == first.name.replace("_gradient", "_updated")


def confirm_against_keras(verdict: CaseVerdict, keras: Tensors) -> tuple[CaseVerdict, list[str]]:
    """Hold the reference of the first step against Keras, and mark what is identical to Keras.

    Returns
    -------
    tuple
        The verdict, and the names of the tensors where reference and Keras are not the same.
    """
    observation = verdict.observation
    case, dtype = observation.case, observation.dtype
    first = reference(case, dtype)
    right = {name: values[0] for name, values in first.right.items()}
    roundoff = float(np.finfo(dtype).eps) / 2
    factor = float(np.sqrt(longest_chain(case)))
    doubtful = []
    for name, value in keras.items():
        if name in right:
            noise = max(first.twin[name], roundoff * float(np.max(np.abs(right[name]))))
            if not distance(value, right[name]) <= factor * noise:
                doubtful.append(name)

    def marked(tensor: TensorVerdict) -> TensorVerdict:
        same = tensor.verdict == "rounding" and tensor.name in keras
        if same and np.array_equal(observation.tensors[tensor.key][0], keras[tensor.name]):
            return replace(tensor, verdict="identical")
        return tensor

    tensors = [marked(t) if t.key[:2] == "0|" else t for t in verdict.tensors]
    return replace(verdict, tensors=tensors), doubtful


def worst(verdicts: Iterator[str] | list[str]) -> str:
    """Return the worst of several verdicts."""
    return max(verdicts, key=("identical", "rounding", "divergent").index)
