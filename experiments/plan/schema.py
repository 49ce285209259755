"""What a plan may hold: a JSON schema for editors, and tables for readers.

Both are written by ``python -m experiments.plan`` from the same fields that check a plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.plan import grid
from experiments.plan.datasets import DatasetSpecification
from experiments.plan.described import fields_of
from experiments.plan.kinds import REQUIRED, Field, Form, Named, Table, field_schema
from experiments.plan.plan import plan_kind
from experiments.plan.sources import DATASETS
from experiments.plan.trial import Reference, trial_kind
from scratchnet.layers import LAYERS
from scratchnet.losses import LOSSES
from scratchnet.optimizers import OPTIMIZERS

SCHEMA = Path("docs/plan.schema.json")
GUIDE = Path("docs/plan.md")
OWN = ("file", "function")
"""Datasets of the user's own, which have a table each."""


def schema() -> dict[str, Any]:
    """Return the JSON schema of a plan."""
    definitions = {field.name: _entry_schema(field) for field in trial_kind().fields}
    tables = {"type": "array", "items": {"type": "object"}}
    further = {
        "grid": {"type": "object", "description": "Lists of values by path, for any field."},
        "include": {**tables, "description": "Trials beside those of the lists."},
        "exclude": {**tables, "description": "Combinations of the lists that are left out."},
    }
    references = {name: {"$ref": f"#/$defs/{name}"} for name in definitions}
    defaults = {name: entry for name, entry in references.items() if name != "name"}
    trial = {"type": "object", "additionalProperties": False}
    plan = plan_kind().schema()
    plan["properties"]["defaults"] |= {**trial, "properties": {**defaults, **further}}
    plan["properties"]["trials"]["items"] = {
        **trial,
        "properties": {**references, **further},
        "required": ["name"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A plan of experiments.run",
        **plan,
        "$defs": definitions,
    }


def _entry_schema(field: Field) -> dict[str, Any]:
    """Return the schema of a trial's key; some take a list that makes a trial per entry."""
    single = field_schema(field)
    if field.name not in grid.LISTS:
        return single
    about: dict[str, Any] = {
        key: single.pop(key) for key in ("description", "default") if key in single
    }
    several = {"type": "array", "items": single, "minItems": 1}
    return {**about, "anyOf": [single, several]}


def schema_text() -> str:
    """Return `schema` as the file holds it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def tables() -> dict[str, str]:
    """Return the tables of `docs/plan.md` by what they are of, in Markdown."""
    split = fields_of(DatasetSpecification, leave_out=("name", "parameters"))
    architecture = trial_kind().by_name["architecture"].kind
    assert isinstance(architecture, Form)
    return {
        "a plan": _keys(plan_kind().fields),
        "a trial": _keys(trial_kind().fields),
        "a reference": _keys(fields_of(Reference)),
        "an architecture in short": _keys(architecture.short.fields),
        "an architecture in full": _keys(architecture.full.fields),
        "layers": _entries("layer", LAYERS),
        "losses": _entries("loss", LOSSES),
        "optimizers": _entries("optimizer", OPTIMIZERS),
        "datasets": _table(
            ["name", "parameters and their defaults"],
            (
                [f"`{name}`", _settings(source.fields)]
                for name, source in DATASETS.items()
                if name not in OWN
            ),
        ),
        **{f"a {name}": _keys(DATASETS[name].fields) for name in OWN},
        "the split": _keys(split),
    }


def _keys(fields: tuple[Field, ...]) -> str:
    return _table(
        ["key", "meaning", "value", "left out"],
        ([f"`{f.name}`", f.meaning, _value(f), _default(f)] for f in fields),
    )


def _entries(title: str, registry: dict[str, Any]) -> str:
    return _table(
        [title, "settings and their defaults"],
        ([f"`{name}`", _settings(fields_of(entry))] for name, entry in registry.items()),
    )


def _settings(fields: tuple[Field, ...]) -> str:
    settings = []
    for field in fields:
        if field.default is REQUIRED:
            settings.append(f"`{field.name}` (required)")
        else:
            shown = "none" if field.default is None else f"`{json.dumps(field.default)}`"
            settings.append(f"`{field.name}` {shown}")
    return ", ".join(settings) or "none"


def _value(field: Field) -> str:
    """Return in a few words what a key takes; what has a table of its own is not repeated."""
    if isinstance(field.kind, Named):
        return "a name, or a table with the name and settings"
    return "a table" if isinstance(field.kind, Form | Table) else field.kind.words


def _default(field: Field) -> str:
    if field.default is REQUIRED:
        return "required"
    return "" if field.default is None else f"`{json.dumps(field.default)}`"


def _table(titles: list[str], rows: Iterator[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def updated_guide(text: str) -> str:
    """Return `docs/plan.md` with today's tables between its marks.

    Raises
    ------
    ValueError
        If a table has no place.
    """
    for name, table in tables().items():
        begin, end = f"<!-- table of {name} -->\n", "<!-- end of table -->"
        if begin not in text:
            raise ValueError(f"no place for the table of {name}; expected the line {begin!r}")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{table}\n{end}{after}"
    return text
