"""Layers, activations, losses and optimizers of your own, from a module of your own.

``SCRATCHNET_EXTENSIONS=my_layers`` (several are separated by commas) names modules that every
command imports, and every process that a command starts. Such a module adds its entries to the
tables, as ``LAYERS[MyLayer.kind] = MyLayer``. What it adds to ``keras_baseline.twins.TWINS`` needs
Keras, which has its backend only once it is started: so it does that in a function
``register_twins()``, which is called then.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

VARIABLE = "SCRATCHNET_EXTENSIONS"


class ExtensionError(Exception):
    """A module of extensions cannot be imported; the message is one line for the user."""


def load_extensions() -> list[ModuleType]:
    """Import the modules that the environment names; a second call finds them imported.

    Raises
    ------
    ExtensionError
        If there is no such module, or it fails.
    """
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",")]
    return [_imported(name) for name in names if name]


def register_twins() -> None:
    """Let extensions add their Keras twins; Keras is started."""
    for module in load_extensions():
        register = getattr(module, "register_twins", None)
        if register is not None:
            register()


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ExtensionError(
            f"{VARIABLE} = {name!r}: cannot be imported ({type(error).__name__}: {reason}); "
            "expected the name of a module, as my_layers, whose folder is in PYTHONPATH"
        ) from error
