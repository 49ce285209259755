"""The one type that every module shares."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
"""A NumPy array; its shape and dtype are said where it is used."""
