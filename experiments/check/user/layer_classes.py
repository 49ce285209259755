"""Classes of layers without a network: the check puts a dense layer and an activation together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from experiments.check.user.handles import (
    NoStepError,
    Sizes,
    StagedHandle,
    copied,
    reproducible,
    set_settings,
    watched,
)
from experiments.check.user.layouts import Layout, Start
from experiments.check.user.objects import _of_the_user, methods_of, places
from experiments.check.user.roles import bind, does, parameters_of, role_among, roles_of
from experiments.check.user.slots import walk
from experiments.check.user.weights import Chain, find_chains


class LayersHandle(StagedHandle):
    """Dense layers with an activation after each, the last one perhaps without.

    Parameters
    ----------
    dense, activation
        Classes; no activation leaves the layers linear.
    last
        Whether the activation comes after the last layer too.
    loss
        Class or nothing: not used yet; the gradient of the mean squared error goes in.
    files
        See `Handle`.
    """

    kind = "layers"

    def __init__(
        self, dense: type, activation: type | None, files: set[str], *, last: bool
    ) -> None:
        self.dense = dense
        self.activation = activation
        self.files = files
        self.last = last

    def describe(self, chain: Chain) -> str:
        """See `Handle.describe`."""
        names = [self.dense.__name__]
        if self.activation is not None:
            names.append(self.activation.__name__)
        return (
            f"layer classes {', '.join(names)}, put together by the check: weights in "
            f"{places(chain, 'layers')}; it passes back the gradient of the mean squared error"
        )

    def fresh(
        self,
        sizes: Sizes,
        start: Start | None,
        layout: Layout,
    ) -> dict[str, Any]:
        """See `StagedHandle.fresh`."""
        layers: list[Any] = []
        if self.activation is not None and len(sizes) < 3:
            raise NoStepError("an activation is to be seen between two layers")
        with reproducible():
            for number, (inputs, units) in enumerate(itertools.pairwise(sizes)):
                by_role = {"inputs": inputs, "outputs": units, "seed": 0, "rate": 0.5}
                positional, keywords = bind(self.dense, by_role, None, ("inputs", "outputs"))
                layers.append(self.dense(*positional, **keywords))
                if self.activation is not None and (number < len(sizes) - 2 or self.last):
                    layers.append(self.activation())
        return {"layers": layers}

    def act(
        self, root: dict[str, Any], start: Start, layout: Layout, named: dict[str, Any]
    ) -> None:
        """See `StagedHandle.act`."""
        layers = root["layers"]
        for number, layer in enumerate(layers):
            self.rate_known |= set_settings({str(number): layer}, start.rate)
        values: Any = layout.x(start.x)
        for layer in layers:
            values = watched(self, named, _method(layer, "forward"), values)
            if values is None:
                values = getattr(layer, "output", None)
        prediction = np.asarray(values)
        named["forward()"] = np.array(prediction)
        y = np.asarray(layout.y(start.y)).reshape(prediction.shape)
        gradient: Any = 2 * (prediction - y) / prediction.size
        for layer in reversed(layers):
            method = _method(layer, "backward")
            by_role = {"gradient": gradient, "rate": start.rate}
            if any(role_among(p.name, ("rate",)) for p in parameters_of(method)):
                self.rate_known = True
            positional, keywords = bind(method, by_role, None, ("gradient", "rate"))
            answer = watched(self, named, method, *positional, **keywords)
            gradient = answer[0] if isinstance(answer, tuple) else answer
            if gradient is None:
                gradient = getattr(layer, "dinputs", None)


def _method(layer: Any, what: str) -> Any:
    names = methods_of(layer)
    exact = [n for n in names if n.lower().startswith(what)]
    return getattr(layer, (exact or [n for n in names if does(n, what)])[0])


def layer_handles(module: ModuleType, files: set[str]) -> Iterator[LayersHandle]:
    """Yield the ways to put the layer classes of a module together."""
    dense: list[type] = []
    activations: list[type | None] = []
    for value in list(vars(module).values()):
        if not isinstance(value, type) or not _of_the_user(value, files):
            continue
        methods = {n for kind in value.__mro__[:-1] for n in vars(kind)}
        if not any(m.lower().startswith("forward") for m in methods):
            continue
        if not any(m.lower().startswith("back") for m in methods):
            continue
        required = [p for p in parameters_of(value) if p.default is p.empty]
        roles = {role for p in parameters_of(value) for role in roles_of(p.name)}
        if len(required) >= 2 and roles & {"inputs", "outputs", "x"}:
            if _has_weights(value):
                dense.append(value)
        elif not required:
            activations.append(value)
    for kind in dense:
        for activation in activations or [None]:
            for last in (False, True) if activation is not None else (False,):
                yield LayersHandle(kind, activation, files, last=last)


def _has_weights(kind: type) -> bool:
    by_role = {"inputs": 4, "outputs": 6, "seed": 0, "rate": 0.5}
    try:
        positional, keywords = bind(kind, by_role, None, ("inputs", "outputs"))
        made = copied(kind(*positional, **keywords))
    except Exception:
        return False
    return bool(find_chains(walk({"layer": made}), (4, 6)))
