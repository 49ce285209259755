"""Training loops of the user's: at module level, in a function, or in a method.

A loop is entered with our weights and samples in place of its own, goes round once, and is left;
what changed is the step. So it is the user's own code that calls the user's functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.check.user.draws import draw
from experiments.check.user.handles import (
    FLEXIBLE,
    Handle,
    NoStepError,
    Sizes,
    reproducible,
    roles_at,
    roles_of_sizes,
    set_settings,
)
from experiments.check.user.hooks import LeftError, Loop
from experiments.check.user.layouts import Layout, Start
from experiments.check.user.objects import places
from experiments.check.user.program import Program, ScriptLoop, copied_names, restore
from experiments.check.user.roles import bind, does, parameters_of, role_among, roles_of
from experiments.check.user.seen import Seen
from experiments.check.user.slots import Path, is_array, is_number, put_everywhere, walk
from experiments.check.user.watching import Watch, flatten
from experiments.check.user.weights import Chain, find_chains, put_weights

_COUNTS = re.compile(
    r"m|n|N|M|num_?(samples|examples|data|rows)|n_?(samples|examples|data|train)|"
    r"(sample|data|training)_?(size|count)|(mini_?)?batch_?size|number_of_samples|num",
    re.IGNORECASE,
)
"""Names of variables that hold a number of samples."""


def _is_rate(name: str, value: Any) -> bool:
    roles = roles_of(name)
    own = name.lower() not in ("n", "m", "r", "gamma", "step")
    return own and "rate" in roles[:1] and isinstance(value, float | int) and value is not True


class OwnData:
    """Samples and targets that the code itself holds, where a loop begins.

    Parameters
    ----------
    names
        What the loop can see.
    chain
        Where its weights are.
    """

    def __init__(self, names: dict[str, Any], chain: Chain) -> None:
        kernels = [place.read(names).kernel for place in chain]
        self.sizes: Sizes = (kernels[0].shape[0], *(kernel.shape[1] for kernel in kernels))
        self.x_names, self.y_names, self.layout = _data_of(names, self.sizes, chain)
        if not self.x_names:
            raise NoStepError("no samples")
        self.samples = _samples(names[self.x_names[0]], self.sizes[0])

    def put(self, names: dict[str, Any], start: Start) -> bool:
        """Set samples, targets, their number and the rate; say whether there is a rate."""
        values: dict[Path, Any] = {}
        for name in self.x_names:
            values[(("item", name),)] = _like(names[name], start.x, self.sizes[0])
        for name in self.y_names:
            values[(("item", name),)] = _target_like(names[name], start.y, self.layout)
        rates = [name for name, value in names.items() if _is_rate(name, value)]
        for name, value in names.items():
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if whole and _COUNTS.fullmatch(name) and value == self.samples:
                values[(("item", name),)] = len(start.x)
        put_everywhere(names, values)
        names.update(dict.fromkeys(rates, start.rate))
        return bool(rates)


class ScriptHandle(Handle):
    """A loop at module level.

    Parameters
    ----------
    program
        The file that it is in.
    script
        The loop, and the data as they were before it.
    free
        Whether to give it other widths than its own.
    """

    def __init__(self, program: Program, script: ScriptLoop, *, free: bool) -> None:
        self.kind = "notebook" if program.notebook else "script"
        self.program = program
        self.script = script
        self.files = program.files
        names = script.names
        self._chains = find_chains(slot for slot in walk(names) if not _is_data_name(slot.words[0]))
        if not self._chains:
            raise NoStepError("no weights")
        self._chains = [c for c in self._chains if len(c) == len(self._chains[0])]
        self.own = OwnData(dict(names), self._chains[0])
        self.sizes = None if free else self.own.sizes
        self.depths = (len(self._chains[0]),)
        self.outputs = 1 if self.own.sizes[-1] == 1 else None
        self.layout_fixed = self.own.layout

    def describe(self, chain: Chain) -> str:
        """See `Handle.describe`."""
        data = ", ".join([self.own.x_names[0], *self.own.y_names[:1]])
        return (
            f"a loop in line {self.script.loop.line}: weights in {places(chain, '')}; data in "
            f"{data}; its body, run once, is a step"
        )

    def chains(self, sizes: Sizes, layout: Layout) -> list[Chain]:
        """See `Handle.chains`."""
        return self._chains if len(sizes) == len(self.own.sizes) else []

    def run(self, start: Start, layout: Layout, chain: Chain) -> Seen:
        """See `Handle.run`."""
        module, hooks = self.program.module.__dict__, self.program.hooks
        restore(module, self.script.names)
        root = _data_only(module)
        self.rate_known = self.own.put(root, start)
        put_weights(root, chain, start.weights)
        module.update(root)
        hooks.look_at(self.script.loop.number, lambda _: {})
        with Watch(self.files) as watch:
            try:
                with reproducible():
                    exec(self.script.code, module)
            except LeftError:
                pass
            finally:
                hooks.look_away()
        seen = Seen(start, chain, named=dict(watch.seen))
        root = _data_only(module)
        seen.after = [place.read(root) for place in chain]
        _flatten_names(root, chain, seen, {*self.own.x_names, *self.own.y_names})
        return seen


def _is_data_name(name: str) -> bool:
    roles = roles_of(name)
    return bool(roles) and roles[0] in ("x", "y", "pairs", "validation")


def _data_only(module: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in module.items() if not k.startswith("__") and not callable(v)}


def _samples(value: Any, features: int) -> int:
    shape = np.shape(value)
    if len(shape) < 2:
        return 1
    return int(shape[0] if shape[1] == features else shape[1])


def _like(own: Any, x: Any, features: int) -> Any:
    """Return samples laid out as the code's own."""
    shape = np.shape(own)
    if len(shape) == 1:
        return np.array(x[0])
    return np.array(x if shape[1] == features else x.T, order="C")


