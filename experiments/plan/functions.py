"""Data from a function of the user's own, ``module:function``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np

from experiments.plan.files import SHA256, from_numbers
from experiments.plan.kinds import Anything, Choice, Pattern
from experiments.plan.mistakes import shown
from experiments.plan.samples import CATEGORIES, MISSING, DatasetError, Samples, encode_frame

NAME = Pattern(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", "module:function, as my_data:load")


def call_function(
    *,
    function: Annotated[str, NAME],
    arguments: Annotated[Mapping[str, Any] | None, Anything()] = None,
    categories: Annotated[str, Choice(CATEGORIES)] = "one_hot",
    missing: Annotated[str, Choice(MISSING)] = "refuse",
    folder: str = ".",
    sha256: Annotated[str | None, SHA256] = None,
) -> Samples:
    """Call a function that returns inputs and targets.

    Parameters
    ----------
    function
        ``module:function``; it returns ``(x, y)``: an array ``(samples, ...)`` or a pandas table,
        and class numbers, words, truth values, or one-hot rows.
    arguments
        A table of what it is called with.
    categories, missing
        As for a file.
    folder
        Where a module of that name is looked for first. Left out: the plan's folder.
    sha256
        Of what it returns; left out, that of what it returns when the plan is read.

    Raises
    ------
    DatasetError
        Naming the function.
    """
    samples = _samples(function, json.dumps(arguments or {}), categories, missing, folder)
    if sha256 and _hash_of(samples) != sha256:
        raise DatasetError(
            f"{function}: returns other data than those of sha256; expected the same each time, as "
            "from a fixed seed"
        )
    return samples


def result_hash(parameters: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a function returns.

    Raises
    ------
    DatasetError
        As `call_function` does.
    """
    return _hash_of(call_function(**parameters))


def _hash_of(samples: Samples) -> str:
    digest = hashlib.sha256()
    for array in (samples.x, samples.y):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(json.dumps([samples.columns, samples.classes]).encode())
    return digest.hexdigest()


# A trial asks more than once, and a function may take its time.
@lru_cache(maxsize=4)
def _samples(function: str, arguments: str, categories: str, missing: str, folder: str) -> Samples:
    try:
        returned = _called(function, json.loads(arguments), folder)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise DatasetError(f"returns {shown(type(returned).__name__)}; expected (x, y)")
        return _encoded(*returned, categories=categories, missing=missing)
    except DatasetError as error:
        raise DatasetError(f"{function}: {mistake}" for mistake in error.mistakes) from None


def _called(function: str, arguments: Mapping[str, Any], folder: str) -> Any:
    module_name, _, name = function.partition(":")
    with _first_on_path(folder):
        try:
            module = _module(module_name, Path(folder))
        except ModuleNotFoundError as error:
            raise DatasetError(f"{error}; looked in {folder} first") from None
        except (Exception, SystemExit) as error:
            raise DatasetError(f"cannot be imported: {_told(error)}") from None
        found: Callable[..., Any] | None = getattr(module, name, None)
        if not callable(found):
            raise DatasetError(f"{module_name} has no function {name!r}")
        try:
            return found(**arguments)
        except (Exception, SystemExit) as error:
            raise DatasetError(f"raises {_told(error)}") from None


def _module(name: str, folder: Path) -> ModuleType:
    """Import a module: that of the folder, where there is one, whatever else has its name."""
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    if not file.is_file():
        return importlib.import_module(name)
    specification = importlib.util.spec_from_file_location(f"data_of_a_plan.{name}", file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _told(error: BaseException) -> str:
    """Return an exception in a line, with the place in the user's file where it was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{where}"


def _encoded(x: Any, y: Any, *, categories: str, missing: str) -> Samples:
    targets = np.asarray(y)
    try:
        length = len(x)
    except TypeError:
        raise DatasetError(f"x is {shown(x)}; expected an array or a table") from None
    if targets.ndim == 0 or length != len(targets):
        raise DatasetError(
            f"x has {length} samples, y has the shape {targets.shape}; expected as many of each"
        )
    if hasattr(x, "columns"):
        frame = x.reset_index(drop=True).rename(columns=str)
        return encode_frame(
            frame,
            targets,
            target="y",
            categories=categories,
            missing=missing,
            place=lambda row: f"row {row + 1}",
        )
    try:
        numbers = np.asarray(x)
    except ValueError:
        raise DatasetError("x has rows of different lengths; expected one shape") from None
    if numbers.dtype.kind not in "fiub":
        raise DatasetError(f"x is of {numbers.dtype}; expected real numbers, or a pandas table")
    return from_numbers(numbers.astype(np.float64), targets, target="y", missing=missing)
