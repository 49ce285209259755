"""A network as a table of its layers, as ``keras.Model.summary`` prints it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.architecture import INPUT, Architecture

_TO_THE_RIGHT = "Param #"


def summary(architecture: Architecture, dtype: DTypeLike = "float32") -> str:
    """Return the table of an architecture's layers.

    Parameters
    ----------
    architecture
        Where a layer reads anything but the layer before it, the table says what each reads, and
        has a line for the input.
    dtype
        Of the weights, for the memory that they take.
    """
    weights = architecture.weights()
    sizes = {name: int(np.prod(weight.shape)) for name, weight in weights.items()}
    previous = [INPUT, *(layer.name for layer in architecture.layers)]
    is_graph = any(
        architecture.sources(layer) != (before,)
        for layer, before in zip(architecture.layers, previous, strict=False)
    )
    header = ["Layer (type)", "Output Shape", _TO_THE_RIGHT]
    rows = []
    if is_graph:
        header.append("Connected to")
        rows.append([f"{INPUT} (InputLayer)", _shape(architecture.input_shape), "0", "-"])
    for layer in architecture.layers:
        count = sum(sizes[name] for name in sizes if name.startswith(f"{layer.name}/"))
        row = [
            f"{layer.name} ({type(layer).__name__})",
            _shape(architecture.output_shapes[layer.name]),
            f"{count:,}",
        ]
        if is_graph:
            row.append(", ".join(f"{source}[0][0]" for source in architecture.sources(layer)))
        rows.append(row)

    trained = sum(size for name, size in sizes.items() if weights[name].trainable)
    total = sum(sizes.values())
    item = np.dtype(dtype).itemsize
    counts = {"Total": total, "Trainable": trained, "Non-trainable": total - trained}
    lines = [
        *_table(header, rows),
        *(f" {word} params: {n:,} ({_memory(n * item)})" for word, n in counts.items()),
    ]
    return "\n".join(lines)


def _shape(shape: Iterable[int]) -> str:
    return f"({', '.join(['None', *map(str, shape)])})"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(left: str, middle: str, right: str, stroke: str) -> str:
        return left + middle.join(stroke * (width + 2) for width in widths) + right

    def cells(row: list[str], wall: str) -> str:
        padded = [
            cell.rjust(width) if name == _TO_THE_RIGHT else cell.ljust(width)
            for cell, width, name in zip(row, widths, header, strict=True)
        ]
        return wall + wall.join(f" {cell} " for cell in padded) + wall

    between = line("├", "┼", "┤", "─")
    body = [text for row in rows for text in (cells(row, "│"), between)]
    return [
        line("┏", "┳", "┓", "━"),
        cells(header, "┃"),
        line("┡", "╇", "┩", "━"),
        *body[:-1],
        line("└", "┴", "┘", "─"),
    ]


def _memory(size: int) -> str:
    """Return a number of bytes with a unit, as ``keras.src.utils.summary_utils`` writes it."""
    units = ("B", "KB", "MB", "GB", "TB")
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(units) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.2f} {units[unit]}"