def _target_like(own: Any, y: Any, layout: Layout) -> Any:
    """Return targets laid out as the code's own."""
    shape = np.shape(own)
    whole = np.asarray(own).dtype.kind in "iu" and y.shape[1] > 1
    if len(shape) == 0:
        return y.dtype.type(y[0, 0])
    if len(shape) == 1:
        if layout.samples == "vector" or (y.shape[1] > 1 and not whole):
            return np.array(y[0])
        return np.argmax(y, axis=1) if y.shape[1] > 1 else np.array(y[:, 0])
    if whole and 1 in shape and layout.by_class:
        classes = np.argmax(y, axis=1)
        return classes.reshape((1, -1) if shape[0] == 1 else (-1, 1))
    columns = layout.samples == "columns" or (shape[0] == y.shape[1] and shape[1] != y.shape[1])
    return np.array(y.T if columns else y, order="C")


def _data_of(
    names: dict[str, Any], sizes: Sizes, chain: Chain
) -> tuple[list[str], list[str], Layout]:
    """Find the samples and targets in a namespace, and how they are laid out."""
    weights = {path[0][1] for place in chain for path in (place.kernel, place.bias) if path}
    inputs, outputs = sizes[0], sizes[-1]
    arrays: dict[str, Any] = {}
    for name, value in names.items():
        if name in weights or name.startswith("__"):
            continue
        if is_array(value) or (isinstance(value, list) and value and _is_table(value)):
            arrays[name] = np.asarray(value)
    x_names = [n for n, a in arrays.items() if _may_be_x(n, a, inputs)]
    x_names.sort(key=lambda n: "x" not in roles_of(n)[:1])
    if not x_names:
        return [], [], Layout()
    main = arrays[x_names[0]]
    samples = _samples(main, inputs)
    by_rows = main.ndim == 2 and main.shape[1] == inputs
    layout_samples = "vector" if main.ndim == 1 else ("rows" if by_rows else "columns")
    y_names = [
        n
        for n, a in arrays.items()
        if n not in x_names[:1] and _may_be_y(n, a, samples, outputs, main.ndim)
    ]
    y_names.sort(key=lambda n: "y" not in roles_of(n)[:1])
    named_y = [n for n in y_names if "y" in roles_of(n)[:2]]
    y_names = named_y or y_names[:1]
    x_names = [n for n in x_names if n not in y_names]
    if main.ndim == 1 and not y_names:
        y_names = [n for n, v in names.items() if is_number(v) and "y" in roles_of(n)[:1]]
    targets = "like"
    if y_names:
        own = arrays.get(y_names[0], np.zeros(()))
        if outputs > 1 and own.ndim == 1 and main.ndim == 2 and own.dtype.kind in "iu":
            targets = "classes"
        elif outputs > 1 and own.ndim == 2 and own.dtype.kind in "iu" and 1 in own.shape:
            targets = "class row" if own.shape[0] == 1 else "class column"
        elif own.ndim == 1 and main.ndim == 2:
            targets = "flat"
    one = layout_samples == "vector"
    return x_names, y_names, Layout(layout_samples, targets, one=one)


