"""Calling the user's functions, and writing down what they return or do.

A `Recorder` lives for one case and one starting point. Whatever goes wrong while the user's code
runs becomes a `Problem` with the user's own line number, and ends that point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.tensor_names import spoken
from experiments.check.user.clock import TimeLimitError

if TYPE_CHECKING:
    from scratchnet.types import Array

_LARGEST_SIZE = 100_000
"""Arrays beyond this many elements are not sent to the other process: none is expected."""

_LONGEST_MESSAGE = 300
"""Characters of an exception's own text that are told."""


PROBLEMS = frozenset(
    {
        *("exited", "missing", "no_gradients", "nothing_returned", "raised", "timed_out"),
        *("wrong_names", "wrong_shape", "wrong_type"),
    }
)
"""Codes of what the user's code may do instead of returning the right thing."""


@dataclass(frozen=True)
class Problem:
    """Something that the user's code did instead of returning the right thing.

    Attributes
    ----------
    code
        For machines, as ``raised``.
    where
        The function that was called.
    sentence
        For people: what happened, with the user's line where there is one.
    tensor
        Full name of the tensor that is missing because of it, or empty.
    step
        Number of updates made before.
    error
        Name of the exception class, or empty.
    """

    code: str
    where: str
    sentence: str
    tensor: str = ""
    step: int = 0
    error: str = ""


class NotRecognisedError(ValueError):
    """The module holds no network in either form; the message says what was looked for."""


class StoppedError(Exception):
    """Nothing more can be learnt from a starting point."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


@dataclass
class Recorder:
    """What one starting point brought to light.

    Attributes
    ----------
    file
        The user's file, whose line numbers are reported.
    progress
        Called with the name of each function before it is called.
    watchful
        Whether to look for arguments that were changed in place: once is enough.
    tensors
        By ``"step|full name"``, in Keras's layout wherever the shape allows: step ``0``, the
        second call ``again``, and ``1`` after the update.
    dtypes
        dtype that the user's code returned, by the same key.
    internal
        Keys of tensors that no caller sees, such as the memory of the article's forward pass.
    odd_shapes
        What shape was returned and what was expected, where they differ, by the same key.
    notes
        Remarks by code, the first of each kind.
    problems
        In order.
    """

    file: Path
    progress: Callable[[str], None]
    watchful: bool = True
    tensors: dict[str, Array] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    internal: set[str] = field(default_factory=set)
    odd_shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    step: str = "0"

    def call(self, where: str, function: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Call a function of the user's.

        Raises
        ------
        StoppedError
            If it raises anything, or tries to end the process.
        """
        self.progress(where)
        try:
            return function(*values, **named)
        except (TimeLimitError, StoppedError):
            raise
        except BaseException as error:
            raise StoppedError(raised(where, error, self.file, self._step_number)) from None

    def put(
        self,
        tensor: str,
        value: Any,
        shape: tuple[int, ...],
        *,
        where: str,
        expected: tuple[int, ...] | None = None,
        transposed: bool = False,
        internal: bool = False,
    ) -> None:
        """Write down a tensor.

        Parameters
        ----------
        tensor
            Full name.
        value
            What the user's code returned.
        shape
            In Keras's layout.
        where
            The function that returned it.
        expected
            The user's own shape where it is another than `shape`.
        transposed
            Whether the user keeps it the other way round.
        internal
            See the attribute.
        """
        array = self._array(tensor, value, where)
        key = f"{self.step}|{tensor}"
        self.dtypes[key] = str(array.dtype)
        if internal:
            self.internal.add(key)
        expected = expected or shape
        # A kernel of one column is not its own transpose, though nothing moves in memory.
        flipped = array.ndim == len(expected) == 2 and "kernel" in tensor
        if array.shape != expected:
            self.odd_shapes[key] = array.shape, expected
            if flipped or _squeezed(array.shape) != _squeezed(expected):
                self.tensors[key] = np.array(array.T if transposed else array, order="C")
                return
            short = tensor.rpartition("/")[2]
            cure = "; np.squeeze makes it a number" if not expected else ""
            self.note(
                f"shape:{short}",
                f"{where} gives shape {array.shape} for {spoken(tensor)}; expected "
                f"{expected}{cure}",
            )
            array = array.reshape(expected)
        self.tensors[key] = np.array(array.T if transposed else array, order="C").reshape(shape)

    def note(self, code: str, sentence: str) -> None:
        """Add a remark, the first of its kind."""
        self.notes.setdefault(code, sentence)

    def note_changes(
        self, where: str, before: Mapping[str, Array], after: Mapping[str, Any]
    ) -> None:
        """Remark on arguments that a function changed in place."""
        if not self.watchful:
            return
        changed = [name for name in before if not _same(before[name], after[name])]
        if changed:
            self.note(f"changes:{where}", f"{where} changes {', '.join(changed)} in place")

    def stop(self, code: str, where: str, sentence: str, tensor: str = "") -> StoppedError:
        """Return the exception that ends this point with a problem."""
        return StoppedError(Problem(code, where, sentence, tensor, self._step_number))

    @property
    def _step_number(self) -> int:
        return int(self.step == "1")

    def _array(self, tensor: str, value: Any, where: str) -> Array:
        if value is None:
            raise self.stop(
                "nothing_returned", where, f"{where} gives None for {spoken(tensor)}", tensor
            )
        try:
            array = np.asarray(value)
        except TimeLimitError:
            raise
        except BaseException as error:
            sentence = f"{where} gives no array for {spoken(tensor)}: {_text_of(error)}"
            raise self.stop("wrong_type", where, sentence, tensor) from None
        if array.dtype == object:
            # Numbers may still hide in it, as [[Fraction, ...]].
            try:
                array = array.astype(np.float64)
            except TimeLimitError:
                raise
            except BaseException:
                kind = type(value).__name__
                sentence = (
                    f"{where} gives a {kind} that is no array of numbers for {spoken(tensor)}"
                )
                raise self.stop("wrong_type", where, sentence, tensor) from None
        if array.dtype.kind not in "fiub":
            sentence = f"{where} gives {array.dtype} for {spoken(tensor)}; expected real numbers"
            raise self.stop("wrong_type", where, sentence, tensor)
        if array.size > _LARGEST_SIZE:
            sentence = (
                f"{where} gives {array.size:,} numbers, shape {array.shape}, for {spoken(tensor)}"
            )
            raise self.stop("wrong_shape", where, sentence, tensor)
        if array.dtype.kind != "f":
            array = array.astype(np.float64)
        return array


