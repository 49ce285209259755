"""A way to take one step of somebody's network: from given weights, on given samples."""

from __future__ import annotations

import copy
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from experiments.check.user.layouts import Layout, Start
from experiments.check.user.roles import roles_of
from experiments.check.user.seen import Seen
from experiments.check.user.slots import walk
from experiments.check.user.watching import Watch, flatten
from experiments.check.user.weights import Chain, find_chains, put_weights

Sizes = tuple[int, ...]

BY_DEPTH: tuple[tuple[Sizes, ...], ...] = (
    ((4, 6, 3), (4, 6, 1)),
    ((4, 8, 6, 3), (4, 8, 6, 1)),
    ((4, 10, 8, 6, 3),),
    ((4, 1), (4, 3)),
)
"""Widths by which arrays are told apart: no two alike, nor one more than another."""

FLEXIBLE: tuple[Sizes, ...] = tuple(sizes for group in BY_DEPTH for sizes in group)


class NoStepError(Exception):
    """A handle is not the way to take a step of this code."""


class Handle(ABC):
    """A way to take a step.

    Attributes
    ----------
    kind
        ``object``, ``functions``, ``layers``, ``script``, ``notebook`` or ``expressions``.
    sizes
        The widths that it takes, or None if it takes any of the right depth.
    depths
        The numbers of layers that it takes, or None for any.
    outputs
        The number of outputs that it takes, or None for any.
    rate_known
        Whether the learning rate is ours to choose.
    layout_fixed
        How its samples and targets lie, or None if that is to be found out.
    files
        The user's files, as code objects name them.
    """

    kind: str
    files: set[str]
    sizes: Sizes | None = None
    depths: tuple[int, ...] | None = None
    outputs: int | None = None
    rate_known: bool = False
    layout_fixed: Layout | None = None

    @abstractmethod
    def describe(self, chain: Chain) -> str:
        """Say what was recognised."""

    @abstractmethod
    def chains(self, sizes: Sizes, layout: Layout) -> list[Chain]:
        """Return the ways to read the weights of a network of these widths; empty if none."""

    @abstractmethod
    def run(self, start: Start, layout: Layout, chain: Chain) -> Seen:
        """Take a step. Whatever the user's code raises comes out."""


class StagedHandle(Handle):
    """A way in three acts: make everything afresh, set the weights, act."""

    @abstractmethod
    def fresh(self, sizes: Sizes, start: Start | None, layout: Layout) -> dict[str, Any]:
        """Return a namespace that holds the network and nothing of earlier steps."""

    @abstractmethod
    def act(
        self, root: dict[str, Any], start: Start, layout: Layout, named: dict[str, Any]
    ) -> None:
        """Take the step; `named` takes what is to be seen of it."""

    def chains(self, sizes: Sizes, layout: Layout) -> list[Chain]:
        """See `Handle.chains`."""
        root = self.fresh(sizes, None, layout)
        return find_chains(walk(root), sizes)

    def run(self, start: Start, layout: Layout, chain: Chain) -> Seen:
        """See `Handle.run`."""
        with reproducible():
            root = self.fresh(start.sizes, start, layout)
            put_weights(root, chain, start.weights)
            named: dict[str, Any] = {}
            self.act(root, start, layout, named)
        seen = Seen(start, chain, named=named)
        seen.after = [place.read(root) for place in chain]
        weights = {path for place in chain for path in (place.kernel, place.bias)}
        for slot in walk(root):
            if slot.path not in weights:
                flatten(slot.value, slot.name, seen.named)
        return seen


@contextmanager
def reproducible() -> Iterator[None]:
    """Let whatever is drawn at random be the same each time."""
    state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def roles_at(start: Start, layout: Layout) -> dict[str, Any]:
    """Return what a step is given, by role."""
    x, y = layout.x(start.x), layout.y(start.y)
    one_axis = Layout("vector", layout.targets if layout.targets == "classes" else "like")
    pairs = []
    for i in range(len(start.x)):
        sample, target = start.x[i : i + 1], start.y[i : i + 1]
        one = layout if layout.samples == "columns" else one_axis
        pairs.append((one.x(sample), one.y(target)))
    return {
        "x": x,
        "y": y,
        "pairs": pairs,
        "rate": start.rate,
        "epochs": 1,
        "batch_size": len(start.x),
        "zero": 0.0,
        "keep": 1.0,
        "seed": 0,
        "training": True,
    }


def roles_of_sizes(sizes: Sizes, *, hidden: str = "number") -> dict[str, Any]:
    """Return what a network is made with, by role."""
    inside = list(sizes[1:-1])
    return {
        "sizes": list(sizes),
        "inputs": sizes[0],
        "hiddens": inside[0] if hidden == "number" and len(inside) == 1 else inside,
        "outputs": sizes[-1],
        "epochs": 1,
        "seed": 0,
        "keep": 1.0,
    }


_SETTINGS: dict[str, float] = {"epochs": 1, "keep": 1.0}


def set_settings(root: Mapping[str, Any], rate: float | None) -> bool:
    """Set what objects keep as a learning rate and a number of epochs; say if there is a rate."""
    found = False
    for value in root.values():
        if not hasattr(value, "__dict__") or isinstance(value, type):
            continue
        for name, held in list(vars(value).items()):
            if isinstance(held, bool) or not isinstance(held, int | float | np.number):
                continue
            role = _setting(name)
            if role == "rate":
                found = True
                if rate is not None:
                    setattr(value, name, rate)
            elif role in _SETTINGS:
                setattr(value, name, _SETTINGS[role])
    return found


def _setting(name: str) -> str:
    roles = roles_of(name)
    if "rate" in roles and name.lower() not in ("n", "m", "r", "gamma", "step"):
        return "rate"
    return next((role for role in roles if role in _SETTINGS and len(name) > 2), "")


def watched(
    handle: Handle, named: dict[str, Any], call: Any, *arguments: Any, **keywords: Any
) -> Any:
    """Call something of the user's, and keep the arrays that its functions had."""
    with Watch(handle.files) as watch:
        try:
            answer = call(*arguments, **keywords)
        finally:
            named.update(watch.seen)
    return answer


def locals_of(named: Mapping[str, Any], function: str) -> dict[str, Any]:
    """Return the arrays that one function had, by variable."""
    prefix = f"{function}."
    return {
        name.removeprefix(prefix): value
        for name, value in named.items()
        if name.startswith(prefix) and re.fullmatch(r"\w+", name.removeprefix(prefix))
    }


def copied(value: Any) -> Any:
    """Return a deep copy, or raise `NoStepError`."""
    try:
        return copy.deepcopy(value)
    except Exception as error:
        raise NoStepError(f"cannot be copied: {error}") from None
