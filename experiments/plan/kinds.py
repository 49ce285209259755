"""The kinds of values that a plan may hold: what is wrong with a value, and a kind in words.

A kind is written once, beside the field that has it, and serves three times: it finds the
mistakes, it becomes JSON schema (`experiments.plan.schema`), and it stands in the tables of
`docs/plan.md`.
"""

from __future__ import annotations

import inspect
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from experiments.plan.mistakes import did_you_mean, shown
from scratchnet.errors import ArchitectureError

MOST = 2**32 - 1
"""The largest whole number that a plan takes: scikit-learn's and NumPy's seeds end here."""


class Kind(ABC):
    """What a value may be."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is expected, as ``an integer >= 1``."""

    @abstractmethod
    def holds(self, value: object) -> bool:
        """Whether a value is of this kind."""

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield a line for each mistake; `place` leads to the value."""
        if not self.holds(value):
            yield f"{place} = {shown(value)}; expected {self.words}{self.hint(value)}"

    def hint(self, value: object) -> str:  # noqa: ARG002
        """Return what may have been meant, or nothing."""
        return ""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the kind as JSON schema."""


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number between two limits, both included; ``true`` is not one."""

    least: int | None = None
    most: int = MOST

    @property
    def words(self) -> str:
        """An integer, with its limits where it has some."""
        if self.most != MOST:
            return f"an integer from {self.least} to {self.most}"
        return "an integer" if self.least is None else f"an integer >= {self.least}"

    def hint(self, value: object) -> str:
        """Return the upper limit, where it is the one of every plan and was passed."""
        too_large = isinstance(value, int) and value > self.most
        return f" and <= {self.most}" if too_large and self.most == MOST else ""

    def holds(self, value: object) -> bool:
        """Whether a value is an `int` (not a `bool`) between the limits."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        least = -MOST if self.least is None else self.least
        return whole and least <= value <= self.most  # type: ignore[operator]

    def schema(self) -> dict[str, Any]:
        """Return ``integer`` with its limits."""
        least = {} if self.least is None else {"minimum": self.least}
        return {"type": "integer", **least, "maximum": self.most}


@dataclass(frozen=True)
class Number(Kind):
    """A finite number between two limits, which are included unless they are `open`."""

    least: float = -math.inf
    most: float = math.inf
    open: bool = False

    @property
    def words(self) -> str:
        """A finite number, with its limits where it has some."""
        if math.isinf(self.least) and math.isinf(self.most):
            return "a finite number"
        if math.isinf(self.most):
            return f"a finite number {'>' if self.open else '>='} {self.least:g}"
        between = "between {} and {}" if self.open else "from {} to {}"
        return "a number " + between.format(f"{self.least:g}", f"{self.most:g}")

    def holds(self, value: object) -> bool:
        """Whether a value is a finite `int` or `float` (not a `bool`) between the limits."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        try:
            number = float(value)
        except OverflowError:
            return False
        inside = self.least <= number <= self.most
        at_a_limit = self.open and number in (self.least, self.most)
        return math.isfinite(number) and inside and not at_a_limit

    def schema(self) -> dict[str, Any]:
        """Return ``number`` with its finite limits, exclusive where they are open."""
        words = ("exclusiveMinimum", "exclusiveMaximum") if self.open else ("minimum", "maximum")
        limits = zip(words, (self.least, self.most), strict=True)
        return {"type": "number", **{word: x for word, x in limits if math.isfinite(x)}}


@dataclass(frozen=True)
class Boolean(Kind):
    """True or false."""

    @property
    def words(self) -> str:
        """Both values."""
        return "true or false"

    def holds(self, value: object) -> bool:
        """Whether a value is a `bool`; 0 and 1 are not."""
        return isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """Return ``boolean``."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text(Kind):
    """Text that shows as itself: line ends and tabs are its only control characters."""

    @property
    def words(self) -> str:
        """Text, and what it must not contain."""
        return "text without control characters"

    def holds(self, value: object) -> bool:
        """Whether a value is a `str` of printable characters, line ends and tabs."""
        return isinstance(value, str) and all(c.isprintable() or c in "\n\r\t" for c in value)

    def schema(self) -> dict[str, Any]:
        """Return ``string``; JSON schema does not check the characters."""
        return {"type": "string"}