def _is_table(value: list[Any]) -> bool:
    try:
        array = np.asarray(value)
    except ValueError:
        return False
    return array.dtype.kind in "fiu"


def _may_be_x(name: str, array: Any, inputs: int) -> bool:
    roles = roles_of(name)
    if roles and roles[0] in ("y", "prediction", "cache", "grads", "gradient"):
        return False
    if array.ndim == 2:
        return inputs in array.shape
    return array.ndim == 1 and len(array) == inputs and bool(roles) and "x" in roles


def _may_be_y(name: str, array: Any, samples: int, outputs: int, x_axes: int) -> bool:
    roles = roles_of(name)
    if roles and roles[0] in ("x", "prediction", "cache", "grads", "gradient"):
        return False
    shape = array.shape
    if x_axes == 1:
        return shape in ((outputs,), (1,), (outputs, 1), (1, outputs))
    wanted = {(samples, outputs), (outputs, samples), (samples,), (samples, 1), (1, samples)}
    return shape in wanted


def _flatten_names(root: dict[str, Any], chain: Chain, seen: Seen, but: set[str]) -> None:
    weights = {path for place in chain for path in (place.kernel, place.bias)}
    for slot in walk(root):
        if slot.path not in weights and slot.path[0][1] not in but:
            flatten(slot.value, slot.name, seen.named)


