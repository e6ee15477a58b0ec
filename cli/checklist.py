"""A file of taxa, cut into pieces that a server takes one after the other: parents before what is below
them, so that no piece needs a later one."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LINES_AT_ONCE = 1000
BYTES_AT_ONCE = 800_000
"""Of a request: a server takes a million."""

_NAMES = ("name", "scientificname")
_PARENTS = ("parent", "parentname")
_SEPARATORS = ",;\t"


class UnfitError(Exception):
    """The file is none that could be sent; the message says why."""


@dataclass(frozen=True)
class Line:
    """A line of the file, by its number there; a cell of several lines is one of one line here."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Checklist:
    """The lines of a file in the order in which to send them, and those that cannot be sent, as a server
    tells of such."""

    header: list[str]
    lines: list[Line]
    bad: list[dict[str, Any]]


def read(data: bytes) -> Checklist:
    """The lines of a file, parents first. Raises UnfitError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnfitError("it is not in UTF-8: save it as “CSV UTF-8”") from None
    records = _records(text)
    _, header = next(records, (1, []))
    if isinstance(header, str):
        raise UnfitError(f"its first line cannot be read: {header}")
    titles = [_title(each) for each in header]
    if not any(title in _NAMES for title in titles):
        raise UnfitError("its first line has no column 'name' or 'scientificName'")
    lines, bad = [], []
    for number, cells in records:
        told = cells if isinstance(cells, str) else ""
        if not told and _size(cells) > BYTES_AT_ONCE // 2:
            told = "it is too long"
        if told:
            bad.append({"line": number, "name": "", "field": "line", "reason": told})
        else:
            lines.append(Line(number, [" ".join(cell.split()) for cell in cells]))
    if not lines and not bad:
        raise UnfitError("it has no lines after the first")
    # Titles without what parts columns: a server is to see commas part them, whatever else they hold.
    plain = [re.sub(r"[,;\s]+", " ", title) for title in header]
    return Checklist(plain, _parents_first(titles, lines), bad)


def chunks(told: Checklist) -> Iterator[tuple[list[int], str]]:
    """A checklist in pieces, each with the numbers of its lines in the file."""
    piece: list[Line] = []
    size = 0
    for line in told.lines:
        more = _size(line.cells)
        if piece and (len(piece) == LINES_AT_ONCE or size + more > BYTES_AT_ONCE):
            yield _chunk(told.header, piece)
            piece, size = [], 0
        piece.append(line)
        size += more
    if piece:
        yield _chunk(told.header, piece)


def _chunk(header: Sequence[str], lines: Sequence[Line]) -> tuple[list[int], str]:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(line.cells for line in lines)
    return [line.number for line in lines], text.getvalue()


def _size(cells: Sequence[str]) -> int:
    """How many bytes a line is of a request, or a few more."""
    return len(json.dumps(cells)) + 4 * len(cells)


def _records(text: str) -> Iterator[tuple[int, Any]]:
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
    first = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]

    def fits(separator: str) -> tuple[bool, int]:
        return any(_title(each) in _NAMES for each in first.split(separator)), first.count(separator)

    return max(_SEPARATORS, key=fits)


def _title(text: str) -> str:
    return re.sub(r'[\s_"]', "", text).casefold()


def _parents_first(titles: Sequence[str], lines: Sequence[Line]) -> list[Line]:
    """The lines, each after those of its parent; all those of one name together."""
    name_at = next(at for at, title in enumerate(titles) if title in _NAMES)
    parent_at = next((at for at, title in enumerate(titles) if title in _PARENTS), len(titles))
    of_name: dict[str, list[Line]] = {}
    for line in lines:
        of_name.setdefault(_plain(line, name_at), []).append(line)
    parents = {name: _plain(same[0], parent_at) for name, same in of_name.items()}
    return [line for name in _ordered(parents) for line in of_name[name]]


def _ordered(parents: Mapping[str, str]) -> list[str]:
    """Names in their order, but each after its parent's; a circle is cut where it was entered."""
    order: dict[str, None] = {}
    for name in parents:
        chain: dict[str, None] = {}
        here = name
        while here in parents and here not in order and here not in chain:
            chain[here] = None
            here = parents[here]
        order |= dict.fromkeys(reversed(chain))
    return list(order)


def _plain(line: Line, at: int) -> str:
    """A name as servers tell names apart."""
    return unicodedata.normalize("NFC", line.cells[at]).casefold() if at < len(line.cells) else ""
