"""Where somebody's code keeps its numbers: every array that can be reached, and how to set it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scratchnet.types import Array

Path = tuple[tuple[str, Any], ...]
"""Steps from a root: ``("attr", name)`` or ``("item", key)``."""

_DEEPEST = 5
_LONGEST_LIST = 40
"""Longer lists hold data, not layers."""

_OPAQUE = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type, str, bytes, bool)

_GRADIENT = re.compile(
    r"^d[A-Z_]|^d[wb]\d*$|^[vms]d?_?[wb]\d*$|^[vs]d[wb]|^[vms]_d?[wb]|grad|delta|nabla|veloc|"
    r"momentum|moment|cache|error|prev|history|loss|cost|update|squared|best|_old|old_|adam|"
    r"optim|regul|^mask|^(dw|db|d|v|m|s)$",
    re.IGNORECASE,
)
"""Names of arrays that have the shape of a weight, and are none."""

_NO_WEIGHT = re.compile(
    r"^(x|xs|y|ys|t|z|a|h|o|s|p|inputs?|outputs?|out|hidden|targets?|labels?|data|layer|l|net|act|"
    r"activations?|features?|train|test|predictions?|samples?)(?![a-z])",
    re.IGNORECASE,
)
"""Names of other arrays, if no word for a weight is in them."""

_KEEPER = re.compile(r"grad|delta|veloc|momentum|cache|nabla|optim", re.IGNORECASE)
"""Names of what keeps gradients or moments."""

_WEIGHT = re.compile(r"w|kernel|theta|syn|coef|param|bias|^b|_b\d*$|^[uv]\d", re.IGNORECASE)


@dataclass(frozen=True)
class Slot:
    """A place that holds an array.

    Attributes
    ----------
    path
        From the root.
    value
        What it holds now.
    """

    path: Path
    value: Any

    @property
    def name(self) -> str:
        """The path as a reader of the code would write it."""
        text = ""
        for how, key in self.path:
            if how == "attr":
                text += f".{key}"
            elif not text:
                text = str(key)
            else:
                text += f"[{key!r}]"
        return text

    @property
    def words(self) -> list[str]:
        """The names on the way, numbers left out."""
        return [str(key) for _, key in self.path if isinstance(key, str)]

    @property
    def looks_like_a_weight(self) -> bool:
        """Whether its own name may be that of a weight."""
        words = self.words
        own = words[-1] if words else ""
        if _GRADIENT.search(own) or any(_KEEPER.search(word) for word in words[:-1]):
            return False
        return bool(_WEIGHT.search(own)) or not _NO_WEIGHT.search(own)

    @property
    def named_like_a_weight(self) -> bool:
        """Whether its own name is that of a weight."""
        words = self.words
        return bool(words) and bool(_WEIGHT.search(words[-1])) and self.looks_like_a_weight


def is_array(value: Any) -> bool:
    """Whether a value is an array of real numbers."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.size > 0


def is_number(value: Any) -> bool:
    """Whether a value is a single real number."""
    return isinstance(value, float | np.floating | np.integer | int) and not isinstance(value, bool)


def walk(root: Mapping[str, Any], *, deepest: int = _DEEPEST) -> Iterator[Slot]:
    """Yield every array and number that can be reached from a namespace.

    Attributes, dicts, lists and objects are entered, each once; what is reached by two ways is
    yielded twice, with both paths.
    """
    entered: set[int] = set()

    def visit(value: Any, path: Path, depth: int) -> Iterator[Slot]:
        if is_array(value) or is_number(value):
            yield Slot(path, value)
            return
        if depth >= deepest or isinstance(value, _OPAQUE) or value is None:
            return
        if id(value) in entered:
            return
        children: list[tuple[tuple[str, Any], Any]] = []
        if isinstance(value, Mapping):
            children = [(("item", key), item) for key, item in list(value.items())]
        elif isinstance(value, list | tuple):
            if len(value) > _LONGEST_LIST:
                return
            children = [(("item", key), item) for key, item in enumerate(value)]
        elif isinstance(value, np.ndarray) and value.dtype == object and value.size < _LONGEST_LIST:
            children = [(("item", key), item) for key, item in enumerate(value.ravel())]
        elif _is_users(value):
            children = [(("attr", key), item) for key, item in _attributes(value)]
        entered.add(id(value))
        for step, item in children:
            yield from visit(item, (*path, step), depth + 1)

    for name, value in list(root.items()):
        if not name.startswith("__"):
            yield from visit(value, (("item", name),), 0)


def _is_users(value: Any) -> bool:
    """Whether a value is an object of a class that some library does not define."""
    module = type(value).__module__.partition(".")[0]
    libraries = {"numpy", "matplotlib", "pandas", "sklearn", "builtins", "random", "collections"}
    return module not in libraries and (hasattr(value, "__dict__") or hasattr(value, "__slots__"))


def _attributes(value: Any) -> list[tuple[str, Any]]:
    if hasattr(value, "__dict__"):
        return list(vars(value).items())
    return [(key, getattr(value, key)) for key in value.__slots__ if hasattr(value, key)]


def look_up(root: Mapping[str, Any], path: Path) -> Any:
    """Return what stands at a path.

    Raises
    ------
    LookupError, AttributeError, TypeError
        If the way is not there.
    """
    value: Any = root
    for how, key in path:
        value = getattr(value, key) if how == "attr" else value[key]
    return value


def put(root: dict[str, Any], path: Path, value: Any) -> None:
    """Set what stands at a path; a tuple on the way is made anew."""
    holder: Any = look_up(root, path[:-1])
    how, key = path[-1]
    if how == "attr":
        setattr(holder, key, value)
    elif isinstance(holder, tuple):
        changed = (*holder[:key], value, *holder[key + 1 :])
        put(root, path[:-1], changed)
    else:
        holder[key] = value


def put_everywhere(root: dict[str, Any], values: Mapping[Path, Any]) -> None:
    """Set several places, and every other place that holds the very same array.

    A network may keep an array in a layer and in a list for its optimizer as well.
    """
    same: dict[int, list[Path]] = {}
    for slot in walk(root):
        if is_array(slot.value):
            same.setdefault(id(slot.value), []).append(slot.path)
    for path, value in values.items():
        held = look_up(root, path)
        for other in [path, *(same.get(id(held), []) if is_array(held) else [])]:
            put(root, other, value)


def numbers_of(value: Any) -> Array | None:
    """Return a value as an array of real numbers, or None."""
    try:
        array = np.asarray(value)
    except Exception:
        return None
    if array.dtype.kind not in "fiub" or array.size > 200_000:
        return None
    return array