def raised(where: str, error: BaseException, file: Path, step: int = 0) -> Problem:
    """Describe an exception that came out of the user's code."""
    line = user_line(error.__traceback__, file)
    at = f" in line {line} of {file.name}" if line else ""
    message = _text_of(error)
    if isinstance(error, SyntaxError) and error.filename == str(file):
        at, message = f" in line {error.lineno} of {file.name}", str(error.msg)
    if isinstance(error, SystemExit):
        sentence = f"{where} ends the program{at}: SystemExit({message})"
        return Problem("exited", where, sentence, step=step, error="SystemExit")
    kind = type(error).__name__
    sentence = f"{where} raises {kind}{at}" + (f": {message}" if message else "")
    return Problem("raised", where, sentence, step=step, error=kind)


def timed_out(where: str, error: BaseException, file: Path) -> Problem:
    """Describe a function that had not come back when the time was over."""
    line = user_line(error.__traceback__, file)
    at = f" (it was in line {line} of {file.name})" if line else ""
    return Problem("timed_out", where, f"{where} had not come to an end in time{at}")


def user_line(trace: TracebackType | None, file: Path) -> int | None:
    """Return the innermost line of the user's file in a traceback."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _text_of(error: BaseException) -> str:
    """Return what an exception says, if it can say it."""
    try:
        return " ".join(str(error).split())[:_LONGEST_MESSAGE]
    except TimeLimitError:
        raise
    except BaseException:
        return "(its text cannot be read: __str__ raises)"


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _same(before: Array, after: Any) -> bool:
    after = np.asarray(after)
    return before.shape == after.shape and np.array_equal(before, after, equal_nan=True)