@dataclass(frozen=True)
class Pattern(Kind):
    """Text of a certain form; `expected` says which."""

    pattern: str
    expected: str

    @property
    def words(self) -> str:
        """The form in words, as it was given."""
        return self.expected

    def holds(self, value: object) -> bool:
        """Whether a value is a `str` that the whole pattern matches."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None

    def schema(self) -> dict[str, Any]:
        """Return ``string`` with the pattern, tied to both ends of the text."""
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True)
class Choice(Kind):
    """One word of several."""

    choices: tuple[str, ...]

    @property
    def words(self) -> str:
        """All the words."""
        return f"one of {', '.join(self.choices)}"

    def holds(self, value: object) -> bool:
        """Whether a value is one of the words, letter for letter."""
        return isinstance(value, str) and value in self.choices

    def hint(self, value: object) -> str:
        """Return the most similar word, where one is similar."""
        return did_you_mean(value, self.choices) if isinstance(value, str) else ""

    def schema(self) -> dict[str, Any]:
        """Return ``enum`` with all the words."""
        return {"enum": list(self.choices)}


@dataclass(frozen=True)
class Constant(Kind):
    """One word, as ``'full'``."""

    word: str

    @property
    def words(self) -> str:
        """The word in quotes."""
        return repr(self.word)

    def holds(self, value: object) -> bool:
        """Whether a value is the word."""
        return value == self.word

    def schema(self) -> dict[str, Any]:
        """Return ``const`` with the word."""
        return {"const": self.word}


@dataclass(frozen=True)
class Anything(Kind):
    """What is checked elsewhere: by the constructor of what it is for."""

    @property
    def words(self) -> str:
        """Only that numbers are finite; the class says the rest."""
        return "what the class takes, with finite numbers"

    def holds(self, value: object) -> bool:
        """Whether a value is text, a boolean, a finite number, or a list or table of them."""
        if isinstance(value, Mapping):
            return all(self.holds(entry) for entry in value.values())
        if isinstance(value, list):
            return all(self.holds(entry) for entry in value)
        return isinstance(value, bool | str) or Number().holds(value)

    def schema(self) -> dict[str, Any]:
        """Return the empty schema, which accepts everything."""
        return {}


@dataclass(frozen=True)
class Unchecked(Kind):
    """What is checked part by part, with places of its own."""

    @property
    def words(self) -> str:
        """A placeholder: nobody sees it, as `holds` is always true."""
        return "what is said of it"

    def holds(self, value: object) -> bool:  # noqa: ARG002
        """Return true: the parts are checked elsewhere."""
        return True

    def schema(self) -> dict[str, Any]:
        """Return the empty schema, which accepts everything."""
        return {}


@dataclass(frozen=True)
class Either(Kind):
    """One of several kinds."""

    kinds: tuple[Kind, ...]

    @property
    def words(self) -> str:
        """The words of all the kinds, joined by ``or``."""
        return " or ".join(kind.words for kind in self.kinds)

    def holds(self, value: object) -> bool:
        """Whether a value is of at least one of the kinds."""
        return any(kind.holds(value) for kind in self.kinds)

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield the mistakes of the entries where a list is given, otherwise one for the whole."""
        lists = [kind for kind in self.kinds if isinstance(kind, List)]
        if isinstance(value, list) and len(lists) == 1:
            # It is clear which of the kinds was meant.
            yield from lists[0].mistakes(place, value)
        else:
            yield from super().mistakes(place, value)

    def hint(self, value: object) -> str:
        """Return the hints of all the kinds."""
        return "".join(kind.hint(value) for kind in self.kinds)

    def schema(self) -> dict[str, Any]:
        """Return ``anyOf`` with the schemas of all the kinds."""
        return {"anyOf": [kind.schema() for kind in self.kinds]}


