"""The fields of a dataclass or of a function, read from their own code.

Name and default come from the signature, the kind from the annotation, the meaning from the
docstring. ``Annotated[int, Integer(1)]`` says more than ``int``; it is all that a class adds
in order to be described.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from experiments.plan.kinds import (
    REQUIRED,
    Anything,
    Boolean,
    Choice,
    Field,
    Integer,
    Kind,
    Made,
    Named,
    Number,
    Text,
)
from scratchnet.activations import ACTIVATIONS
from scratchnet.initializers import INITIALIZERS
from scratchnet.losses import LOSSES
from scratchnet.regularizers import REGULARIZERS

_BY_TYPE: Mapping[Any, Kind] = {
    bool: Boolean(),
    int: Integer(),
    float: Number(),
    str: Text(),
}


_REGISTRIES: Mapping[str, Mapping[str, Any]] = {
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "loss": LOSSES,
    "regularizer": REGULARIZERS,
}
"""What a field of scratchnet names, by how the field's name ends."""


def registry_kind(registry: Mapping[str, Any], **options: Any) -> Kind:
    """Return what names an entry of a registry: a word, or a table where entries have settings."""
    if not all(isinstance(entry, type) for entry in registry.values()):
        return Choice(tuple(registry))
    tables = {name: Made(fields_of(entry), make=entry) for name, entry in registry.items()}
    return Named(tables, **options)


def fields_of(described: Callable[..., Any], leave_out: tuple[str, ...] = ()) -> tuple[Field, ...]:
    """Return the fields of a dataclass, or the parameters of a function.

    Parameters
    ----------
    described
        The class or the function.
    leave_out
        Names that are no keys of a plan.
    """
    hints = _hints(described)
    meanings = meanings_of(described)
    fields = []
    for name, parameter in inspect.signature(described).parameters.items():
        if name in leave_out:
            continue
        default = parameter.default
        required = default is inspect.Parameter.empty
        fields.append(
            Field(
                name,
                _kind(name, hints.get(name, Any)),
                meanings.get(name, ""),
                REQUIRED if required else _plain(default),
            )
        )
    return tuple(fields)


def _hints(described: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(described, include_extras=True)
    except NameError:
        # A name that only type checkers import: what is written must do.
        names = {"bool": bool, "int": int, "float": float, "str": str}
        fields = dataclasses.fields(described) if dataclasses.is_dataclass(described) else ()
        return {field.name: names.get(str(field.type), Any) for field in fields}


def _kind(name: str, hint: Any) -> Kind:
    if typing.get_origin(hint) is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, Kind):
                return extra
    for ending, registry in _REGISTRIES.items():
        if name.endswith(ending):
            return registry_kind(registry)
    return _BY_TYPE.get(hint, Anything())


def _plain(default: Any) -> Any:
    """Return a default as it would stand in a plan; None where it cannot."""
    if isinstance(default, tuple):
        return list(default)
    return default if isinstance(default, bool | int | float | str | list) else None


def meanings_of(described: object) -> dict[str, str]:
    """Return what a docstring in NumPy's style says of each parameter or attribute, on one line."""
    meanings: dict[str, str] = {}
    names: list[str] = []
    section = ""
    lines = inspect.cleandoc(getattr(described, "__doc__", None) or "").splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch(r"-{3,}", below):
            section, names = line, []
        elif section in ("Parameters", "Attributes") and line and not line.startswith("-"):
            if not line.startswith(" "):
                names = [name.strip() for name in line.split(":")[0].split(",")]
            else:
                for name in names:
                    meanings[name] = f"{meanings.get(name, '')} {line.strip()}".strip()
    return {name: meaning.replace("``", "`") for name, meaning in meanings.items()}
