"""Which pictures of a file of results are taken, and which capture each is."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.connecting import CannotBegin
from cli.results.images import ImageResult
from cli.results.matching import By, Matched, Reason, Unmatched, match
from cli.results.megadetector import Results
from cli.results.report import Fate, Row
from cli.wording import shown

_FOLDERS_NAMED = 5


def chosen(results: Results, below: str, file: Path) -> tuple[list[ImageResult], list[Row]]:
    """The pictures below a folder, and rows of the others. Raises CannotBegin if there are none."""
    if not results.images:
        raise CannotBegin(f"{shown(str(file))} has no pictures: there is nothing to import.")
    taken, left_out = [], []
    for image in results.images:
        if _below(image.file, below):
            taken.append(image)
        else:
            left_out.append(Row(image.file, Fate.LEFT_OUT, reason=f"not below {below}"))
    if not taken:
        folders = dict.fromkeys(parts[0] for image in results.images if len(parts := _parts(image.file)) > 1)
        first = ", ".join(shown(each) for each in list(folders)[:_FOLDERS_NAMED]) or "none at all"
        told = f"{shown(str(file))} has no pictures below {shown(below)!r}. Its first folders: {first}."
        raise CannotBegin(told)
    return taken, left_out


def matched(
    pictures: Sequence[ImageResult], below: str, names: Mapping[str, str], *, by_name: bool
) -> list[Row]:
    """A row for each picture, as `names`, {capture id: path}, has it; those to be sent are not sent yet."""
    found = match((_below(image.file, below) for image in pictures), names)
    return [_row(image, each, by_name=by_name) for image, each in zip(pictures, found, strict=True)]


def _below(file: str, folder: str) -> str:
    """The path of a file from `folder` on, "" if it is not there."""
    wanted, parts = _parts(folder), _parts(file)
    if not wanted:
        return file
    return "/".join(parts[len(wanted) :]) if parts[: len(wanted)] == wanted else ""


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", path) if part not in ("", ".")]


def _row(image: ImageResult, found: Matched | Unmatched, *, by_name: bool) -> Row:
    row = Row(image.file, Fate.NOT_SENT, reason=" ".join(image.problems), problems=len(image.problems))
    row.lesser_classes = sum(max(0, len(each.classifications) - 1) for each in image.detections)
    if isinstance(found, Matched):
        row.capture_id, row.by = found.capture_id, found.by
    if image.failure is not None:
        row.fate, row.reason = Fate.NO_RESULT, " ".join([image.failure, *image.problems])
    elif isinstance(found, Unmatched):
        row.fate, row.reason = _fate_of(found), _why(found)
    elif found.by is By.NAME and not by_name:
        row.fate, row.reason = Fate.NAME_ONLY, "only its bare name is the capture's"
    elif image.problems and not image.detections:
        row.fate = Fate.FAILED  # sent without its detections it would be taken for empty
    return row


def _fate_of(found: Unmatched) -> Fate:
    return Fate.NO_MATCH if found.reason in (Reason.NONE, Reason.TAKEN) else Fate.AMBIGUOUS


def _why(found: Unmatched) -> str:
    more = found.candidates_count - len(found.candidates)
    which = ", ".join(found.candidates) + (f" and {more:,} more" if more else "")
    return f"{found.reason}: {which}" if which else found.reason
