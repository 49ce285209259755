"""The public names of Keras, by module."""

from __future__ import annotations

import inspect
from operator import attrgetter
from typing import Any

import keras

MODULES = (
    "layers",
    "activations",
    "losses",
    "optimizers",
    "optimizers.schedules",
    "initializers",
    "regularizers",
    "constraints",
    "metrics",
    "callbacks",
)


def public_names(module: str) -> dict[str, tuple[str, ...]]:
    """Return what a module of Keras offers: each name with its other names.

    Parameters
    ----------
    module
        One of `MODULES`.
    """
    found: dict[int, list[str]] = {}
    entries: Any = attrgetter(module)(keras)
    wanted = inspect.isfunction if module == "activations" else inspect.isclass
    things: dict[int, Any] = {}
    for name in sorted(vars(entries)):
        thing = getattr(entries, name)
        if not name.startswith("_") and wanted(thing):
            things[id(thing)] = thing
            found.setdefault(id(thing), []).append(name)
    return dict(sorted(_own_name_first(things[key], names) for key, names in found.items()))


def _own_name_first(thing: Any, names: list[str]) -> tuple[str, tuple[str, ...]]:
    own = thing.__name__ if thing.__name__ in names else names[0]
    return own, tuple(name for name in names if name != own)
