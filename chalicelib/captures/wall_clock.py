"""A camera's wall clock, as one photograph tells it. Pure.

Cameras know no time zone: the clock on the wall of the station is what they were set to, and it is kept as
it was found, naive and to the second.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Source = Literal["filename", "exif", "manual"]

EARLIEST_YEAR = 1990
"""No digital camera is older; an earlier year is a clock that lost its battery, or no year at all."""

AHEAD = timedelta(days=1)
"""How far ahead of UTC a clock may be: zones reach +14 h, and clocks drift."""

# UTC-12 is the westernmost zone and UTC+14 the easternmost; all of them are whole quarters of an hour.
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4])[:.\-]?(00|15|30|45)")


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """When a photograph was taken, or why that is not known.

    `timestamp` is naive, in whole seconds; `millisecond` (0–999) orders what shares a second. `offset` is
    a zone offset that was found beside it, such as "+05:00": recorded, never applied. `conflict` says that
    the sources disagree. `reason` is None exactly where `timestamp` is not.
    """

    timestamp: datetime | None
    millisecond: int = 0
    source: Source | None = None
    offset: str | None = None
    reason: str | None = None
    conflict: bool = False


def undated(reason: str) -> CaptureTime:
    """No time, and why."""
    return CaptureTime(None, reason=reason)


def dated(fields: Mapping[str, str | None], source: Source, *, now: datetime) -> CaptureTime:
    """The time that digits spell: year, month, day, hour, minute and, if known, second, fraction, offset.

    A year of two digits is of 1969–2068. Undated, with the reason, where there is no such day or second,
    before EARLIEST_YEAR, and later than AHEAD of `now` (UTC where it is naive).
    """
    numbers = [int(fields.get(part) or 0) for part in ("year", "month", "day", "hour", "minute", "second")]
    if len(fields["year"] or "") == 2:
        numbers[0] += 1900 if numbers[0] >= 69 else 2000
    shown = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*numbers)
    try:
        timestamp = datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        return undated(f"{shown} is no possible date and time")
    if timestamp.year < EARLIEST_YEAR:
        return undated(f"{shown} is before {EARLIEST_YEAR}: the clock was not set")
    if timestamp > _utc(now) + AHEAD:
        return undated(f"{shown} lies in the future")
    millisecond = int(f"{fields.get('fraction') or '':0<3}"[:3])
    return CaptureTime(timestamp, millisecond, source, zone_offset(fields.get("offset")))


def zone_offset(text: str | None) -> str | None:
    """A zone offset in its one spelling, "+05:30"; "Z" is "+00:00"; None for what is none."""
    text = (text or "").strip()
    if text in ("Z", "z"):
        return "+00:00"
    found = _OFFSET.fullmatch(text)
    return f"{found[1]}{found[2]}:{found[3]}" if found else None


def _utc(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
