"""How densely the captures of a session lie in time. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.errors import Invalid
from chalicelib.sessions.grouping import Stretch, Taken

MOST = 1500
"""Intervals in one answer: a day of minutes, and a little more."""


@dataclass(slots=True)
class Slot:
    """What was taken from `start` on, before `end`."""

    start: datetime
    end: datetime
    captures_count: int = 0
    detections_count: int = 0
    first_capture_id: str | None = None


def slots(
    session: Stretch,
    resolution: timedelta,
    captures: Iterable[Taken],
    detections: Iterable[tuple[datetime, int]] = (),
) -> list[Slot]:
    """The captures of a session by intervals of `resolution`, from the full minute it begins in to its end,
    empty ones too; and how many `detections` were made on those that were taken at a time.

    Raises Invalid, which names a resolution that fits, if there would be too many intervals.
    """
    first = session.start.replace(second=0, microsecond=0)
    count = int((session.end - first) / resolution) + 1
    if count > MOST:
        least = -(-int((session.end - first).total_seconds()) // (60 * (MOST - 1)))
        why = f"at least {least} for a session of this length"
        raise Invalid(f"The parameter 'resolution_minutes' is to be {why}.", {"resolution_minutes": why})
    found = [Slot(first + number * resolution, first + (number + 1) * resolution) for number in range(count)]
    for timestamp, capture_id in captures:
        slot = found[int((timestamp - first) / resolution)]
        slot.captures_count += 1
        slot.first_capture_id = slot.first_capture_id or capture_id
    for timestamp, count in detections:
        if session.start <= timestamp <= session.end:
            found[int((timestamp - first) / resolution)].detections_count += count
    return found
