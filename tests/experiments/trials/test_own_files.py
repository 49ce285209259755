"""What a run may replace and remove: what a run made, and nothing else."""

import os
import shutil
import subprocess
import sys

import pytest

from experiments import run
from experiments.report.run_result import RunResult
from experiments.trials.own_files import MARKER, FolderError, OwnFiles


def content(folder):
    """All files below a folder, with what they hold, and links with where they lead."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def old_run(mixed_run, tmp_path):
    """A finished run as it was left before there were markers."""
    folder = tmp_path / "old"
    shutil.copytree(mixed_run, folder)
    loaded = RunResult.load(folder)
    for name, table in vars(loaded.tables).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    loaded.write_report()
    (folder / MARKER).unlink()
    return folder


@pytest.mark.parametrize(
    ("first", "files"),
    [
        ("plots/thesis.png", ["plots/thesis.png", "report-parts/notes.txt"]),
        ("trials.csv", ["trials.csv"]),
        ("report.html", ["report.html"]),
        ("notes", ["notes/idea.md"]),
        ("trials/0123456789ab", ["trials/0123456789ab/result.json"]),
        ("data.csv", ["data.csv", "plan.toml"]),
    ],
)
def test_a_folder_that_no_run_made_is_refused_and_left_as_it_is(
    first, files, small_plan, tmp_path, capsys
):
    folder = tmp_path / "mine"
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        # A plan that somebody wrote is theirs too.
        text = small_plan.read_text() if file == "plan.toml" else "precious"
        (folder / file).write_text(text)
    before = content(folder)
    assert run.main([str(small_plan), "--out", str(folder)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert f"{folder}: holds {first}, which no run made" in said.err
    assert content(folder) == before


def test_files_that_somebody_puts_into_a_runs_folder_stay(mixed_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(mixed_run, folder)
    theirs = ("notes.txt", "plots/thesis.png", "report-parts/notes.js", "trials/mine.csv")
    loaded = RunResult.load(folder)
    loaded.write_report()
    for name in theirs:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("precious")
    own = OwnFiles.open(folder)
    loaded.write_report()
    own.remove(*own.under(""))
    assert {
        name: text for name, text in content(folder).items() if name in theirs
    } == dict.fromkeys(theirs, b"precious")
    assert not (folder / "report.html").exists()


def test_a_file_in_the_way_is_named_before_anything_is_written(small_plan, tmp_path, capsys):
    folder = tmp_path / "run"
    OwnFiles.open(folder)
    (folder / "trials.csv").write_text("precious")
    before = content(folder)
    assert run.main([str(small_plan), "--out", str(folder)]) == 2
    assert f"{folder / 'trials.csv'}: already exists" in capsys.readouterr().err
    assert content(folder) == before


@pytest.mark.parametrize("inner", ["plots", "report-parts", "trials"])
def test_a_link_is_not_followed_out_of_the_folder(inner, mixed_run, tmp_path, capsys):
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    shutil.copytree(mixed_run, folder)
    RunResult.load(folder).write_report()
    (folder / inner).rename(elsewhere) if (folder / inner).exists() else elsewhere.mkdir()
    (folder / inner).symlink_to(elsewhere)
    (elsewhere / "thesis.png").write_text("precious")
    before = content(elsewhere)
    from experiments.report.__main__ import main

    assert main([str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"{folder / inner}: is a link to {elsewhere}" in said
    assert content(elsewhere) == before


def test_a_listed_file_that_became_a_link_is_replaced_and_not_written_through(tmp_path):
    own = OwnFiles.open(tmp_path / "run")
    own.write_text("trials.csv", "ours")
    outside = tmp_path / "outside.csv"
    outside.write_text("precious")
    (own.folder / "trials.csv").unlink()
    (own.folder / "trials.csv").symlink_to(outside)
    own.write_text("trials.csv", "new")
    assert outside.read_text() == "precious"
    assert (own.folder / "trials.csv").read_text() == "new"
    own.remove("trials.csv")
    assert outside.exists()


def test_a_run_of_before_there_were_markers_is_adopted(old_run):
    files = set(content(old_run))
    own = OwnFiles.open(old_run)
    assert set(own.under("")) == files
    RunResult.load(old_run).write_report()


def test_of_an_adopted_folder_too_only_what_a_run_made_is_its_own(old_run):
    (old_run / "plots" / "thesis.png").write_text("precious")
    (old_run / "trials.csv").write_text("name;grade\n")
    with pytest.raises(FolderError, match=r"trials\.csv: already exists"):
        OwnFiles.open(old_run, "trials.csv")
    own = OwnFiles.open(old_run, "report.html")
    assert not {"plots/thesis.png", "trials.csv"} & set(own.under(""))


def test_a_file_is_listed_before_it_is_there(tmp_path):
    own = OwnFiles.open(tmp_path / "run")
    with own.writing("trials/0123456789ab/result.json") as temporary:
        assert "trials/0123456789ab/result.json" in OwnFiles.open(own.folder)
        temporary.write_text("{}")


def test_several_processes_list_their_files_at_once(tmp_path):
    OwnFiles.open(tmp_path).write_text("plots/across.png", "")
    script = (
        "import sys; from pathlib import Path; from experiments.trials.own_files import OwnFiles\n"
        "own = OwnFiles.open(Path(sys.argv[1]))\n"
        "for i in range(50):\n"
        "    own.write_text(f'plots/{sys.argv[2]}-{i}.png', '')\n"
        "    own.remove(f'plots/{sys.argv[2]}-{i - 1}.png')\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(number)])
        for number in range(3)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert OwnFiles.open(tmp_path).under("") == [
        *(f"plots/{number}-49.png" for number in range(3)),
        "plots/across.png",
    ]


def test_a_line_cut_off_by_a_full_disk_is_dropped(tmp_path):
    own = OwnFiles.open(tmp_path)
    own.write_text("plan.toml", "")
    with (tmp_path / MARKER).open("a") as file:
        file.write("plots/thes")
    own.write_text("trials.csv", "")
    assert OwnFiles.open(tmp_path).under("") == ["plan.toml", "trials.csv"]


@pytest.mark.parametrize("text", [b"", b"shopping\n", b"\xff\xfe", b"# Files, format 9\n"])
def test_a_marker_by_somebody_else_is_refused(text, tmp_path):
    (tmp_path / MARKER).write_bytes(text)
    with pytest.raises(FolderError, match=MARKER) as caught:
        OwnFiles.open(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert (tmp_path / MARKER).read_bytes() == text


def test_no_listed_path_leads_out_of_the_folder(tmp_path):
    own = OwnFiles.open(tmp_path / "run")
    (tmp_path / "precious").write_text("")
    with (own.folder / MARKER).open("a") as file:
        file.write(f"../precious\n{tmp_path}/precious\nplots/../../precious\n")
    again = OwnFiles.open(own.folder)
    assert again.under("") == []


def test_temporary_files_of_dead_starts_are_removed_and_no_others(tmp_path):
    own = OwnFiles.open(tmp_path)
    own.write_text("trials/0123456789ab/result.json", "{}")
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    number = dead.stdout.decode().strip()
    left = [
        tmp_path / f"trials/0123456789ab/.result.json.{number}",
        tmp_path / f".{MARKER}.{number}",
    ]
    kept = [
        tmp_path / f".notes.{number}",
        tmp_path / f"trials/0123456789ab/.result.json.{os.getpid()}",
    ]
    for path in (*left, *kept):
        path.write_text("half")
    OwnFiles.open(tmp_path)
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True]
