"""Taxa as a table in text: what each line says, and which lines say nothing that can be taken. Pure.

The columns are name (or scientificName), rank (taxonRank), parent (parentName), gbif_key (gbifKey, taxonKey)
and common_name (vernacularName), in any order and case; others are left alone. They are parted by commas,
semicolons or tabs. A blank cell says nothing.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chalicelib import ids
from chalicelib.errors import Invalid
from chalicelib.taxa.rules import HIGHEST_GBIF_KEY, Rank, name_of, rank_of

MOST_LINES = 20_000

_COLUMNS = {
    "name": "name",
    "scientificname": "name",
    "rank": "rank",
    "taxonrank": "rank",
    "parent": "parent",
    "parentname": "parent",
    "gbifkey": "gbif_key",
    "taxonkey": "gbif_key",
    "commonname": "common_name",
    "vernacularname": "common_name",
}
_SEPARATORS = ",;\t"
_LINE_BREAKS = re.compile(r"[\r\n]")
_WHOLE = re.compile(r"([0-9]{1,10})(?:\.0+)?", re.ASCII)  # spreadsheets like to write 1822217.0

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says of a taxon; None where it says nothing. `parent` is a name."""

    number: int
    name: str
    rank: Rank | None = None
    parent: str | None = None
    gbif_key: int | None = None
    common_name: str | None = None

    @property
    def id(self) -> str:
        """The id of its taxon."""
        return ids.taxon_id(self.name)

    @property
    def parent_id(self) -> str | None:
        """The id of its taxon's parent."""
        return ids.taxon_id(self.parent) if self.parent else None


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be taken: which column is wrong, and why."""

    number: int
    name: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """The lines of a text, the good ones and the bad ones."""

    lines: Sequence[Line]
    bad: Sequence[Bad]


class _WrongCellError(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field, self.reason = field, reason


def parse(text: str) -> Checklist:
    """The lines of a text; blank ones are none. Raises Invalid if it has no header with a name in it, or too
    many lines."""
    records = _records(text.removeprefix("\ufeff"))
    _, header = next(records, (1, []))
    if isinstance(header, str):
        raise _unfit(f"its first line cannot be read: {header}")
    columns = _columns(header)
    lines: list[Line] = []
    bad: list[Bad] = []
    for number, cells in records:
        if len(lines) + len(bad) == MOST_LINES:
            raise _unfit(f"more than {MOST_LINES:,} lines")
        if isinstance(cells, str):
            bad.append(Bad(number, "", "line", cells))
            continue
        told = {field: cells[at].strip() for field, at in columns.items() if at < len(cells)}
        try:
            lines.append(_line(number, told, cells[len(header) :]))
        except _WrongCellError as wrong:
            bad.append(Bad(number, told.get("name", "")[:100], wrong.field, wrong.reason))
    return Checklist(lines, bad)


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """The number of the line at which each record begins, and its cells, or why it cannot be read."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            yield number, str(error)
            continue
        if any(cell.strip() for cell in cells):
            yield number, cells


def _separator(text: str) -> str:
    first = _LINE_BREAKS.split(text.lstrip(), maxsplit=1)[0]

    def fits(separator: str) -> tuple[bool, int]:
        named = any(_COLUMNS.get(_plain(title)) == "name" for title in first.split(separator))
        return named, first.count(separator)

    return max(_SEPARATORS, key=fits)


def _plain(title: str) -> str:
    return re.sub(r'[\s_"]', "", title).casefold()


def _columns(header: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at, title in enumerate(header):
        field = _COLUMNS.get(_plain(title))
        if field and field in found:
            raise _unfit(f"two columns tell the {field}: {header[found[field]][:40]!r} and {title[:40]!r}")
        if field:
            found[field] = at
    if "name" not in found:
        raise _unfit("its first line has no column 'name' or 'scientificName'")
    return found


def _line(number: int, told: dict[str, str], excess: Sequence[str]) -> Line:
    if any(cell.strip() for cell in excess):
        raise _WrongCellError("line", "it has more cells than the first line")
    return Line(
        number,
        name=_cell("name", told.get("name", ""), name_of),
        rank=_optional("rank", told, rank_of),
        parent=_optional("parent", told, name_of),
        gbif_key=_optional("gbif_key", told, _gbif_key),
        common_name=_optional("common_name", told, name_of),
    )


def _optional(field: str, told: dict[str, str], read: Callable[[str], V]) -> V | None:
    return _cell(field, told[field], read) if told.get(field) else None


def _cell(field: str, text: str, read: Callable[[str], V]) -> V:
    try:
        return read(text)
    except ValueError as error:
        raise _WrongCellError(field, str(error)) from error


def _gbif_key(text: str) -> int:
    whole = _WHOLE.fullmatch(text)
    if not whole or not 1 <= int(whole[1]) <= HIGHEST_GBIF_KEY:
        raise ValueError(f"a whole number from 1 to {HIGHEST_GBIF_KEY}")
    return int(whole[1])


def _unfit(reason: str) -> Invalid:
    return Invalid(f"This is no table of taxa: {reason}.", {"csv": reason})
