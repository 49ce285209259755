"""Folders from somebody else in `experiments.report` and `experiments.compare`.

Whatever is in them, the answer is a page or one line, and comes at once.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.compare import __main__ as compare
from experiments.report import __main__ as report
from experiments.report.run_result import RunResult

TABLES = ("trials.csv", "epochs.csv", "timings.csv", "parity.csv", "comparability.csv")
FILES = ("plan.toml", "environment.json", *TABLES)
DEEP = "[" * 100_000
CONTENTS = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe\x00trial",
    "zeros": bytes(500),
    "words": b"a few words\n",
    "deep": DEEP.encode(),
    "deep table": ("a = " + DEEP).encode(),
    "a list": b"[1, 2, 3]",
    "a number": b"9" * 5000,
    "html": b"<html><body>Not found</body></html>",
    "quotes": b'trial,"status\n"""',
}
ENVIRONMENTS = (
    {"cores": [[[1]]], "blas": {"a": 1}, "packages": 3},
    {"blas": [1, "two", None]},
    {"time": {"a": {"b": {}}}, "variables": [True], "python": None},
)


def folder_for_a_file(path):
    path.unlink()
    path.mkdir()
    (path / "inner").write_text("")


def pipe_for_a_file(path):
    path.unlink()
    os.mkfifo(path)


def link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


def table_with(path, column, values):
    table = pd.read_csv(path)
    if values is None:
        table = table.drop(columns=column)
    else:
        table[column] = [values[i % len(values)] for i in range(len(table))]
    table.to_csv(path, index=False)


COLUMNS = {
    "words": ["many", "few"],
    "empty": [""],
    "negative": [-3.5],
    "zero": [0],
    "huge": ["1e999"],
    "nan": [np.nan],
    "mixed": [1, "one", None],
    "gone": None,
}


def spoilt(folder):
    """Yield names and functions, each of which spoils a run's folder in one way."""
    for name in FILES:
        for what, content in CONTENTS.items():
            yield f"{name} {what}", lambda f, n=name, c=content: (f / n).write_bytes(c)
        for change in (folder_for_a_file, pipe_for_a_file, link_to_itself):
            yield f"{name} {change.__name__}", lambda f, n=name, c=change: c(f / n)
    for name in TABLES:
        for column in pd.read_csv(folder / name).columns:
            for what, values in COLUMNS.items():
                yield (
                    f"{name} {column} {what}",
                    lambda f, n=name, c=column, v=values: table_with(f / n, c, v),
                )
        yield f"{name} no rows", lambda f, n=name: pd.read_csv(f / n)[:0].to_csv(f / n, index=False)
    for i, value in enumerate(ENVIRONMENTS):
        yield (
            f"environment {i}",
            lambda f, v=value: (f / "environment.json").write_text(json.dumps(v)),
        )


@pytest.fixture(scope="module")
def published(make_run, made_results, tmp_path_factory):
    """A run of which the plan and the tables were published, without its trials."""
    stored = make_run(tmp_path_factory.mktemp("stored") / "run", "run", made_results[:2])
    folder = tmp_path_factory.mktemp("published") / "run"
    folder.mkdir()
    for name, table in vars(RunResult.load(stored).tables).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    for name in ("plan.toml", "environment.json"):
        shutil.copy(stored / name, folder / name)
    return folder


def answers(folder, other, capsys, out):
    """Ask both commands for a folder, and return what is wrong with how they answer."""
    wrong = []
    for command, arguments in (
        (report, [str(folder), "--plots", "none"]),
        (compare, [str(folder), str(other), "--out", str(out)]),
        (compare, [str(other), str(folder), "--out", str(out)]),
    ):
        status = command.main(arguments)
        said = capsys.readouterr()
        if status not in (0, 1, 2) or "Traceback" in said.err:
            wrong.append(said.err.strip().splitlines()[-3:])
        elif status == 2 and len(said.err.splitlines()) != 1:
            wrong.append(said.err)
    return wrong


def spoil_and_ask(published, tmp_path, capsys, share):
    wrong, tried = {}, 0
    for i, (name, spoil) in enumerate(spoilt(published)):
        if not share(i):
            continue
        folder = tmp_path / f"spoilt{i}" / "run"
        shutil.copytree(published, folder)
        spoil(folder)
        tried += 1
        if found := answers(folder, published, capsys, tmp_path / "page.html"):
            wrong[name] = found
    assert not wrong, "\n".join(wrong)
    return tried


def test_a_folder_from_somebody_else_is_answered_in_a_line_or_a_page(published, tmp_path, capsys):
    assert spoil_and_ask(published, tmp_path, capsys, lambda i: i % 40 == 0) > 10


@pytest.mark.slow
def test_all_folders_from_somebody_else_are(published, tmp_path, capsys):
    assert spoil_and_ask(published, tmp_path, capsys, lambda _: True) > 500


@pytest.mark.parametrize("name", ["result.json", "arrays.npz", "crash.txt", "plan.toml"])
@pytest.mark.parametrize(
    "change", [folder_for_a_file, pipe_for_a_file, CONTENTS["not UTF-8"], CONTENTS["deep"]]
)
def test_a_stored_trial_from_somebody_else_is_too(
    name, change, make_run, made_results, published, tmp_path, capsys
):
    folder = make_run(tmp_path / "run", "run", made_results[:2])
    place = folder / "trials" / made_results[0].trial.key
    if name == "crash.txt":
        (place / "result.json").unlink()
    path: Path = place / name
    if not path.exists():
        path.write_text("")
    if callable(change):
        change(path)
    else:
        path.write_bytes(change)
    assert not answers(folder, published, capsys, tmp_path / "page.html")
