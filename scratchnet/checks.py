"""What a user hands to a network, checked where it comes in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from scratchnet.types import Array


def as_numbers(name: str, values: ArrayLike, dtype: DTypeLike | None) -> Array:
    """Return values as an array of real numbers, all of them finite.

    Parameters
    ----------
    name
        What the caller calls them, for the message.
    values
        As given.
    dtype
        To convert to; None: as given.

    Raises
    ------
    ValueError
        If they are masked, complex, text or ragged, or one is NaN or infinite.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError(
                f"{name}: a masked array with masked values; expected numbers, for example "
                f"{name}.filled(0)"
            )
        values = values.data
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name}: rows of different lengths; expected one shape") from None
    if array.dtype.kind not in "fiub":
        kind = {"c": "complex numbers", "U": "text", "S": "text", "O": "objects"}.get(
            array.dtype.kind, str(array.dtype)
        )
        raise ValueError(f"{name}: {kind}; expected real numbers")
    converted = array if dtype is None else np.asarray(array, dtype)
    # NaN passes through min and max, which need no array of their own.
    if (
        converted.dtype.kind == "f"
        and converted.size
        and not (np.isfinite(converted.min()) and np.isfinite(converted.max()))
    ):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(converted))[0])
        at = f"{name}[{', '.join(map(str, index))}]"
        raise ValueError(f"{at} = {array[index]}; expected a finite number in {converted.dtype}")
    return converted


def check_whole_number(name: str, value: object, *, lowest: int) -> None:
    """Require an integer; NumPy's integers count.

    Raises
    ------
    ValueError
        If it is none, or below `lowest`.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or int(value) < lowest:  # type: ignore[call-overload]
        raise ValueError(f"{name} = {value!r}; expected an integer of at least {lowest}")