class FunctionLoopHandle(Handle):
    """A loop in a function or a method that trains.

    Parameters
    ----------
    program, loop
        Where it is.
    title
        For people, as ``train(X, Y)``.
    owner
        Makes the object whose method it is; None for a function.
    """

    def __init__(
        self,
        program: Program,
        loop: Loop,
        owner: Callable[[Sizes, Start, Layout], Any] | None,
        owner_sizes: Sizes | None = None,
        *,
        own_data: bool = False,
        free: bool = True,
    ) -> None:
        self.kind = "notebook" if program.notebook else "function"
        self.program = program
        self.loop = loop
        self.owner = owner
        self.sizes = owner_sizes
        self.files = program.files
        self.name = loop.function.rpartition(".")[2]
        self.own: OwnData | None = None
        if own_data:
            found = self._scout(FLEXIBLE[0], Layout(), loose=True)
            if not found:
                raise NoStepError("no weights")
            self.own = self._own_at(found[0])
            self.depths = (len(found[0]),)
            self.sizes = None if free else self.own.sizes
            self.layout_fixed = self.own.layout
            self.outputs = 1 if self.own.sizes[-1] == 1 else None

    def describe(self, chain: Chain) -> str:
        """See `Handle.describe`."""
        return (
            f"{self.loop.function}(), which trains: weights in {places(chain, '')}; the body of "
            f"its loop in line {self.loop.line}, run once, is a step"
        )

    def chains(self, sizes: Sizes, layout: Layout) -> list[Chain]:
        """See `Handle.chains`."""
        return self._scout(sizes, layout, loose=self.own is not None)

    def _scout(self, sizes: Sizes, layout: Layout, *, loose: bool) -> list[Chain]:
        """Find the weights where the loop begins."""
        found: list[Chain] = []

        def look(names: dict[str, Any]) -> dict[str, Any]:
            root = self._root(names)
            if not loose:
                found.extend(find_chains(_weight_slots(root, names), sizes))
                if not found:
                    any_width = find_chains(
                        _weight_slots(root, names), None, sizes[0], sizes[-1]
                    ) or find_chains(_weight_slots(root, names))
                    found.extend(chain for chain in any_width if len(chain) == len(sizes) - 1)
            else:
                found.extend(find_chains(_weight_slots(root, names)))
            raise LeftError(names)

        samples = 1 if layout.one else 4
        start = draw(sizes, samples, 0, targets="one_hot" if sizes[-1] > 1 else "binary")
        self._call(start, layout, look)
        return [chain for chain in found if len(chain) == len(found[0])]

    def _own_at(self, chain: Chain) -> OwnData:
        def look(names: dict[str, Any]) -> dict[str, Any]:
            raise LeftError(names)

        return OwnData(self._call(draw(FLEXIBLE[0], 4, 0), Layout(), look), chain)

    def run(self, start: Start, layout: Layout, chain: Chain) -> Seen:
        """See `Handle.run`."""

        def enter(names: dict[str, Any]) -> dict[str, Any]:
            root = self._root(names)
            if self.own is not None:
                self.rate_known |= self.own.put(root, start)
            put_weights(root, chain, start.weights)
            module = self.program.module.__dict__
            for name, value in root.items():
                if name not in names and module.get(name) is not value:
                    module[name] = value
            for name, value in names.items():
                if _is_rate(name, value):
                    root[name] = start.rate
                    self.rate_known = True
            return {name: root[name] for name in names if root[name] is not names[name]}

        with Watch(self.files) as watch:
            root = self._call(start, layout, enter)
        seen = Seen(start, chain, named=dict(watch.seen))
        seen.after = [place.read(root) for place in chain]
        if not does(self.name, "train") and not _changed(start, seen):
            raise NoStepError("the loop changes no weights")
        _flatten_names(root, chain, seen, set())
        return seen

    def _root(self, names: dict[str, Any]) -> dict[str, Any]:
        own = {n: v for n, v in names.items() if not callable(v) or hasattr(v, "__dict__")}
        return _data_only(self.program.module.__dict__) | own

    def _call(
        self,
        start: Start,
        layout: Layout,
        on_enter: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        """Call the function, and return the data that its loop had when it was left."""
        module = self.program.module.__dict__
        kept = copied_names(module)
        by_role = roles_of_sizes(start.sizes) | roles_at(start, layout)
        if self.owner is not None:
            made = self.owner(start.sizes, start, layout)
            self.rate_known = set_settings({"net": made}, start.rate)
            function = getattr(made, self.name)
            for role in ("sizes", "inputs", "hiddens", "outputs"):
                by_role.pop(role)
        else:
            function = module.get(self.name)
        if not callable(function):
            raise NoStepError("no such function")
        by_name = _weights_by_name(start, layout)
        by_name |= _defaults(module, function, by_role, by_name)
        names = [p.name for p in parameters_of(function)]
        if any(role_among(name, by_role) == "rate" for name in names):
            self.rate_known = True
        if any(role_among(n, ("params",)) for n in names):
            by_role["params"] = _drawn(module, start, layout)
        takes_data = {"x", "y", "pairs"} & {role_among(name, by_role) for name in names}
        order = ("x", "y") if takes_data else ("hiddens",)
        positional, keywords = bind(function, by_role, by_name, order)
        hooks = self.program.hooks
        hooks.look_at(self.loop.number, on_enter)
        try:
            with reproducible():
                function(*positional, **keywords)
        except LeftError as left:
            return self._root(left.names)
        finally:
            hooks.look_away()
            restore(module, kept)
        raise NoStepError("the loop was not left")


def _is_result_name(name: str) -> bool:
    """Whether a variable is named as what a network computes: it holds no weights."""
    roles = set(roles_of(name.rpartition("_")[2])) | set(roles_of(name))
    return bool(roles & {"prediction", "cache", "grads", "gradient"}) and "layer" not in name


def _changed(start: Start, seen: Seen) -> bool:
    """Whether a step has changed a weight: a loop that predicts or counts does not."""
    return any(
        not np.array_equal(before.kernel, after.kernel)
        for before, after in zip(start.weights, seen.after or [], strict=False)
    )


def _weight_slots(root: dict[str, Any], names: dict[str, Any]) -> Iterator[Any]:
    """Yield the arrays of a loop's own names, then those of the module."""
    local = {name: root[name] for name in names if name in root}
    yield from (
        s
        for s in walk(local)
        if len(s.path) > 1 or not (_is_data_name(s.words[0]) or _is_result_name(s.words[0]))
    )
    others = {name: value for name, value in root.items() if name not in names}
    yield from (s for s in walk(others) if not _is_data_name(s.words[0]))


def _weights_by_name(start: Start, layout: Layout) -> dict[str, Any]:
    """Return weights under the names that parameters commonly have."""
    columns = layout.samples == "columns"
    named: dict[str, Any] = {}
    for number, layer in enumerate(start.weights, 1):
        kernel = np.array(layer.kernel.T if columns else layer.kernel)
        units = kernel.shape[0 if columns else 1]
        bias = np.zeros((units, 1) if columns else (1, units))
        for letter in ("W", "w"):
            named[f"{letter}{number}"] = named[f"{letter}_{number}"] = kernel
        for letter in ("b", "B"):
            named[f"{letter}{number}"] = named[f"{letter}_{number}"] = bias
    if len(start.weights) == 1:
        # A single neuron has its weights in a column, whichever way its samples stand.
        named["w"] = np.array(start.weights[0].kernel)
        named["W"] = named["W1"]
        named["theta"] = named["weights"] = named["w"]
        named["b"] = named["bias"] = 0.0
    return named


def _drawn(module: dict[str, Any], start: Start, layout: Layout) -> Any:
    """Return initial parameters from the code's own function for it."""
    for name, value in list(module.items()):
        if callable(value) and does(name, "initialize") and hasattr(value, "__code__"):
            try:
                by_role = roles_of_sizes(start.sizes) | roles_at(start, layout)
                positional, keywords = bind(value, by_role, None, ("inputs", "hiddens", "outputs"))
                return value(*positional, **keywords)
            except Exception:
                continue
    return _weights_by_name(start, layout)


def _defaults(
    module: dict[str, Any], function: Any, by_role: dict[str, Any], by_name: dict[str, Any]
) -> dict[str, Any]:
    """Return what the module has under the names of parameters that we have nothing for."""
    found = {}
    for parameter in parameters_of(function):
        name = parameter.name
        known = role_among(name, by_role) or name in by_name
        if parameter.default is parameter.empty and not known and name in module:
            found[name] = module[name]
    return found


def script_handles(program: Program) -> Iterator[ScriptHandle]:
    """Yield the loops at module level that change weights."""
    for script in program.scripts:
        for free in (True, False):
            try:
                yield ScriptHandle(program, script, free=free)
            except NoStepError:
                break


def function_loop_handles(
    program: Program, owners: Callable[[str], list[tuple[Any, Sizes | None]]]
) -> Iterator[FunctionLoopHandle]:
    """Yield the loops of functions and methods that may train, outer loops first."""
    loops = [loop for loop in program.loops if loop.function]
    loops.sort(key=lambda loop: (loop.depth, not does(loop.function.rpartition(".")[2], "train")))
    for loop in loops:
        parts = loop.function.split(".")
        if len(parts) == 1:
            function = getattr(program.module, parts[0], None)
            if not callable(function):
                continue
            roles = {role for p in parameters_of(function) for role in roles_of(p.name)[:1]}
            if {"x", "y"} <= roles or "pairs" in roles:
                yield FunctionLoopHandle(program, loop, None)
                continue
            for free in (True, False):
                try:
                    yield FunctionLoopHandle(program, loop, None, own_data=True, free=free)
                except (Exception, LeftError, SystemExit):
                    break
        elif len(parts) == 2:
            for owner, sizes in owners(parts[0])[:2]:
                yield FunctionLoopHandle(program, loop, owner, sizes)
