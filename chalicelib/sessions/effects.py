"""What a grouping changes, and what of its sessions deserves a look. Pure."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import time, timedelta

from chalicelib.sessions.grouping import Plan, Session, Window

LONG = timedelta(hours=24)
MORNING, EVENING = time(8), time(17)
"""Between these a session begins by day: of a camera that works at night, a sign of a wrong clock."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Counts of a grouping: captures, distinct moments that several of them have; sessions that are new,
    changed (and kept their id), deleted, and as they were; those that last for more than a day, begin by day,
    or hold one capture."""

    captures: int = 0
    duplicate_timestamps: int = 0
    created: int = 0
    touched: int = 0
    deleted: int = 0
    unchanged: int = 0
    long: int = 0
    by_day: int = 0
    of_one_capture: int = 0

    def __add__(self, other: "Effect") -> "Effect":
        return Effect(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


NOTHING = Effect()


def effect_of(window: Window, wanted: Plan) -> Effect:
    """What writing a plan does to the sessions that stand in its window."""
    standing = {session.id for session in window.standing}
    touched = sum(session.id in standing for session in wanted.put)
    lasting = [(each.start, each.end - each.start) for each in window.intervals]
    return Effect(
        captures=sum(each.captures_count for each in window.intervals),
        duplicate_timestamps=window.duplicate_timestamps,
        created=len(wanted.put) - touched,
        touched=touched,
        deleted=len(wanted.delete),
        unchanged=len(window.intervals) - len(wanted.put),
        long=sum(duration > LONG for _, duration in lasting),
        by_day=sum(MORNING <= start.time() < EVENING for start, _ in lasting),
        of_one_capture=sum(each.captures_count == 1 for each in window.intervals),
    )


def captures_in(sessions: Iterable[Session]) -> int:
    """How many captures sessions hold."""
    return sum(session.captures_count for session in sessions)
