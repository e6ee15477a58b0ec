"""When a session ends, and what people may set of it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Protocol

DEFAULT_GAP = timedelta(hours=2)
DEFAULT_CAP = timedelta(hours=24)
LONGEST = timedelta(days=366)
"""The longest gap and the longest cap that can be set."""

OFF = "off"


class Lasting(Protocol):
    """What has a start and an end."""

    @property
    def start(self) -> datetime:
        """Its first moment."""

    @property
    def end(self) -> datetime:
        """Its last moment, inclusive."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A session ends before a pause of `gap` or more, before it would last longer than `cap`, and at the time
    of day `cut`: cameras that never pause give nights with a cut at noon. None: not for that reason."""

    gap: timedelta = DEFAULT_GAP
    cap: timedelta | None = DEFAULT_CAP
    cut: time | None = None

    def splits(self, session: Lasting, timestamp: datetime) -> bool:
        """Whether a capture at `timestamp` begins a new session after `session`."""
        if timestamp - session.end >= self.gap:
            return True
        if self.cap is not None and timestamp - session.start > self.cap:
            return True
        return self.cut is not None and timestamp >= _next(self.cut, session.start)


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What is set of the rule in one place; None leaves it to the next. `cap_seconds` of 0 and a `cut_time`
    of "off" are no cap and no cut; else a `cut_time` is like "12:00"."""

    gap_seconds: int | None = None
    cap_seconds: int | None = None
    cut_time: str | None = None


NOTHING_SET = RuleSettings()


def rule_of(*settings: RuleSettings) -> Rule:
    """The rule by settings, the nearest first: of each the first usable one counts, else the default. What
    is zero, negative or absurd can only be old data, and is passed over."""
    gap = next((each.gap_seconds for each in settings if _is_usable_gap(each.gap_seconds)), None)
    cap = next((each.cap_seconds for each in settings if _is_usable_cap(each.cap_seconds)), None)
    cut = next((each.cut_time for each in settings if _is_usable_cut(each.cut_time)), None)
    return Rule(
        gap=DEFAULT_GAP if gap is None else timedelta(seconds=gap),
        cap=DEFAULT_CAP if cap is None else timedelta(seconds=cap) if cap else None,
        cut=None if cut in (None, OFF) else time.fromisoformat(cut),
    )


def unusable(*settings: RuleSettings) -> Iterator[str]:
    """What of settings cannot be used, and what counts instead, for people."""
    for each in settings:
        if each.gap_seconds is not None and not _is_usable_gap(each.gap_seconds):
            yield f"A gap of {each.gap_seconds} s cannot be used; the next one set counts, else 7200 s."
        if each.cap_seconds is not None and not _is_usable_cap(each.cap_seconds):
            yield f"A longest duration of {each.cap_seconds} s cannot be used; the next one set counts."
        if each.cut_time is not None and not _is_usable_cut(each.cut_time):
            yield f"A cut at {each.cut_time[:20]!r} cannot be used; the next one set counts."


def _is_usable_gap(seconds: int | None) -> bool:
    return seconds is not None and 0 < seconds <= LONGEST.total_seconds()


def _is_usable_cap(seconds: int | None) -> bool:
    return seconds is not None and 0 <= seconds <= LONGEST.total_seconds()


def _is_usable_cut(text: str | None) -> bool:
    if text is None or text == OFF:
        return text is not None
    try:
        return time.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _next(cut: time, start: datetime) -> datetime:
    """The first moment after `start` at that time of day."""
    today = datetime.combine(start.date(), cut)
    return today if today > start else today + timedelta(days=1)
