"""An object that holds its weights: made with distinct widths, and asked to take one step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from experiments.check.user.draws import draw
from experiments.check.user.handles import (
    FLEXIBLE,
    NoStepError,
    Sizes,
    StagedHandle,
    copied,
    locals_of,
    reproducible,
    roles_at,
    roles_of_sizes,
    set_settings,
    watched,
)
from experiments.check.user.layouts import Layout, Start
from experiments.check.user.roles import (
    UnboundError,
    bind,
    does,
    parameters_of,
    role_among,
    roles_of,
)
from experiments.check.user.slots import walk
from experiments.check.user.weights import Chain, find_chains

Make = Callable[[Sizes, Start | None, Layout], Any]
"""Makes the object; without a start, from any samples."""

_MOST_METHODS = 60


class ObjectHandle(StagedHandle):
    """An object and the methods that take its step.

    Parameters
    ----------
    name
        Of the class, or of the variable that holds the object.
    make
        Makes it.
    plan
        Names of the methods that are called one after the other.
    files
        See `Handle`.
    sizes
        Its widths, where it has but one.
    """

    kind = "object"

    def __init__(
        self,
        name: str,
        make: Make,
        plan: tuple[str, ...],
        files: set[str],
        sizes: Sizes | None,
        *,
        with_data: bool,
    ) -> None:
        self.name = name
        self.make = make
        self.plan = plan
        self.files = files
        self.sizes = sizes
        self.with_data = with_data
        self.signatures: list[str] = []
        self._kept: dict[Sizes, Any] = {}

    def describe(self, chain: Chain) -> str:
        """See `Handle.describe`."""
        calls = ", then ".join(self.signatures or [f"{name}()" for name in self.plan])
        return f"{self.name}: weights in {places(chain, 'net')}; {calls} takes one step"

    def fresh(self, sizes: Sizes, start: Start | None, layout: Layout) -> dict[str, Any]:
        """See `StagedHandle.fresh`."""
        if self.with_data:
            made = self.make(sizes, start, layout)
        else:
            if sizes not in self._kept:
                self._kept[sizes] = self.make(sizes, None, layout)
            made = copied(self._kept[sizes])
        root = {"net": made}
        self.rate_known = set_settings(root, None if start is None else start.rate)
        return root

    def chains(self, sizes: Sizes, layout: Layout) -> list[Chain]:
        """See `StagedHandle.chains`."""
        root = self.fresh(sizes, None, layout)
        return find_chains(walk(root), sizes)

    def act(
        self, root: dict[str, Any], start: Start, layout: Layout, named: dict[str, Any]
    ) -> None:
        """See `StagedHandle.act`."""
        net = root["net"]
        self._look_around(net, start, layout, named)
        by_role = roles_at(start, layout)
        by_name: dict[str, Any] = {}
        signatures = []
        for name in self.plan:
            method = getattr(net, name)
            positional, keywords = bind(method, by_role, by_name, ("x", "y", "rate"))
            given = [p.name for p in parameters_of(method)]
            if any(role_among(p, by_role) == "rate" for p in given):
                self.rate_known = True
            signatures.append(f"{name}({', '.join(given[: len(positional) + len(keywords)])})")
            answer = watched(self, named, method, *positional, **keywords)
            by_name |= locals_of(named, name)
            _take_answer(name, answer, by_role)
        self.signatures = signatures

    def _look_around(self, net: Any, start: Start, layout: Layout, named: dict[str, Any]) -> None:
        """Ask a copy for its prediction and its loss, which the step itself may not show."""
        first = self.plan[0]
        for name in methods_of(net):
            if name in self.plan or name == first:
                continue
            if does(name, "loss") or (does(name, "forward") and not does(name, "train")):
                other = copied(net)
                by_role = roles_at(start, layout)
                seen: dict[str, Any] = {}
                try:
                    method = getattr(other, name)
                    positional, keywords = bind(method, by_role)
                    watched(self, seen, method, *positional, **keywords)
                except Exception:
                    continue
                for key, value in seen.items():
                    named.setdefault(key, value)


def _take_answer(name: str, answer: Any, by_role: dict[str, Any]) -> None:
    """Remember what a method returned, for the next one."""
    if answer is None:
        return
    if does(name, "forward") and not does(name, "backward"):
        if isinstance(answer, tuple) and answer:
            by_role["prediction"] = answer[0]
            rest = answer[1:]
            by_role["cache"] = rest[0] if len(rest) == 1 else rest
            if isinstance(answer[0], dict | list) or "prediction" not in by_role:
                by_role["prediction"], by_role["cache"] = answer[-1], answer[0]
        else:
            by_role["prediction"] = by_role["cache"] = answer
    else:
        by_role["grads"] = answer
        if isinstance(answer, tuple) and len(answer) == 2:
            tables = [item for item in answer if isinstance(item, dict | list)]
            if len(tables) == 1:
                by_role["grads"] = tables[0]


def places(chain: Chain, root: str) -> str:
    """Say where weights are, as .w1, .w2."""
    names: list[str] = []
    for place in chain:
        for path in (place.kernel, place.bias):
            if path is None:
                continue
            text = ""
            for how, key in path:
                text += f".{key}" if how == "attr" else (f"[{key!r}]" if text else str(key))
            names.append(text.removeprefix(root))
    if len(names) > 6:
        names = [*names[:2], "...", names[-1]]
    return ", ".join(names)


def methods_of(net: Any) -> list[str]:
    """Return the names of the methods that the user wrote, in their order."""
    found: dict[str, None] = {}
    for kind in type(net).__mro__[:-1]:
        for name, value in vars(kind).items():
            plain = name == "__call__" or not name.startswith("__")
            if (plain and inspect.isroutine(value)) or isinstance(value, staticmethod):
                found.setdefault(name)
    return list(found)[:_MOST_METHODS]


def object_handles(module: ModuleType, files: set[str], only: str | None) -> Iterator[ObjectHandle]:
    """Yield the ways to take a step of the objects that a module makes, the likeliest first."""
    for name, value in list(vars(module).items()):
        if only is not None and name != only:
            continue
        if isinstance(value, type) and _of_the_user(value, files):
            for make, sizes, with_data in _makers(value, module):
                yield from _with_plans(f"class {name}", make, files, sizes, with_data=with_data)
    for name, value in list(vars(module).items()):
        if only is not None and name != only:
            continue
        if not isinstance(value, type) and _of_the_user(type(value), files):
            found = _sizes_of(value)
            if found is not None:
                yield from _with_plans(
                    f"{name}, a {type(value).__name__}",
                    _giving(value),
                    files,
                    found,
                    with_data=False,
                )


def _giving(made: Any) -> Make:
    """Return what gives an object that the file has made."""
    return lambda _sizes, _start, _layout: made


def _of_the_user(kind: type, files: set[str]) -> bool:
    for value in vars(kind).values():
        function = getattr(value, "__func__", value)
        code = getattr(function, "__code__", None)
        if code is not None and code.co_filename in files:
            return True
    return False


def _makers(kind: type, module: ModuleType) -> Iterator[tuple[Make, Sizes | None, bool]]:
    """Yield what makes an object that holds weights, its widths, and whether it takes the data."""
    needs_data = {"x", "y"} <= {r for p in parameters_of(kind) for r in roles_of(p.name)[:1]}
    shallow: tuple[Make, Sizes | None, bool] | None = None
    for with_data in (True, False) if needs_data else (False,):
        for hidden in ("number", "list"):
            for activation in _activation_values(module):
                make = _maker(kind, hidden, activation, with_data=with_data)
                fixed = None
                for sizes in FLEXIBLE:
                    made = _made(make, sizes)
                    if made is None:
                        continue
                    if find_chains(walk({"net": made}), sizes):
                        if len(sizes) > 2:
                            yield make, None, with_data
                            return
                        shallow = shallow or (make, None, with_data)
                    else:
                        fixed = fixed or _sizes_of(made)
                if fixed is not None:
                    yield make, fixed, with_data
                    return
    if shallow is not None:
        yield shallow


def constructors(kind: type, module: ModuleType) -> Iterator[tuple[Make, Sizes | None]]:
    """Yield what makes an object, with weights or without any yet."""
    found = [(make, sizes) for make, sizes, _ in _makers(kind, module)]
    yield from found
    if not found:
        for hidden in ("number", "list"):
            make = _maker(kind, hidden, None, with_data=False)
            if _made(make, FLEXIBLE[0]) is not None:
                yield make, None


def _activation_values(module: ModuleType) -> list[Any]:
    names = [n for n in ("sigmoid", "relu", "tanh") if callable(getattr(module, n, None))]
    return [None, "sigmoid", "relu", "tanh", *(getattr(module, n) for n in names)]


def _maker(kind: type, hidden: str, activation: Any, *, with_data: bool) -> Make:
    def make(sizes: Sizes, start: Start | None, layout: Layout) -> Any:
        by_role = roles_of_sizes(sizes, hidden=hidden) | {"rate": 0.5}
        if activation is not None:
            by_role["activation"] = activation
        if with_data:
            by_role |= roles_at(start or draw(sizes, 4, 0), layout)
            by_role["rate"] = 0.5 if start is None else start.rate
        order: tuple[str, ...] = ("sizes",)
        required = [p for p in parameters_of(kind) if p.default is p.empty]
        if len(required) == len(sizes):
            order = ("inputs", "hiddens", "outputs") if len(sizes) == 3 else ("inputs", "outputs")
        positional, keywords = bind(kind, by_role, None, order)
        with reproducible():
            return kind(*positional, **keywords)

    return make


def _made(make: Make, sizes: Sizes) -> Any:
    try:
        return make(sizes, None, Layout())
    except (UnboundError, NoStepError, Exception):
        return None


def _sizes_of(made: Any) -> Sizes | None:
    """Return the widths of a network that has but one."""
    try:
        chains = find_chains(walk({"net": made}))
    except Exception:
        return None
    if not chains:
        return None
    root = {"net": made}
    kernels = [place.read(root).kernel for place in chains[0]]
    return (kernels[0].shape[0], *(kernel.shape[1] for kernel in kernels))


def _with_plans(
    name: str, make: Make, files: set[str], sizes: Sizes | None, *, with_data: bool
) -> Iterator[ObjectHandle]:
    made = next((m for s in (sizes, *FLEXIBLE) if s and (m := _made(make, s)) is not None), None)
    if made is None:
        return
    for plan in _plans(made, with_data=with_data):
        yield ObjectHandle(name, make, plan, files, sizes, with_data=with_data)


def _plans(net: Any, *, with_data: bool) -> Sequence[tuple[str, ...]]:
    """Return the methods that may take a step, one after the other, the likeliest first."""
    methods = methods_of(net)
    whole: list[tuple[str, ...]] = []
    forwards, backwards, updates = [], [], []
    for name in methods:
        try:
            parameters = parameters_of(getattr(net, name))
        except Exception:
            continue
        roles = {role for p in parameters for role in roles_of(p.name)}
        if name == "__init__":
            continue
        takes_both = {"x", "y"} <= roles or "pairs" in roles
        backward, forward = does(name, "backward"), does(name, "forward")
        if (takes_both and (does(name, "train") or backward or does(name, "loss"))) or (
            takes_both and does(name, "update")
        ):
            whole.append((name,))
        if backward:
            backwards.append(name)
        elif forward and not does(name, "train"):
            forwards.append(name)
        if does(name, "update") and not backward:
            updates.append(name)
        if with_data and not parameters and (does(name, "train") or backward):
            whole.append((name,))
    pairs = [(f, b) for b in backwards for f in forwards]
    triples = [(f, b, u) for f, b in pairs for u in updates if u not in (f, b)]
    doubles = [(w[0], u) for w in whole for u in updates if u != w[0]]
    whole.sort(key=lambda w: not does(w[0], "train"))
    return [*whole, *triples[:8], *pairs[:12], *doubles[:6]]
