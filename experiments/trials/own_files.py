"""Which files of a run's folder are its own: no other is ever replaced or removed.

A folder that a run fills holds ``run-files.txt``: a first line that says so, and below it the path
of every file that this program wrote there. A path is listed before its file is written, so a run
that is killed in between leaves nothing that the next one would not know.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from experiments.runtime.files import left_behind, read_file, read_text, whole_file

MARKER = "run-files.txt"
FIRST_LINE = "# Files that experiments.run keeps in this folder, format 1. It touches no other.\n"

FIXED = (
    "plan.toml",
    "environment.json",
    "trials.csv",
    "epochs.csv",
    "timings.csv",
    "parity.csv",
    "comparability.csv",
    "report.html",
)
"""What every run writes, beside files of its trials."""

FOLDERS = ("trials", "plots", "report-parts")


class FolderError(Exception):
    """A run's folder cannot be used; the message is one line for the user."""


class OwnFiles:
    """The files of a run's folder that are the run's own.

    Attributes
    ----------
    folder
        Of the run.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder = folder
        self._names = set(names)

    @classmethod
    def open(cls, folder: Path, *names: str) -> Self:
        """Take a folder to write to: a new one, an empty one, or one that a run filled.

        A folder of a run of before there were markers is adopted: it gets one. Temporary files
        whose writer died are removed.

        Parameters
        ----------
        folder
            Made if it is not there.
        names
            What will be written: if one of them is somebody else's file, it is said now.

        Raises
        ------
        FolderError
            If it holds anything else, or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            own = cls(folder, _listed(folder))
            for name in (*names, *(f"{inner}/any" for inner in FOLDERS)):
                own._check(name)
            # So a folder that cannot be written is refused before the first trial.
            own._write_list()
        except OSError as error:
            raise FolderError(
                f"{folder}: cannot write results there ({error.strerror}); choose a folder with "
                "--out"
            ) from None
        own._remove_left_behind()
        return own

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def under(self, prefix: str) -> list[str]:
        """Return the paths that begin so, in order."""
        return sorted(name for name in self._names if name.startswith(prefix))

    def claim(self, *names: str) -> None:
        """List files before they are written, and make the folders that they lie in.

        Parameters
        ----------
        names
            Paths relative to the folder, with ``/``.

        Raises
        ------
        FolderError
            If somebody else's file has such a name, or a link leads out of the folder.
        """
        new = [name for name in dict.fromkeys(names) if name not in self._names]
        with self._errors_said():
            for name in names:
                self._check(name)
            for parent in {(self.folder / name).parent for name in names}:
                parent.mkdir(parents=True, exist_ok=True)
            if new:
                with _alone(self.folder), (self.folder / MARKER).open("r+b") as file:
                    _to_last_line(file)
                    file.write("".join(f"{name}\n" for name in new).encode())
        self._names.update(new)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Claim a file; give a temporary path, and put it in the file's place at the end."""
        self.claim(name)
        with self._errors_said(), whole_file(self.folder / name) as temporary:
            yield temporary

    @contextmanager
    def _errors_said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FolderError(
                f"{error.filename or self.folder}: cannot be written ({error.strerror})"
            ) from None

    def write_text(self, name: str, text: str) -> None:
        """Claim and write a file."""
        with self.writing(name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def clear(self, *names: str) -> None:
        """Remove files of the run's own that will be written again."""
        with self._errors_said():
            for name in names:
                if name in self._names:
                    self._check(name)
                    (self.folder / name).unlink(missing_ok=True)

    def remove(self, *names: str) -> None:
        """Remove files of the run's own, and folders that are empty then; leave all others."""
        own = [name for name in names if name in self._names]
        self.clear(*own)
        for parent in {Path(name).parent for name in own} - {Path()}:
            try:
                (self.folder / parent).rmdir()
            except OSError:
                continue  # It holds something else.
        self._forget(own)

    def move(self, old: str, new: str) -> None:
        """Give a file of the run's own another name; nothing where it is not there."""
        if old not in self._names or not os.path.lexists(self.folder / old):
            return
        self.claim(new)
        with self._errors_said():
            os.replace(self.folder / old, self.folder / new)
        self.remove(old)

    def _forget(self, names: Iterable[str]) -> None:
        gone = set(names)
        if gone:
            with self._errors_said():
                self._write_list(without=gone)

    def _write_list(self, without: Collection[str] = ()) -> None:
        with _alone(self.folder):
            if os.path.lexists(self.folder / MARKER):
                # What other processes listed or removed meanwhile counts too.
                self._names = set(_read_marker(self.folder))
            self._names.difference_update(without)
            text = FIRST_LINE + "".join(f"{name}\n" for name in sorted(self._names))
            with whole_file(self.folder / MARKER) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def _check(self, name: str) -> None:
        """Refuse a name that is somebody else's file, or that a link leads out of the folder."""
        path = self.folder
        for part in Path(name).parts[:-1]:
            path /= part
            if path.is_symlink():
                raise FolderError(
                    f"{path}: is a link to {os.readlink(path)}; expected a folder of the run "
                    "itself, whose files may be removed"
                )
            if path.exists() and not path.is_dir():
                raise _in_the_way(path)
        path = self.folder / name
        if name not in self._names and os.path.lexists(path):
            raise _in_the_way(path)

    def _remove_left_behind(self) -> None:
        for parent in {Path(name).parent for name in (*self._names, MARKER)}:
            try:
                entries = list(os.scandir(self.folder / parent))
            except OSError:
                continue
            for entry in entries:
                name = left_behind(Path(entry.name))
                if name and ((parent / name).as_posix() in self._names or name == MARKER):
                    Path(entry.path).unlink(missing_ok=True)


def _in_the_way(path: Path) -> FolderError:
    return FolderError(
        f"{path}: already exists, and no run made it; move it, or choose another folder with --out"
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the list meanwhile."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover (Windows)
        yield
        return
    # The folder, as the list itself is replaced by another file.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _to_last_line(file: Any) -> None:
    """Go to the end of a list; a line that a full disk or a power cut halved is dropped."""
    text = file.read()
    end = text.rfind(b"\n") + 1
    file.seek(end)
    file.truncate()


def _listed(folder: Path) -> list[str]:
    """Return the paths that are the run's own; adopt a folder of a run without a marker.

    Raises
    ------
    FolderError
        If the folder is somebody else's.
    """
    if os.path.lexists(folder / MARKER):
        return _read_marker(folder)
    adopted = _adopted(folder)
    if adopted is None:
        foreign = next(_foreign(folder), None)
        if foreign is not None:
            raise FolderError(
                f"{folder}: holds {foreign}, which no run made; expected a new or an empty "
                "folder, or one that experiments.run filled"
            )
    return adopted or []


def _read_marker(folder: Path) -> list[str]:
    path = folder / MARKER
    try:
        if path.is_symlink():
            raise ValueError
        text = read_text(path)
    except (OSError, ValueError):
        raise FolderError(f"{path}: cannot be read as the list of a run's own files") from None
    if not text.startswith(FIRST_LINE):
        raise FolderError(
            f"{path}: does not begin with {FIRST_LINE.strip()!r}; it is damaged, or another "
            "version of experiments.run wrote it: choose another folder with --out"
        )
    lines = text.removeprefix(FIRST_LINE).split("\n")
    # The last is empty, or was cut off while it was written.
    return [line for line in lines[:-1] if _inside(line)]


def _inside(name: str) -> bool:
    parts = name.split("/")
    return not name.startswith("/") and not {"", ".", ".."} & set(parts)


def _foreign(folder: Path) -> Iterator[str]:
    """Yield what a folder holds that a run killed at its very start would not have left."""
    for entry in sorted(folder.iterdir()):
        if left_behind(entry) == MARKER:
            continue
        if entry.name in FOLDERS and entry.is_dir() and not entry.is_symlink():
            inner = next(entry.iterdir(), None)
            if inner is None:
                continue
            entry = inner
        yield entry.relative_to(folder).as_posix()


def _adopted(folder: Path) -> list[str] | None:
    """Return the own files of a run's folder of before there were markers; None if it is none."""
    trials = _resolved_trials(folder)
    if trials is None:
        return None
    found = []
    for entry in _files(folder):
        name = left_behind(entry)
        path = entry.with_name(name) if name else entry
        relative = path.relative_to(folder).as_posix()
        if any(
            re.fullmatch(form, relative) and (name or looks_right(path))
            for form, looks_right in _forms(trials).items()
        ):
            found.append(relative)
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield what lies in a run's folder, without following links."""
    inner = [folder / "plots", folder / "report-parts"]
    trials = folder / "trials"
    if trials.is_dir() and not trials.is_symlink():
        inner += trials.iterdir()
    for place in (folder, *inner):
        if place.is_dir() and not place.is_symlink():
            yield from (entry for entry in place.iterdir() if not entry.is_dir())


def _resolved_trials(folder: Path) -> list[str] | None:
    """Return the trials' names in ``plan.toml`` if a run wrote it, and not somebody by hand."""
    try:
        text = read_text(folder / "plan.toml")
        table = tomllib.loads(text)
        trials = table["trials"]
        names = [trial["name"] for trial in trials]
        resolved = (
            {"name", "description", "trials"} == set(table)
            and all(set(trial) >= _RESOLVED for trial in trials)
            and all("layers" in trial["architecture"] for trial in trials)
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    by_hand = any(line.lstrip().startswith("#") for line in text.splitlines())
    return names if resolved and not by_hand else None


_RESOLVED = {
    "name",
    "dtype",
    "batch_size",
    "epochs",
    "seed",
    "backend",
    "dataset",
    "optimizer",
    "architecture",
}
"""What every trial of a resolved plan says, also where it is the default."""


def _forms(trials: Iterable[str]) -> Mapping[str, Callable[[Path], bool]]:
    """Return what a run wrote before there were markers: how its paths and files begin."""
    names = "|".join(re.escape(str(name)) for name in trials)
    any_ = _holds(b"")
    return {
        r"plan\.toml": any_,
        r"environment\.json": _holds(b'"cores"'),
        r"(trials|epochs|timings|parity|comparability)\.csv": _begins(b"trial,", b"\n"),
        r"report\.html": _holds(b'<p class="over">scratchnet beside Keras</p>'),
        r"compare-.*\.html": _holds(b'<p class="over">Two runs, one beside the other</p>'),
        rf"plots/((({names})-(curves|boundaries|agreement))|epoch-seconds|across)\.(png|svg)": any_,
        rf"report-parts/({names})\.js": _begins(b"receivePart("),
        r"trials/[0-9a-f]{12}/(result\.json|arrays\.npz|crash\.txt|plan\.toml)": any_,
    }


def _holds(words: bytes) -> Callable[[Path], bool]:
    return lambda path: words in _content(path)


def _begins(*words: bytes) -> Callable[[Path], bool]:
    return lambda path: _content(path).startswith(words)


def _content(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError:
        return b""
