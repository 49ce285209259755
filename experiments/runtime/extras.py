"""What a command needs beside NumPy: the extras of ``pip install 'scratchnet[...]'``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from experiments.runtime.places import CHECKOUT, IN_CHECKOUT

MODULES = {
    "keras": ("keras", "rich", "scipy", "tensorflow"),
    "report": (
        "altair",
        "contourpy",
        "jinja2",
        "matplotlib",
        "pandas",
        "PIL",
        "rich",
        "scipy",
        "sklearn",
        "threadpoolctl",
        "tomli_w",
        "vl_convert",
    ),
    "completion": ("shtab",),
}
"""By extra, the modules that it brings; pyproject.toml names their packages."""


def missing_extras(extras: tuple[str, ...]) -> str:
    """Say what is not installed of some extras, and what to do; empty where nothing is missing.

    Nothing is imported, so the answer comes at once.

    Parameters
    ----------
    extras
        Keys of `MODULES`; NumPy is always needed.
    """
    needed = ["numpy", *(module for extra in extras for module in MODULES[extra])]
    missing = [name for name in dict.fromkeys(needed) if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    are = "is" if len(missing) == 1 else f"and {len(missing) - 1} more are"
    package = f"[{','.join(extras)}]" if extras else ""
    python = CHECKOUT / ".venv" / "bin" / "python"
    if not IN_CHECKOUT:
        advice = f"pip install 'scratchnet{package}'"
    elif python.exists() and Path(sys.prefix) != CHECKOUT / ".venv":
        advice = f"use {python} in place of python"
    else:
        advice = f"'make run' in {CHECKOUT}, or: pip install -e '{CHECKOUT}{package}'"
    return f"{missing[0]} {are} not installed for {sys.executable}: {advice}"
