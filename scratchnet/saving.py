"""Networks on disk: weights, architecture and optimizer in one ``.npz`` file, without pickle.

An ``.npz`` is a zip of arrays that `numpy.load` opens anywhere. One entry, ``network.json``, is a
text that says what the network is; the others are weights and the optimizer's slots by name::

    network.json                      {"format": "scratchnet", "format_version": 1, ...}
    weights/dense_1/kernel            float32 (2, 4)
    slots/momentum/dense_1/kernel     float32 (2, 4)

Nothing in a file is ever run.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchnet.architecture import Architecture
from scratchnet.network import Network, check_state
from scratchnet.optimizers import OptimizerState, optimizer_from_dict, optimizer_to_dict
from scratchnet.types import Array

FORMAT = "scratchnet"
FORMAT_VERSION = 1
"""Grows when a file is written that earlier versions of `load` would misread."""

_HEADER = "network.json"
_DTYPES = ("float32", "float64", "longdouble")


class SavedNetworkError(ValueError):
    """A file is no network that `save` wrote; the message is one line that names the file."""


class Saved(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    network
        With its weights.
    optimizer
        At work on the network, where it stood; None if none was saved.
    metrics
        Names of the metrics that were saved with it.
    """

    network: Network
    optimizer: OptimizerState | None
    metrics: tuple[str, ...]


def save(
    path: str | os.PathLike[str],
    network: Network,
    optimizer: OptimizerState | None = None,
    *,
    metrics: Sequence[str] = (),
) -> None:
    """Write a network to a file; `load` gives it back bit for bit.

    Parameters
    ----------
    path
        Ends in ``.npz``. A file that is there is replaced at once, when all is written.
    network
        Its architecture, weights, dtype and seed are saved.
    optimizer
        Its settings, slots and number of updates are saved too, so that training can go on.
    metrics
        Names to keep beside it.

    Raises
    ------
    ValueError
        If the path does not end in ``.npz``, or the optimizer works on another network.
    """
    target = _npz(path)
    header: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "architecture": network.architecture.to_dict(),
        "dtype": _name(network.dtype),
        "constants": _name(network.constants),
        "seed": network.seed,
        "metrics": list(metrics),
    }
    arrays = {f"weights/{name}": value for name, value in network.weights.items()}
    if optimizer is not None:
        check_state(optimizer, network)
        header["optimizer"] = optimizer_to_dict(optimizer.optimizer)
        header["optimizer_constants"] = _name(optimizer.constants)
        header["optimizer_backend"] = optimizer.backend
        header["iterations"] = optimizer.iterations
        for slot, flat in optimizer.slots.items():
            for name, value in network.parameters.named(flat).items():
                arrays[f"slots/{slot}/{name}"] = value
    write_arrays(target, {_HEADER: np.array(json.dumps(header)), **arrays})


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays to an ``.npz`` file; one that is there is replaced at once, when all is written.

    Parameters
    ----------
    path
        Where.
    arrays
        By the names that `numpy.load` shall give them.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            np.savez(file, **arrays)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Saved:
    """Read what `save` wrote.

    Returns
    -------
    Saved
        ``network, optimizer, metrics``. Training goes on as if it had never stopped: to the same
        bits, if ``initial_epoch`` of `scratchnet.fit` says how many epochs are done.

    Raises
    ------
    SavedNetworkError
        If the file is damaged, another program's, or written by a later version.
    OSError
        If there is no such file, or it cannot be read.
    """
    arrays = _read(path)
    header = _header(path, arrays)
    try:
        return _made(header, arrays)
    except SavedNetworkError as error:
        raise SavedNetworkError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise SavedNetworkError(f"{path}: its description is damaged ({reason})") from None


def _made(header: Mapping[str, Any], arrays: dict[str, Array]) -> Saved:
    architecture = Architecture.from_dict(header["architecture"])
    dtype, constants = (_dtype(header[key]) for key in ("dtype", "constants"))
    shapes = {f"weights/{name}": shape for name, shape in architecture.weight_shapes().items()}
    rule = optimizer_from_dict(header["optimizer"]) if "optimizer" in header else None
    trained = {name for name, weight in architecture.weights().items() if weight.trainable}
    for slot in rule.slots if rule else ():
        shapes |= {
            f"slots/{slot}/{name}": shape
            for name, shape in architecture.weight_shapes().items()
            if name in trained
        }
    # Before anything is made: a description may promise more than the file holds.
    _check_arrays(arrays, shapes, dtype)

    network = Network(architecture, seed=header["seed"], dtype=dtype, constants=constants)
    network.set_weights({name: arrays[f"weights/{name}"] for name in architecture.weight_shapes()})
    state = None
    if rule is not None:
        state = OptimizerState(
            rule,
            network.parameters,
            _dtype(header["optimizer_constants"]),
            backend=header["optimizer_backend"],
        )
        state.iterations = int(header["iterations"])
        for slot, flat in state.slots.items():
            pieces = [np.ravel(arrays[f"slots/{slot}/{n}"]) for n in network.parameters.trained]
            flat[...] = np.concatenate(pieces) if pieces else 0
    return Saved(network, state, tuple(map(str, header["metrics"])))


def _npz(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    if target.suffix != ".npz":
        raise ValueError(f"path = {str(path)!r}; expected a name that ends in .npz")
    return target


def _read(path: str | os.PathLike[str]) -> dict[str, Array]:
    with open(path, "rb") as content:
        if not zipfile.is_zipfile(content):
            raise SavedNetworkError(
                f"{path}: not an .npz file, or cut short; expected what save() writes"
            )
        content.seek(0)
        try:
            with np.load(content, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise SavedNetworkError(f"{path}: damaged ({reason})") from None


def _header(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> dict[str, Any]:
    found = arrays.get(_HEADER)
    foreign = SavedNetworkError(f"{path}: not a network of scratchnet; expected what save() writes")
    if found is None or found.dtype.kind != "U" or found.ndim:
        raise foreign
    try:
        header = json.loads(str(found))
    except ValueError:
        raise SavedNetworkError(f"{path}: its description is damaged (not JSON)") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise foreign
    version = header.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise SavedNetworkError(
            f"{path}: of format {version!r}, by a later version of scratchnet; this one reads up "
            f"to {FORMAT_VERSION}: update scratchnet"
        )
    return header


def _check_arrays(
    arrays: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype[Any]
) -> None:
    for name, shape in shapes.items():
        if name not in arrays:
            raise SavedNetworkError(f"damaged: {name} is missing")
        value = arrays[name]
        if value.shape != shape or value.dtype != dtype:
            raise SavedNetworkError(
                f"damaged: {name} is {value.dtype} of the shape {value.shape}; expected {dtype} "
                f"of {shape}"
            )
    if unknown := arrays.keys() - shapes.keys() - {_HEADER}:
        raise SavedNetworkError(f"damaged: {min(unknown)} belongs to no layer of it")


def _name(dtype: np.dtype[Any]) -> str:
    # float128 on one machine is float96 on another; the word is the same.
    return "longdouble" if dtype == np.longdouble else str(dtype)


def _dtype(name: object) -> np.dtype[Any]:
    if name not in _DTYPES:
        raise SavedNetworkError(f"damaged: dtype {name!r}; expected one of {', '.join(_DTYPES)}")
    return np.dtype(str(name))
