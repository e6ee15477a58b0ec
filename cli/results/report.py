"""What became of each picture of a file of results, and the report of it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click

from cli.saving import cell
from cli.wording import shown

COLUMNS = ("file", "capture_id", "outcome", "reason", "detections", "matched_by")


class Fate(StrEnum):
    """What became of a picture's results."""

    IMPORTED = "imported"
    EMPTY = "empty"
    UNCHANGED = "already there"
    MATCHED = "matched"
    NO_RESULT = "no result"
    LEFT_OUT = "left out"
    FAILED = "failed"
    NO_MATCH = "no match"
    AMBIGUOUS = "ambiguous"
    NAME_ONLY = "by name only"
    NOT_SENT = "not sent"

    @property
    def is_well(self) -> bool:
        """There is nothing more to be done. A picture the detector failed on has nothing to import."""
        return self in _WELL


_WELL = frozenset({Fate.IMPORTED, Fate.EMPTY, Fate.UNCHANGED, Fate.MATCHED, Fate.NO_RESULT, Fate.LEFT_OUT})


@dataclass(slots=True)
class Row:
    """One picture. `detections` are those that were sent, or in a dry run would be; `problems` counts those
    that cannot be true, `lesser_classes` the classes of detections but for the best of each."""

    file: str
    fate: Fate
    capture_id: str = ""
    reason: str = ""
    detections: int = 0
    by: str = ""
    problems: int = 0
    lesser_classes: int = 0

    @property
    def is_well(self) -> bool:
        """Whether all the file says of it is where it belongs."""
        return self.fate.is_well and (not self.problems or self.fate in (Fate.NO_RESULT, Fate.LEFT_OUT))


def save(target: Path, rows: Iterable[Row]) -> None:
    """Writes the report. Raises ClickException."""
    try:
        with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row in rows:
                cells = (row.file, row.capture_id, row.fate, row.reason, row.detections, row.by)
                writer.writerow([cell(each) for each in cells])
    except OSError as error:
        told = f"The report {shown(str(target))} could not be written: {error.strerror or error}."
        raise click.ClickException(told) from error
