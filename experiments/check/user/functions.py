"""Free functions, each with its role: forward, loss, backward, update, or loss and gradients."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from experiments.check.user.draws import draw
from experiments.check.user.handles import (
    Sizes,
    StagedHandle,
    copied,
    locals_of,
    reproducible,
    roles_at,
    roles_of_sizes,
    watched,
)
from experiments.check.user.layouts import Layout, Start
from experiments.check.user.objects import _take_answer, places
from experiments.check.user.roles import (
    bind,
    does,
    parameters_of,
    role_among,
    roles_of,
)
from experiments.check.user.slots import is_array
from experiments.check.user.weights import Chain

PARAMETERS = "parameters"

_BIAS_FORMS = ("column", "row", "flat")


class FunctionsHandle(StagedHandle):
    """Functions of a module, called one after the other.

    Parameters
    ----------
    module, files
        Where they are.
    plan
        Their names, in the order in which they are called.
    own
        The name of the function that draws the weights; None to hand over W1, b1 ... ourselves.
    bias
        Shape of a bias that we hand over: ``column``, ``row`` or ``flat``.
    """

    kind = "functions"

    def __init__(
        self,
        module: ModuleType,
        files: set[str],
        plan: tuple[str, ...],
        own: str | None,
        bias: str = "flat",
    ) -> None:
        self.module = module
        self.files = files
        self.plan = plan
        self.own = own
        self.bias = bias

    def describe(self, chain: Chain) -> str:
        """See `Handle.describe`."""
        weights = f" from {self.own}()" if self.own else ""
        names = places(chain, PARAMETERS)
        return f"functions {', '.join(self.plan)}: weights {names}{weights}"

    def fresh(self, sizes: Sizes, start: Start | None, layout: Layout) -> dict[str, Any]:
        """See `StagedHandle.fresh`."""
        if self.own is None:
            return {PARAMETERS: self._handed(sizes, layout)}
        function = getattr(self.module, self.own)
        by_role = roles_of_sizes(sizes)
        order: tuple[str, ...] = ("inputs", "outputs")
        if len(sizes) == 3:
            order = ("inputs", "hiddens", "outputs")
        if len([p for p in parameters_of(function) if p.default is p.empty]) == 1:
            order = ("sizes",) if len(sizes) > 2 else ("inputs",)
        data = roles_at(start or draw(sizes, 4, 0), layout)
        by_role |= {"x": data["x"], "y": data["y"]}
        positional, keywords = bind(function, by_role, None, order)
        with reproducible():
            drawn = function(*positional, **keywords)
        if isinstance(drawn, tuple) and drawn and all(isinstance(d, dict) for d in drawn):
            drawn = drawn[0]
        if isinstance(drawn, tuple):
            named = _names_of_return(function, drawn)
            return {PARAMETERS: named}
        return {PARAMETERS: copied(drawn)}

    def _handed(self, sizes: Sizes, layout: Layout) -> dict[str, Any]:
        columns = layout.samples == "columns"
        table: dict[str, Any] = {}
        for number, (inputs, units) in enumerate(itertools.pairwise(sizes), 1):
            shape = (units, inputs) if columns else (inputs, units)
            table[f"W{number}"] = np.ones(shape)
            shapes = {"column": (units, 1), "row": (1, units), "flat": (units,)}
            table[f"b{number}"] = np.ones(shapes[self.bias])
        return table

    def act(
        self, root: dict[str, Any], start: Start, layout: Layout, named: dict[str, Any]
    ) -> None:
        """See `StagedHandle.act`."""
        by_role = roles_at(start, layout) | {"sizes": list(start.sizes)}
        by_name: dict[str, Any] = {}
        answer: Any = None
        for name in self.plan:
            params = root[PARAMETERS]
            by_role["params"] = params
            if isinstance(params, Mapping):
                by_name |= {str(k): v for k, v in params.items()}
                by_name |= {str(k).lower(): v for k, v in params.items()}
            function = getattr(self.module, name)
            missing = {
                p.name: getattr(self.module, p.name)
                for p in parameters_of(function)
                if p.default is p.empty
                and not role_among(p.name, by_role)
                and hasattr(self.module, p.name)
            }
            returned = _in_order(function, answer)
            order = ("x", "y", "params") if name == self.plan[0] else ("x", "y")
            positional, keywords = bind(function, by_role, missing | returned | by_name, order)
            if any(role_among(p.name, by_role) == "rate" for p in parameters_of(function)):
                self.rate_known = True
            answer = watched(self, named, function, *positional, **keywords)
            by_name |= locals_of(named, name)
            updates = does(name, "update") and not does(name, "backward")
            if updates or (name == self.plan[-1] and self.rate_known):
                self._take_updated(root, answer)
            else:
                _take_answer(name, answer, by_role)
                by_name |= _gradients_by_name(answer)

    def _take_updated(self, root: dict[str, Any], answer: Any) -> None:
        params = root[PARAMETERS]
        items = list(answer) if isinstance(answer, tuple) else [answer]
        for item in items:
            both = isinstance(item, Mapping) and isinstance(params, Mapping)
            if both and params.keys() <= item.keys():
                root[PARAMETERS] = dict(item)
                return
        arrays = all(is_array(item) or np.isscalar(item) for item in items)
        if isinstance(params, Mapping) and len(items) == len(params) and arrays:
            root[PARAMETERS] = dict(zip(params, items, strict=True))
        elif isinstance(answer, list) and isinstance(params, list):
            root[PARAMETERS] = answer


def _in_order(function: Callable[..., Any], answer: Any) -> dict[str, Any]:
    """Name what the function before returned by the parameters of the next, in order."""
    if not isinstance(answer, tuple):
        return {}
    names = [p.name for p in parameters_of(function)]
    own = [n for n in names if re.fullmatch(r"[zah]_?\d", n, re.IGNORECASE)]
    return dict(zip(own, answer, strict=False)) if len(own) == len(answer) else {}


def _gradients_by_name(answer: Any) -> dict[str, Any]:
    items = answer if isinstance(answer, tuple) else (answer,)
    found: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Mapping):
            found |= {str(k): v for k, v in item.items()}
    return found


def _names_of_return(function: Callable[..., Any], values: tuple[Any, ...]) -> dict[str, Any]:
    """Name the weights that a function returned, by the variables it returned them from."""
    import ast
    import inspect
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            names = [n.id if isinstance(n, ast.Name) else "" for n in node.value.elts]
            if len(names) == len(values) and all(names):
                return dict(zip(names, values, strict=True))
    return {f"w{number}": value for number, value in enumerate(values, 1)}


def function_handles(module: ModuleType, files: set[str]) -> Iterator[FunctionsHandle]:
    """Yield the ways to take a step by free functions, the likeliest first."""
    functions = {
        name: value
        for name, value in vars(module).items()
        if getattr(getattr(value, "__code__", None), "co_filename", None) in files
    }
    plans = list(_plans(functions))
    own = [name for name in functions if does(name, "initialize")]
    for plan in plans:
        for draws in [*own[:3], None]:
            if draws is not None:
                yield FunctionsHandle(module, files, plan, draws)
            else:
                for form in _BIAS_FORMS:
                    yield FunctionsHandle(module, files, plan, None, form)


def _plans(functions: Mapping[str, Callable[..., Any]]) -> Iterator[tuple[str, ...]]:
    forwards, backwards, updates, losses, whole = [], [], [], [], []
    for name, function in functions.items():
        roles = {role for p in parameters_of(function) for role in roles_of(p.name)}
        names = {p.name.lower() for p in parameters_of(function)}
        weights = bool(roles & {"params"}) or bool(names & {"w", "w1", "w2", "theta", "weights"})
        if does(name, "backward"):
            backwards.append(name)
            if {"x", "y"} <= roles and weights:
                whole.append(name)
        elif "x" in roles and "y" in roles and weights:
            whole.append(name)
        elif does(name, "forward") and weights and "x" in roles:
            forwards.append(name)
        elif does(name, "loss"):
            losses.append(name)
        elif does(name, "update") and weights:
            updates.append(name)
    # What goes through all layers comes before what does one of them.
    forwards.sort(key=lambda n: (any(w in n.lower() for w in ("linear", "single")), "predict" in n))
    backwards.sort(key=lambda n: any(w in n.lower() for w in ("linear", "single", "relu", "sigm")))
    costs = [()] if not losses else [(losses[0],), ()]
    for forward in forwards[:3]:
        for backward in backwards[:4]:
            for update in [*updates[:2], None]:
                for cost in costs:
                    end = () if update is None else (update,)
                    yield (forward, *cost, backward, *end)
    for name in whole:
        for update in [*updates[:2], None]:
            yield (name,) if update is None else (name, update)