@dataclass(frozen=True)
class List(Kind):
    """A list of values of one kind.

    Parameters
    ----------
    kind
        Of the entries.
    least, most
        How many of them.
    expected
        In words, where they say more than kind and number.
    """

    kind: Kind
    least: int = 0
    most: int | None = None
    expected: str = ""

    @property
    def words(self) -> str:
        """A list, how many values it has, and what each is; or the words that were given."""
        if self.expected:
            return self.expected
        number = f"{self.least} values" if self.least == self.most else f"at least {self.least}"
        return f"a list{f' of {number}' if self.least else ''}, each {self.kind.words}"

    def _has_its_length(self, value: Sequence[object]) -> bool:
        return self.least <= len(value) and (self.most is None or len(value) <= self.most)

    def holds(self, value: object) -> bool:
        """Whether a value is a list of the right length whose entries are all of the kind."""
        # Not `self.mistakes`: a long list of data is gone through once.
        return (
            isinstance(value, list)
            and self._has_its_length(value)
            and all(self.kind.holds(entry) for entry in value)
        )

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield a line for each wrong entry, or one for a list of the wrong length."""
        if not isinstance(value, list) or not self._has_its_length(value):
            yield f"{place} = {shown(value)}; expected {self.words}"
            return
        for index, entry in enumerate(value):
            if not self.kind.holds(entry):
                yield from self.kind.mistakes(f"{place}[{index}]", entry)

    def schema(self) -> dict[str, Any]:
        """Return ``array`` with the schema of an entry and the limits of the length."""
        limits = {"minItems": self.least} if self.least else {}
        if self.most is not None:
            limits["maxItems"] = self.most
        return {"type": "array", "items": self.kind.schema(), **limits}


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()
"""The default of a field that has none and must be given."""


@dataclass(frozen=True)
class Field:
    """A key of a table.

    Attributes
    ----------
    name
        The key.
    kind
        What its value may be.
    meaning
        In a few words; may be empty.
    default
        What holds where the key is left out, as it would stand in a plan; `REQUIRED`; None where
        leaving it out is itself a choice.
    """

    name: str
    kind: Kind
    meaning: str = ""
    default: Any = REQUIRED


@dataclass(frozen=True)
class Table(Kind):
    """A table with known keys.

    Parameters
    ----------
    fields
        Its keys.
    required
        Whether keys without a default must be there.
    elsewhere
        Keys that people put here, and where they belong.
    """

    fields: tuple[Field, ...]
    required: bool = True
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """A table, and all its keys."""
        return f"a table with the keys {', '.join(entry.name for entry in self.fields)}"

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their keys."""
        return {entry.name: entry for entry in self.fields}

    def holds(self, value: object) -> bool:
        """Whether a value is a table without mistakes."""
        return next(self.mistakes("", value), None) is None

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield a line for each wrong value, each unknown key and each key that is missing."""
        if not isinstance(value, Mapping):
            yield f"{place} = {shown(value)}; expected {self.words}"
            return
        before = f"{place}: " if place else ""
        known = self.by_name
        for key, entry in value.items():
            if key in known:
                yield from known[key].kind.mistakes(f"{before}{key}", entry)
            elif key in self.elsewhere:
                yield f"{before}{key} = {shown(entry)}; expected {key} {self.elsewhere[key]}"
            else:
                hint = did_you_mean(key, known)
                yield f"{before}unknown key {shown(key)}; expected one of {', '.join(known)}{hint}"
        for name, missing in known.items():
            if self.required and missing.default is REQUIRED and name not in value:
                yield f"{before}{name} is missing; expected {missing.kind.words}"

    def schema(self) -> dict[str, Any]:
        """Return ``object`` with the schema of each key; other keys are not allowed."""
        required = [entry.name for entry in self.fields if entry.default is REQUIRED]
        return {
            "type": "object",
            "properties": {entry.name: field_schema(entry) for entry in self.fields},
            "additionalProperties": False,
            **({"required": required} if required and self.required else {}),
        }


@dataclass(frozen=True)
class Made(Table):
    """A table of what a class takes: where each value is right, the class has the last word.

    Parameters
    ----------
    make
        The class.
    """

    make: Callable[..., object] = field(kw_only=True)

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield the mistakes of the table; where it has none, what the class refuses."""
        wrong = False
        for mistake in super().mistakes(place, value):
            wrong = True
            yield mistake
        if wrong or not isinstance(value, Mapping):
            return
        taken = inspect.signature(self.make).parameters
        settings = {
            key: tuple(entry) if isinstance(entry, list) else entry
            for key, entry in value.items()
            if key in taken
        }
        before = f"{place}: " if place else ""
        try:
            self.make(**settings)
        except ArchitectureError as error:
            yield f"{before}{error}"
        except (TypeError, ValueError, OverflowError) as error:
            yield f"{before}{shown(value)} cannot be made ({error}); expected {self.words}"


