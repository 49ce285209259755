"""What the two processes say to each other: a JSON header and named arrays of numbers, no code.

A message is a length, and that many bytes: the length of the header, the header, and the bytes of
the arrays in the order in which the header lists them. Whoever reads one believes nothing: what is
not exactly of this form is a `MessageError`.
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scratchnet.types import Array

LARGEST = 64 * 2**20
"""Bytes of the longest message."""

LENGTH = struct.Struct(">Q")
"""What stands before a message."""

_HEADER_LENGTH = struct.Struct(">I")
_DTYPES = {
    name: np.dtype(name) for name in ("float16", "float32", "float64", "longdouble", "int64")
}
_NAMES = {dtype: name for name, dtype in reversed(_DTYPES.items())}
_MOST_DIMENSIONS = 8


class MessageError(ValueError):
    """A message that nobody of ours would have written."""


def pack(header: dict[str, Any], arrays: dict[str, Array]) -> bytes:
    """Return a message as bytes."""
    native = {
        name: np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        for name, array in arrays.items()
    }
    # ascontiguousarray makes one dimension of none.
    listed = [
        [name, _NAMES[array.dtype], list(arrays[name].shape)] for name, array in native.items()
    ]
    text = json.dumps({"header": header, "arrays": listed}).encode()
    bodies = [array.tobytes() for array in native.values()]
    return b"".join([_HEADER_LENGTH.pack(len(text)), text, *bodies])


def unpack(packed: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a message.

    Raises
    ------
    MessageError
        If it is not a message.
    """
    try:
        (length,) = _HEADER_LENGTH.unpack_from(packed)
        start = _HEADER_LENGTH.size
        text = json.loads(packed[start : start + length])
        header, listed = text["header"], text["arrays"]
    except (ValueError, KeyError, TypeError, struct.error, RecursionError):
        raise MessageError("no header") from None
    if not isinstance(header, dict) or not isinstance(listed, list):
        raise MessageError("no header")
    arrays: dict[str, Array] = {}
    offset = start + length
    for entry in listed:
        name, dtype, shape = _checked_entry(entry)
        count = math.prod(shape)
        end = offset + count * dtype.itemsize
        if name in arrays or end > len(packed):
            raise MessageError("not as many bytes as it lists")
        # A copy, so that it is aligned, and may be written to.
        arrays[name] = np.frombuffer(packed, dtype, count, offset).reshape(shape).copy()
        offset = end
    if offset != len(packed):
        raise MessageError("not as many bytes as it lists")
    return header, arrays


def _checked_entry(entry: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    if not (isinstance(entry, list) and len(entry) == 3):
        raise MessageError("no list of arrays")
    name, dtype, shape = entry
    if not (isinstance(name, str) and isinstance(dtype, str) and dtype in _DTYPES):
        raise MessageError("an array of no known type")
    if not (isinstance(shape, list) and len(shape) <= _MOST_DIMENSIONS):
        raise MessageError("an array of no shape")
    if not all(type(n) is int and 0 <= n <= LARGEST for n in shape):
        raise MessageError("an array of no shape")
    return name, _DTYPES[dtype], tuple(shape)
