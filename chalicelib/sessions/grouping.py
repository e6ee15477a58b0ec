"""Which captures make one session. Pure: values in, values out; nothing is mutated.

A session is an interval [start, end] of one deployment's time; a capture belongs to the session whose
interval holds its timestamp. `sweep` reads a timeline forward from the start of a session and finds the
intervals of today's rule, beside the sessions that stand; `plan` decides which interval keeps which id.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.findings.rules import NOTHING, Found
from chalicelib.sessions.rules import Rule

Taken = tuple[datetime, str]
"""When a capture was taken, and its id."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A run of captures: first and last timestamp, both inclusive, how many there are, and two of them.

    `example_capture_id` is one from the later half: the first of a night is mostly an empty sheet.
    """

    start: datetime
    end: datetime
    captures_count: int
    first_capture_id: str
    example_capture_id: str

    def extended(self, timestamp: datetime, capture_id: str) -> "Interval":
        """The interval with one more capture, at its end."""
        count = self.captures_count + 1
        # At each doubling, the present capture: known while streaming, and always in the later half.
        example = capture_id if count & (count - 1) == 0 else self.example_capture_id
        return Interval(self.start, timestamp, count, self.first_capture_id, example)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when until when a session lasts, without its counts."""

    id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it stands in the table. `found` is what was found on its captures and counts."""

    id: str
    start: datetime
    end: datetime
    captures_count: int
    first_capture_id: str
    example_capture_id: str
    found: Found = NOTHING

    @property
    def stretch(self) -> Stretch:
        """From when until when it lasts."""
        return Stretch(self.id, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Undated:
    """What some undated captures come to, which are in no session."""

    count: int = 0
    found: Found = NOTHING


@dataclass(slots=True)
class Window:
    """What a sweep found: the intervals of its stretch of time, and the sessions that stood there.

    `shared[session id, index of interval]` counts captures in both. `duplicate_timestamps` are the moments
    that several captures have. `resume` is where the timeline was left off because the budget was spent;
    `ended`, whether it was read to its end.
    """

    intervals: list[Interval] = field(default_factory=list)
    standing: list[Session] = field(default_factory=list)
    shared: Counter[tuple[str, int]] = field(default_factory=Counter)
    duplicate_timestamps: int = 0
    resume: datetime | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What must be written so that the sessions of a window equal its intervals."""

    put: list[Session]
    delete: list[Session]


def group(captures: Iterable[Taken], rule: Rule) -> list[Interval]:
    """The intervals of captures in the order of time, duplicate timestamps allowed; none for none."""
    return sweep(captures, (), rule, datetime.max).intervals


def beginning(previous: Session | None, start: datetime, rule: Rule) -> datetime:
    """Where to begin when nothing before `start` has changed: there, unless what comes could belong to
    `previous`, the latest session that starts at or before it; or lies within it, though by today's rule it
    would not: it stands by an earlier one."""
    if previous is None or (previous.end < start and rule.splits(previous, start)):
        return start
    return previous.start


def sweep(
    captures: Iterable[Taken],
    standing: Iterable[Session],
    rule: Rule,
    until: datetime,
    budget: int | None = None,
) -> Window:
    """Groups captures in the order of time until nothing can change any more.

    captures     of a deployment, from where `beginning` says
    standing     the sessions that start there or later, ascending
    until        the latest change: once past it, a new interval that begins where a session begins already
                 means that from there on everything is as it was, and the sweep stops
    budget       about how many captures to read at the most; it then stops at the next interval that
                 does not begin inside a standing session
    """
    window, sessions = Window(), _Standing(standing)
    current: Interval | None = None
    repeated: datetime | None = None
    for read, (timestamp, capture_id) in enumerate(captures):
        begins = current is None or rule.splits(current, timestamp)
        if begins and (stop := _stop(timestamp, sessions, until, read, budget)):
            window.resume = timestamp if stop == "budget" else None
            break
        sessions.advance(timestamp)
        if begins:
            window.intervals += [current] if current else []
            current = Interval(timestamp, timestamp, 1, capture_id, capture_id)
        else:
            assert current  # noqa: S101  (what does not begin an interval continues one)
            if timestamp == current.end and timestamp != repeated:
                window.duplicate_timestamps += 1
                repeated = timestamp
            current = current.extended(timestamp, capture_id)
        if holder := sessions.holding(timestamp):
            window.shared[holder.id, len(window.intervals)] += 1
    else:
        window.ended = True
        sessions.advance(datetime.max)
    window.intervals += [current] if current else []
    window.standing = sessions.passed
    return window


def plan(window: Window, new_id: Callable[[], str], found: Sequence[Found] = ()) -> Plan:
    """Gives each interval an id: of the session with which it shares most captures (the earlier one of
    equals), each id at most once; a new one where none is left. Sessions without an interval are deleted.
    `found` is what was found in each interval; nothing, where it is not given.
    """
    ids = _ids(window)
    sessions = [
        Session(
            ids.get(index) or new_id(),
            interval.start,
            interval.end,
            interval.captures_count,
            interval.first_capture_id,
            interval.example_capture_id,
            found[index] if found else NOTHING,
        )
        for index, interval in enumerate(window.intervals)
    ]
    before = {session.id: session for session in window.standing}
    alive = {session.id for session in sessions}
    return Plan(
        put=[session for session in sessions if before.get(session.id) != session],
        delete=[session for session in window.standing if session.id not in alive],
    )


def _ids(window: Window) -> Mapping[int, str]:
    starts = {session.id: session.start for session in window.standing}
    pairs = sorted(window.shared.items(), key=lambda pair: (-pair[1], starts[pair[0][0]], pair[0][1]))
    taken: set[str] = set()
    ids: dict[int, str] = {}
    for (session_id, index), _ in pairs:
        if session_id not in taken and index not in ids:
            taken.add(session_id)
            ids[index] = session_id
    return ids


class _Standing:
    """The standing sessions, taken one by one as the sweep passes their starts."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._coming: Iterator[Session] = iter(sessions)
        self._next = next(self._coming, None)
        self.passed: list[Session] = []

    def advance(self, timestamp: datetime) -> None:
        """Passes every session that starts at or before `timestamp`."""
        while self._next and self._next.start <= timestamp:
            self.passed.append(self._next)
            self._next = next(self._coming, None)

    def begins_at(self, timestamp: datetime) -> bool:
        """Whether a session starts at exactly `timestamp`, those before it being passed."""
        while self._next and self._next.start < timestamp:
            self.passed.append(self._next)
            self._next = next(self._coming, None)
        return self._next is not None and self._next.start == timestamp

    def holding(self, timestamp: datetime) -> Session | None:
        """The session whose interval holds `timestamp`."""
        last = self.passed[-1] if self.passed else None
        return last if last and timestamp <= last.end else None


def _stop(
    timestamp: datetime, sessions: _Standing, until: datetime, read: int, budget: int | None
) -> str | None:
    aligned = sessions.begins_at(timestamp)
    if aligned and timestamp > until:
        return "settled"
    if budget is None or read < budget:
        return None
    inside = sessions.holding(timestamp) is not None
    return "budget" if not inside or read >= 2 * budget else None
