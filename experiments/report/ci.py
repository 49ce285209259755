"""A run's outcome for machines: JSON, JUnit's XML, and a summary in Markdown for GitHub."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from experiments.trials.store import FINISHED, Failure

if TYPE_CHECKING:
    import pandas as pd

    from experiments.trials.tables import Tables


def as_json(run: str, tables: Tables, failures: Mapping[str, Failure], status: int) -> str:
    """Return a run as JSON: its name, the exit status, and a table per trial.

    The trials have the columns of ``trials.csv``, null where a cell is empty, ``reason`` where a
    trial failed, and ``divergences``: where it differs from Keras.
    """
    return json.dumps(
        {"run": run, "exit_status": status, "trials": _rows(tables, failures)},
        indent=1,
        allow_nan=False,
    )


def as_junit(run: str, tables: Tables, failures: Mapping[str, Failure]) -> str:
    """Return a run as JUnit's XML: a test case per trial.

    A divergent one is a failure, one that crashed is an error, one that was not run is skipped.
    """
    rows = _rows(tables, failures)
    suite = ElementTree.Element("testsuite", name=run, tests=str(len(rows)))
    counts = dict.fromkeys(("failures", "errors", "skipped"), 0)
    for row in rows:
        case = ElementTree.SubElement(suite, "testcase", classname=run, name=str(row["trial"]))
        found = _complaint(row)
        if found is not None:
            kind, said = found
            counts[{"failure": "failures", "error": "errors"}.get(kind, kind)] += 1
            ElementTree.SubElement(case, kind, message=said[0]).text = "\n".join(said)
    for text in suite.iter():
        text.text = _printable(text.text)
        text.attrib |= {name: _printable(value) or "" for name, value in text.attrib.items()}
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def as_markdown(run: str, tables: Tables, failures: Mapping[str, Failure]) -> str:
    """Return a summary of a run as GitHub shows it: a sentence, what is wrong, and a table."""
    rows = _rows(tables, failures)
    wrong = [(row["trial"], found) for row in rows if (found := _complaint(row)) is not None]
    lines = [f"### {_escaped(run)}", ""]
    lines += [f"{len(rows) - len(wrong)} of {len(rows)} trials equal Keras.", ""]
    lines += [f"- **{_escaped(name)}**: {_escaped(said[0])}" for name, (_, said) in wrong]
    lines += [""] if wrong else []
    lines += [
        "| trial | verdict | test accuracy, NumPy / Keras | times faster |",
        "| --- | --- | ---: | ---: |",
    ]
    for row in rows:
        accuracies = [row[f"{side}_test_accuracy"] for side in ("scratchnet", "keras")]
        lines.append(
            f"| {_escaped(row['trial'])} | {_escaped(row['verdict'] or row['status'])} | "
            f"{' / '.join(map(_figure, accuracies))} | {_figure(row['speedup'])} |"
        )
    return "\n".join(lines) + "\n"


def _rows(tables: Tables, failures: Mapping[str, Failure]) -> list[dict[str, Any]]:
    divergent = tables.parity[tables.parity["verdict"] == "divergent"]
    places = dict(tuple(divergent.groupby("trial"))) if len(divergent) else {}
    rows = []
    for _, cells in tables.trials.iterrows():
        row: dict[str, Any] = {str(name): _plain(value) for name, value in cells.items()}
        failure = failures.get(row["trial"])
        row["reason"] = None if failure is None else failure.reason
        row["divergences"] = _places(places.get(row["trial"]))
        rows.append(row)
    return rows


def _places(rows: pd.DataFrame | None) -> list[str]:
    if rows is None:
        return []
    return [
        f"{row['mode']}, step {row['step']}, {row['layer']}/{row['tensor']}"
        + (f": {row['diagnosis']}" if row["diagnosis"] else "")
        for _, row in rows.iterrows()
    ]


def _complaint(row: Mapping[str, Any]) -> tuple[str, Sequence[str]] | None:
    """Return JUnit's word for what is wrong with a trial, and what to say; None: nothing is."""
    if row["status"] == "not run":
        return "skipped", ["not run"]
    if row["status"] not in FINISHED:
        return "error", [f"{row['status']}: {row['reason'] or 'its result cannot be read'}"]
    if row["verdict"] == "divergent":
        return "failure", [
            "divergent: " + (row["divergences"] or ["?"])[0],
            *row["divergences"][1:],
        ]
    return None


def _printable(text: str | None) -> str | None:
    """Replace what XML cannot hold, as the colours of a terminal."""
    return text and _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _plain(value: Any) -> Any:
    """Return a cell as JSON can hold it."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if value == "" else value


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3g}"


def _escaped(text: object) -> str:
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in str(text))
