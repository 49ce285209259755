"""Mistakes in the initial state of scratchnet."""

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.mutants.mutant import Mutant
from experiments.mutants.mutation import Initial
from scratchnet.initializers import fans


def _drawn(name: str, function: Callable[..., Any], code: str) -> Mutant:
    """Make a mutant of the initializer that the name begins with."""
    initializer = name.partition(" ")[0]
    mutation = Initial(initializer, function)
    return Mutant(name, mutation, "article", f"{initializer}/kernel", code)


def _started(
    name: str, state: Callable[[Any], None], scene: str, tensor: str, code: str = "initial_slot"
) -> Mutant:
    return Mutant(name, Initial(state=state), scene, tensor, code)


def _uniform(random: Any, shape: tuple[int, ...], variance: float, lowest: float = -1) -> Any:
    """Draw between plus and minus a limit, of a variance."""
    limit = np.sqrt(3 * variance)
    return random.uniform(lowest * limit, limit, shape)


def _cut_normal(random: Any, shape: tuple[int, ...], deviation: float) -> Any:
    """Draw from a normal distribution cut off at two deviations."""
    values = random.standard_normal(shape)
    while np.any(far := np.abs(values) > 2):
        values[far] = random.standard_normal(int(far.sum()))
    return values * deviation


_CUT = 0.87962566103423978
"""Standard deviation of a normal distribution that is cut off at 2."""


def _fill(state: Any, value: Any) -> None:
    for slot in state.slots.values():
        slot[...] = value


def _count_from_1(state: Any) -> None:
    state.iterations = 1


def _seeded_alike(architecture: Any, seed: int, _: Any) -> Any:
    """Draw every layer's weights from the start of the stream."""
    found: dict[str, Any] = {}
    for layer in architecture.layers:
        random = np.random.RandomState(seed)
        found |= {
            name: np.asarray(_one(weight, random))
            for name, weight in architecture.weights().items()
            if name.startswith(f"{layer.name}/")
        }
    return found


def _one(weight: Any, random: Any) -> Any:
    from scratchnet.initializers import INITIALIZERS

    return INITIALIZERS[weight.initializer](random, weight.shape)


INITIAL = (
    _drawn(
        "glorot_uniform of fan_in",
        lambda r, s: _uniform(r, s, 2 / fans(s)[0]),
        "initial_scale",
    ),
    _drawn(
        "glorot_uniform without the root",
        lambda r, s: r.uniform(-6 / sum(fans(s)), 6 / sum(fans(s)), s),
        "initial_scale",
    ),
    _drawn(
        "glorot_uniform with 2 for 6",
        lambda r, s: _uniform(r, s, 2 / 3 / sum(fans(s))),
        "initial_scale",
    ),
    _drawn(
        "glorot_uniform above 0",
        lambda r, s: _uniform(r, s, 2 / sum(fans(s)), lowest=0),
        "initial_shifted",
    ),
    _drawn(
        "glorot_normal not cut off",
        lambda r, s: r.standard_normal(s) * np.sqrt(2 / sum(fans(s))),
        "initial_distribution",
    ),
    _drawn(
        "glorot_normal with 1 for 2",
        lambda r, s: _cut_normal(r, s, np.sqrt(1 / sum(fans(s))) / _CUT),
        "initial_scale",
    ),
    _drawn(
        "glorot_normal whose cut is not corrected for",
        lambda r, s: _cut_normal(r, s, np.sqrt(2 / sum(fans(s)))),
        "initial_scale",
    ),
    _drawn(
        "he_uniform drawn from a normal",
        lambda r, s: r.standard_normal(s) * np.sqrt(6 / fans(s)[0]),
        "initial_distribution",
    ),
    _drawn("he_uniform of fan_out", lambda r, s: _uniform(r, s, 2 / fans(s)[1]), "initial_scale"),
    _drawn(
        "he_normal of the variance",
        lambda r, s: _cut_normal(r, s, 2 / fans(s)[0] / _CUT),
        "initial_scale",
    ),
    _drawn(
        "random_uniform with 0.5 for 0.05", lambda r, s: r.uniform(-0.5, 0.5, s), "initial_scale"
    ),
    _drawn(
        "orthogonal not made orthogonal",
        lambda r, s: r.standard_normal(s) / np.sqrt(max(s)),
        "initial_not_orthogonal",
    ),
    _drawn("ones are zeros", lambda _, s: np.zeros(s), "initial_constant"),
    _drawn("zeros are ones", lambda _, s: np.ones(s), "initial_constant"),
    _drawn("article in Keras's order", lambda r, s: r.standard_normal(s) * 0.1, "initial_order"),
    _drawn(
        "article times 0.01",
        lambda r, s: r.standard_normal(s[::-1]).T * 0.01,
        "initial_scale",
    ),
    Mutant(
        "every layer seeded alike",
        Initial(draw=_seeded_alike),
        "article",
        "glorot_uniform/kernel",
        "initial_repeated",
    ),
    Mutant(
        "the seed ignored",
        Initial(draw=lambda architecture, _seed, right: right(architecture, 0)),
        "article",
        "glorot_uniform/kernel",
        "initial_repeated",
    ),
    _started("slots start at 1", lambda s: _fill(s, 1), "square", "dense_1/kernel_momentum"),
    _started(
        "slots start at 0.1, as Adagrad's do",
        lambda s: _fill(s, 0.1),
        "regression",
        "dense_1/kernel_velocity",
    ),
    _started(
        "slots start as the weights",
        lambda s: _fill(s, s.parameters.values),
        "sparse",
        "dense_1/kernel_momentum",
    ),
    _started(
        "updates counted from 1",
        _count_from_1,
        "sparse",
        "optimizer/iterations",
        "initial_iterations",
    ),
)
