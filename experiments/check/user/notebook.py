"""The code of a notebook as one Python text: its cells one below the other."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
"""A line for IPython or the shell."""


def python_of(notebook: bytes) -> str:
    """Return the code of a notebook; lines for IPython and cells that are no Python are left out.

    Raises
    ------
    ValueError
        If it is no notebook.
    """
    table: Any = json.loads(notebook)
    if not isinstance(table, dict):
        raise ValueError("no notebook: expected a JSON object with cells")
    sheets = [table, *table.get("worksheets", [])]
    cells = [cell for sheet in sheets for cell in sheet.get("cells", [])]
    texts = []
    for cell in cells:
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        text = source if isinstance(source, str) else "".join(source)
        text = _MAGIC.sub(r"\1pass", text)
        try:
            ast.parse(text)
        except SyntaxError:
            text = "\n" * text.count("\n")
        texts.append(text)
    return "\n".join(texts) + "\n"