@dataclass(frozen=True)
class Named(Kind):
    """A table of which one key says what the others may be; or that word alone.

    Parameters
    ----------
    tables
        By the word.
    key
        Which key it is, as ``name`` or ``type``.
    default
        The word that holds where the key is left out; empty: it must be given.
    bare
        Whether the word may stand for a table that has nothing else.
    """

    tables: Mapping[str, Table]
    key: str = "name"
    default: str = ""
    bare: bool = True

    @property
    def words(self) -> str:
        """All the words, and whether a table may stand in their place."""
        return f"one of {', '.join(self.tables)}" + (", or a table with it" if self.bare else "")

    def holds(self, value: object) -> bool:
        """Whether a value is a known word, or a table with one and without mistakes."""
        return next(self.mistakes("", value), None) is None

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield what is wrong with the word; where it is known, the mistakes of its table."""
        table = {self.key: value} if self.bare and isinstance(value, str) else value
        if not isinstance(table, Mapping):
            yield f"{place} = {shown(value)}; expected {self.words}"
            return
        before = f"{place}: " if place else ""
        if self.key not in table and not self.default:
            yield f"{before}{self.key} is missing; expected one of {', '.join(self.tables)}"
            return
        word = table.get(self.key, self.default)
        choice = Choice(tuple(self.tables))
        if not choice.holds(word):
            yield from choice.mistakes(f"{before}{self.key}", word)
            return
        known = self.tables[word]
        first = Field(self.key, choice, default=self.default or REQUIRED)
        yield from replace(known, fields=(first, *known.fields)).mistakes(place, table)

    def schema(self) -> dict[str, Any]:
        """Return ``anyOf`` with a table for each word, and the bare words where they may stand."""
        tables = []
        for word, table in self.tables.items():
            default = word if word == self.default else REQUIRED
            first = Field(self.key, Constant(word), default=default)
            tables.append(replace(table, fields=(first, *table.fields)).schema())
        words = [{"enum": list(self.tables)}] if self.bare else []
        return {"anyOf": [*words, *tables]}


@dataclass(frozen=True)
class Form(Kind):
    """One of two tables: the short form where its first key is there, otherwise the full one."""

    short: Table
    full: Table

    @property
    def words(self) -> str:
        """A table in one of the two forms."""
        return "a table in the short or the full form"

    def holds(self, value: object) -> bool:
        """Whether a value is a table without mistakes in the form that it has."""
        return next(self.mistakes("", value), None) is None

    def mistakes(self, place: str, value: object) -> Iterator[str]:
        """Yield the mistakes in the form that the first key of the short one decides."""
        if not isinstance(value, Mapping):
            yield f"{place} = {shown(value)}; expected a table"
            return
        is_short = self.short.fields[0].name in value
        yield from (self.short if is_short else self.full).mistakes(place, value)

    def schema(self) -> dict[str, Any]:
        """Return ``anyOf`` with the schemas of both forms."""
        return {"anyOf": [self.short.schema(), self.full.schema()]}


def field_schema(described: Field) -> dict[str, Any]:
    """Return a field's kind, meaning and default as JSON schema."""
    schema = described.kind.schema()
    if described.meaning:
        schema["description"] = described.meaning
    if described.default is not REQUIRED and described.default is not None:
        schema["default"] = described.default
    return schema
