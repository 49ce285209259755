"""What the two processes say to each other: a JSON header and named arrays, no code."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np

from experiments.check.cases import CORE, FAMILIES, HARD_CASES, SEVERAL_OUTPUTS, Case
from scratchnet.types import Array

_CASES = {case.name: case for case in CORE + FAMILIES + SEVERAL_OUTPUTS + HARD_CASES}


def case_key(case: Case) -> str:
    """Return what stands for a case in a message."""
    return case.name


def case_of(key: str) -> Case:
    """Return the case that a key stands for."""
    return _CASES[key]


def pack(header: dict[str, Any], arrays: dict[str, Array]) -> bytes:
    """Return a message as bytes."""
    names = list(arrays)
    text = json.dumps(header | {"arrays": names}).encode()
    body = io.BytesIO()
    for name in names:
        np.lib.format.write_array(body, np.ascontiguousarray(arrays[name]), allow_pickle=False)
    return struct.pack(">I", len(text)) + text + body.getvalue()


def unpack(packed: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a message."""
    (length,) = struct.unpack_from(">I", packed)
    header: dict[str, Any] = json.loads(packed[4 : 4 + length])
    body = io.BytesIO(packed[4 + length :])
    arrays = {
        name: np.lib.format.read_array(body, allow_pickle=False) for name in header.pop("arrays")
    }
    return header, arrays
