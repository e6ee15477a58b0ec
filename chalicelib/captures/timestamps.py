"""When a photograph was taken: by its name, by its EXIF, and which of them counts. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.captures.filename_times import from_filename
from chalicelib.captures.wall_clock import CaptureTime, dated, undated, zone_offset

__all__ = ["SOURCES", "CaptureTime", "ExifTimes", "capture_time", "from_exif", "from_filename"]

SOURCES = ("filename", "exif")

CONFLICT_AFTER = timedelta(minutes=2)
"""A camera may write the file a while after it took the photograph; more than this is no delay."""

NO_EXIF = "the photograph carries no EXIF date"

_EXIF_TIME = re.compile(
    r"(?P<year>[0-9]{4})[-:/. ](?P<month>[0-9]{1,2})[-:/. ](?P<day>[0-9]{1,2})"
    r"[ T]+(?P<hour>[0-9]{1,2})[-:.](?P<minute>[0-9]{2})(?:[-:.](?P<second>[0-9]{2}))?"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?\s?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_UNSET = re.compile(r"[0:\-/. T]*")


@dataclass(frozen=True, slots=True)
class ExifTimes:
    """The dates of a photograph's EXIF, as they were written; None where there is none.

    `original`, `digitized` and `modified` are DateTimeOriginal, DateTimeDigitized and DateTime;
    `offset` is like "+05:30", `subsecond` the digits after the decimal point.
    """

    original: str | None = None
    digitized: str | None = None
    modified: str | None = None
    offset: str | None = None
    subsecond: str | None = None


def from_exif(exif: ExifTimes, *, now: datetime) -> CaptureTime:
    """The first of the original, the digitized and the modified date that is possible.

    Undated, with the reason of the first that was refused, where none is.
    """
    reason = None
    for tag, text in (
        ("DateTimeOriginal", exif.original),
        ("DateTimeDigitized", exif.digitized),
        ("DateTime", exif.modified),
    ):
        if text is None:
            continue
        taken = _from_exif_text(text, now)
        if taken.timestamp:
            return replace(
                taken,
                millisecond=taken.millisecond or _milliseconds(exif.subsecond),
                offset=taken.offset or zone_offset(exif.offset),
            )
        reason = reason or f"EXIF {tag}: {taken.reason}"
    return undated(reason or NO_EXIF)


def _from_exif_text(text: str, now: datetime) -> CaptureTime:
    # What follows a NUL is whatever the camera's buffer held before.
    text = text.partition("\0")[0].strip()
    if _UNSET.fullmatch(text):
        return undated("the date is blank: the clock was not set")
    match = _EXIF_TIME.fullmatch(text)
    if match is None:
        return undated(f"{text[:40]!r} is no date with a time of day")
    return dated(match.groupdict(), "exif", now=now)


def _milliseconds(subsecond: str | None) -> int:
    digits = (subsecond or "").partition("\0")[0].strip()
    return int(f"{digits:0<3}"[:3]) if re.fullmatch(r"[0-9]+", digits) else 0


def capture_time(
    name: str, exif: ExifTimes | None, *, now: datetime, sources: Sequence[str] = SOURCES
) -> CaptureTime:
    """When the photograph `name` was taken: by the first of `sources` that tells it.

    `conflict` is set where two sources differ by more than CONFLICT_AFTER. Where none tells, `reason` says
    why of each. Raises ValueError for a source that is neither "filename" nor "exif".
    """
    tried = [_by_source(source, name, exif, now) for source in sources]
    told = [taken for taken in tried if taken.timestamp]
    if not told:
        return undated("; ".join(taken.reason or "" for taken in tried))
    times = [taken.timestamp for taken in told if taken.timestamp]
    return replace(told[0], conflict=max(times) - min(times) > CONFLICT_AFTER)


def _by_source(source: str, name: str, exif: ExifTimes | None, now: datetime) -> CaptureTime:
    if source == "filename":
        return from_filename(name, now=now)
    if source == "exif":
        return from_exif(exif or ExifTimes(), now=now)
    raise ValueError(f"{source!r} is no source of a photograph's time")
