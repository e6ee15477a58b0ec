"""Sessions that are settled piece by piece, by several settlers, some of which sleep past their lease or die,
end up as a brute force says.

On plain values: the rules are the real ones, put together as sessions/service.py and settling/service.py do;
the table is a dict of sessions and a sorted list of captures. The real table, and settlers that die between
two of its requests, are tried by tests/settling/test_chaos.py.
"""

import os
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, count, pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.aws import keys
from chalicelib.counts import NONE, Counts
from chalicelib.errors import LeaseLost
from chalicelib.sessions.effects import captures_in
from chalicelib.sessions.grouping import Plan, Session, Taken, Window, beginning, plan, sweep
from chalicelib.sessions.rules import NOTHING_SET, Rule, RuleSettings, rule_of
from chalicelib.settling.rules import ALL, Image, joined, period, touched, undated_segment

START = datetime(2026, 6, 8)
MINUTE = timedelta(minutes=1)
PAGE = 4
WHOLE = 1_000_000

Event = tuple[str, str, Image | None, Image | None]
Steps = Generator[None, None, None]


@dataclass(frozen=True)
class Mark:
    part: str
    version: int
    hours: frozenset[int] = frozenset()
    start: datetime | None = None


@dataclass
class Held:
    """A lease, and the deployment as of the last write under it."""

    token: int
    rule: Rule
    counts: Counts
    settled: int
    writes: int = 0


@dataclass
class Table:
    """What the table holds of one deployment: facts, marks, and what is derived."""

    id: str
    settings: RuleSettings = NOTHING_SET
    captures: dict[str, datetime | None] = field(default_factory=dict)
    timeline: list[Taken] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    segments: Counter[str] = field(default_factory=Counter)
    counts: Counts = NONE
    settled: int = 0
    token: int | None = None
    expired: bool = False
    numbers: Iterator[int] = field(default_factory=count)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    # Facts.

    def put(self, capture_id: str, timestamp: datetime | None) -> Event:
        return self._change(capture_id, timestamp, gone=False)

    def remove(self, capture_id: str) -> Event:
        return self._change(capture_id, None, gone=True)

    def _change(self, capture_id: str, timestamp: datetime | None, *, gone: bool) -> Event:
        before = self._image(capture_id)
        old = self.captures.pop(capture_id, None)
        if old:
            self.timeline.remove((old, capture_id))
        if not gone:
            self.captures[capture_id] = timestamp
            if timestamp:
                insort(self.timeline, (timestamp, capture_id))
        return f"DEPLOYMENT#{self.id}", f"CAPTURE#{capture_id}", before, self._image(capture_id)

    def _image(self, capture_id: str) -> Image | None:
        known = capture_id in self.captures
        return {"at": keys.capture_at(capture_id, self.captures[capture_id])} if known else None

    def rule_by(self, wanted: RuleSettings) -> Event:
        before, self.settings = self.settings, wanted
        return f"DEPLOYMENT#{self.id}", "DEPLOYMENT", _images(before), _images(wanted)

    # Reading.

    def taken(self, begin: datetime | None) -> Iterator[Taken]:
        """Page by page: between two, others are at work."""
        position = (begin or datetime.min, "")
        while page := self.timeline[bisect_left(self.timeline, position) :][:PAGE]:
            yield from page
            position = (page[-1][0], page[-1][1] + " ")
            if self.meanwhile:
                self.meanwhile.pop(0)()

    def standing(self, begin: datetime | None) -> list[Session]:
        ordered = sorted(self.sessions.values(), key=lambda each: each.start)
        return ordered[bisect_left(ordered, begin or datetime.min, key=lambda each: each.start) :]

    def starting_by(self, moment: datetime) -> Session | None:
        ordered = self.standing(None)
        at = bisect_right(ordered, moment, key=lambda each: each.start)
        return ordered[at - 1] if at else None

    # Marks.

    def mark(self, part: str, hours: set[int]) -> None:
        known = self.marks.get(part)
        together = frozenset(hours) | (known.hours if known else frozenset())
        self.marks[part] = Mark(part, next(self.numbers), together)

    def mark_rest(self, start: datetime) -> None:
        known = self.marks.get(ALL)
        if known is None or (known.start and known.start > start):
            self.marks[ALL] = Mark(ALL, next(self.numbers), start=start)

    def unmark(self, mark: Mark) -> None:
        if self._is_same(mark):
            del self.marks[mark.part]

    def move_on(self, mark: Mark, start: datetime) -> None:
        if self._is_same(mark):
            self.marks[mark.part] = replace(self.marks[mark.part], start=start)

    def _is_same(self, mark: Mark) -> bool:
        return mark.part in self.marks and self.marks[mark.part].version == mark.version

    # The lease, and writing under it.

    def take(self) -> Held | None:
        if self.token is not None and not self.expired:
            return None
        self.token, self.expired = next(self.numbers), False
        return Held(self.token, rule_of(self.settings), self.counts, self.settled)

    def prove(self, held: Held) -> None:
        if self.token != held.token:
            raise LeaseLost("Another has taken over.")
        self.expired = False

    def release(self, held: Held) -> None:
        if self.token == held.token:
            self.token = None

    def write(
        self, held: Held, counts: Counts, put: list[Session], delete: list[Session], segment: str = ""
    ) -> None:
        if self.token != held.token or self.settled != held.settled:
            raise LeaseLost("Another has taken over.")
        self.expired = False
        self.settled = held.settled = self.settled + 1
        held.writes += 1
        self.counts = held.counts = counts
        for session in delete:
            self.sessions.pop(session.id, None)
        self.sessions |= {session.id: session for session in put}
        if segment:
            self.segments[segment] = counts.undated_count - self.segments.total() + self.segments[segment]


def _images(wanted: RuleSettings) -> Image:
    values = {
        "project_id": "p0",
        "session_time_gap_seconds": wanted.gap_seconds,
        "session_max_duration_seconds": wanted.cap_seconds,
        "session_cut_time": wanted.cut_time,
    }
    return {name: value for name, value in values.items() if value is not None}


# Settling, as in settling/service.py and sessions/service.py; at each `yield` others may be at work.


@dataclass
class Settler:
    table: Table
    budget: int
    rows: int
    job: bool

    def steps(self) -> Steps:
        marks = list(self.table.marks.values())
        yield
        held = self.table.take()
        if held is None:
            return
        with suppress(LeaseLost):
            yield from self._round(held, marks)
        self.table.release(held)

    def _round(self, held: Held, marks: list[Mark]) -> Steps:
        table = self.table
        parts = [mark for mark in marks if mark.part != ALL]
        for mark in marks:
            if mark.part == ALL and self.job:
                yield from self._all(held, mark)
        days = [mark for mark in parts if undated_segment(mark.part) is None]
        before = held.writes
        for one in joined(period(mark.part, mark.hours) for mark in days):
            before = held.writes
            yield
            rest = yield from self._settle(held, one.start, one.end)
            if rest:
                table.mark_rest(rest)
        for mark in parts:
            segment = undated_segment(mark.part)
            if segment is not None:
                before = held.writes
                yield
                self._undated(held, segment)
        yield
        if parts and held.writes == before:
            table.prove(held)
        for mark in parts:
            table.unmark(mark)

    def _all(self, held: Held, mark: Mark) -> Steps:
        yield
        latest = self.table.starting_by(mark.start) if mark.start else None
        begin = beginning(latest, mark.start, held.rule) if mark.start else None
        window, wanted = self._look(held, begin, datetime.max)
        yield from self._write(held, begin, window, wanted)
        if window.resume is None:
            yield
            self.table.prove(held)
            self.table.unmark(mark)
        else:
            self.table.move_on(mark, window.resume)

    def _settle(self, held: Held, start: datetime, until: datetime) -> Generator[None, None, datetime | None]:
        begin = beginning(self.table.starting_by(start), start, held.rule)
        window, wanted = self._look(held, begin, until)
        if window.resume or len(wanted.put) + len(wanted.delete) > self.rows:
            return begin
        yield from self._write(held, begin, window, wanted)
        return None

    def _look(self, held: Held, begin: datetime | None, until: datetime) -> tuple[Window, Plan]:
        table = self.table
        coming = table.standing(begin)
        near = bisect_right(coming, until, key=lambda each: each.start) + 1
        standing = chain(
            coming[:near], (each for last in coming[near - 1 : near] for each in _after(table, last))
        )
        window = sweep(table.taken(begin), standing, held.rule, until, self.budget)
        return window, plan(window, lambda: f"s{next(table.numbers)}")

    def _write(self, held: Held, begin: datetime | None, window: Window, wanted: Plan) -> Steps:
        before = {session.id: session for session in window.standing}
        first, last = self._ends(held.counts, begin, window, {one.id for one in wanted.delete})
        moved = (first, last) != (held.counts.first_timestamp, held.counts.last_timestamp)
        for put, delete in self._chunks(wanted, even_if_empty=moved):
            gone = [before[one.id] for one in (*put, *delete) if one.id in before]
            yield
            counts = replace(
                held.counts,
                captures_count=held.counts.captures_count + captures_in(put) - captures_in(gone),
                sessions_count=held.counts.sessions_count + len(put) - len(gone),
                first_timestamp=first,
                last_timestamp=last,
            )
            self.table.write(held, counts, put, delete)

    def _chunks(self, wanted: Plan, *, even_if_empty: bool) -> Iterator[tuple[list[Session], list[Session]]]:
        if len(wanted.put) + len(wanted.delete) <= self.rows:
            if wanted.put or wanted.delete or even_if_empty:
                yield wanted.put, wanted.delete
            return
        for at in range(0, len(wanted.put), self.rows):
            yield wanted.put[at : at + self.rows], []
        for at in range(0, len(wanted.delete), self.rows):
            yield [], wanted.delete[at : at + self.rows]

    def _ends(
        self, counts: Counts, begin: datetime | None, window: Window, deleted: set[str]
    ) -> tuple[datetime | None, datetime | None]:
        first, last = counts.first_timestamp, counts.last_timestamp
        if first is None or begin is None or first >= begin:
            left = (each.start for each in self.table.standing(None) if each.id not in deleted)
            first = window.intervals[0].start if window.intervals else next(left, None)
        if window.intervals:
            end = window.intervals[-1].end
            last = end if window.ended else max(last or datetime.min, end)
        elif window.ended:
            earlier = self.table.starting_by(begin - timedelta(seconds=1)) if begin else None
            last = earlier.end if earlier else None
        return first, last

    def _undated(self, held: Held, segment: str) -> None:
        undated = [name for name, timestamp in self.table.captures.items() if timestamp is None]
        more = sum(_segment(name) == segment for name in undated) - self.table.segments[segment]
        if more:
            counts = held.counts
            wanted = replace(
                counts,
                undated_count=counts.undated_count + more,
                captures_count=counts.captures_count + more,
            )
            self.table.write(held, wanted, [], [], segment)


def _after(table: Table, session: Session) -> Iterator[Session]:
    """The sessions that start after one, read only when they are asked for."""
    yield from table.standing(session.start + timedelta(microseconds=1))


def _segment(capture_id: str) -> str:
    return capture_id.partition("-")[2][:2]


def run(steps: Steps) -> None:
    for _ in steps:
        pass


# What must be so once nothing is marked.


def brute_force(moments: list[datetime], by: Rule) -> list[tuple[datetime, datetime, int]]:
    runs: list[list[datetime]] = []
    for moment in moments:
        if runs and _fits(runs[-1], moment, by):
            runs[-1].append(moment)
        else:
            runs.append([moment])
    return [(one[0], one[-1], len(one)) for one in runs]


def _fits(run: list[datetime], moment: datetime, by: Rule) -> bool:
    if moment - run[-1] >= by.gap or (by.cap is not None and moment - run[0] > by.cap):
        return False
    since = timedelta(hours=by.cut.hour, minutes=by.cut.minute) if by.cut else timedelta()
    return by.cut is None or (run[0] - since).date() == (moment - since).date()


def check(table: Table) -> None:
    moments = [moment for moment, _ in table.timeline]
    sessions = table.standing(None)
    found = [(each.start, each.end, each.captures_count) for each in sessions]
    assert found == brute_force(moments, rule_of(table.settings))
    assert all(one.end < two.start for one, two in pairwise(sessions))
    assert sum(captures_count for *_, captures_count in found) == len(moments)
    for each in sessions:
        own = [name for moment, name in table.timeline if each.start <= moment <= each.end]
        assert len(own) == each.captures_count
        assert each.first_capture_id == own[0]
        assert each.example_capture_id in own[(len(own) - 1) // 2 :]
    undated = Counter(_segment(name) for name, moment in table.captures.items() if moment is None)
    assert +table.segments == undated
    assert table.counts == Counts(
        captures_count=len(table.captures),
        sessions_count=len(sessions),
        undated_count=undated.total(),
        first_timestamp=moments[0] if moments else None,
        last_timestamp=moments[-1] if moments else None,
    )


def check_ids(before: list[Session], table: Table) -> None:
    """Ids went to where most captures are: no session and interval share more than those that got each other,
    or as many and begin earlier."""
    after = table.standing(None)
    moments = [moment for moment, _ in table.timeline]
    shared = {
        (old, new): sum(max(old.start, new.start) <= moment <= min(old.end, new.end) for moment in moments)
        for old in before
        for new in after
        if old.start <= new.end and new.start <= old.end
    }
    ranks = {(old, new): (-number, old.start, new.start) for (old, new), number in shared.items() if number}
    kept = {pair: rank for pair, rank in ranks.items() if pair[0].id == pair[1].id}
    known = {old.id for old in before}
    assert {new.id for _, new in kept} == {new.id for new in after if new.id in known}
    for (old, new), rank in ranks.items():
        rivals = [other for (one, two), other in kept.items() if one is old or two is new]
        assert rivals
        assert min(rivals) <= rank
    unchanged = {(old.start, old.end, old.captures_count): old.id for old in before}
    for new in after:
        if all(shared.get((old, new), 0) in (0, old.captures_count) for old in before):
            assert unchanged.get((new.start, new.end, new.captures_count), new.id) == new.id


MINUTES = st.integers(0, 2 * 24 * 6).map(lambda tens: START + 10 * tens * MINUTE)
PAUSES = st.sampled_from([0, 10, 30, 60, 119, 120, 150])
BURSTS = st.integers(1, 12)
WHICH = st.sampled_from([0, 0, 0, 1])
TOLD = st.booleans()
PICKS = st.integers(0, 1000)
CHANGES = st.tuples(MINUTES | st.sampled_from([0.0, 0.0, 0.4, 0.8]), st.integers(0, 3))
SETTINGS = st.builds(
    RuleSettings,
    st.sampled_from([None, 1800, 3600, 7200, 3 * 3600, 86_400]),
    st.sampled_from([None, 0, 3600, 6 * 3600]),
    st.sampled_from([None, "off", "00:00", "06:30", "12:00"]),
)
BUDGETS = st.sampled_from([1, 2, 3, 8, WHOLE, WHOLE, WHOLE])
ROWS = st.sampled_from([1, 2, 3, WHOLE])


class Sessions(RuleBasedStateMachine):
    """Captures come, go and are dated anew; rules change; events come late, twice, in any order; settlers are
    at it side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = [Table("d0"), Table("d1")]
        self.coming: list[Event] = []
        self.past: list[Event] = []
        self.settlers: list[Steps] = []
        self.names = count()

    @initialize(frames=st.sampled_from([0, 12, 24, 24]), wanted=SETTINGS)
    def a_camera_that_never_pauses(self, frames: int, wanted: RuleSettings) -> None:
        """One capture more before it moves every cut."""
        self._happen(self.tables[0].rule_by(replace(wanted, cap_seconds=3600)))
        self._burst(self.tables[0], START + timedelta(hours=6), 20, frames)
        self._rest(WHOLE, WHOLE)

    # Facts change.

    def _happen(self, *events: Event) -> None:
        self.coming += events

    def _tell(self, told: bool) -> None:
        """Whether the stream is quick this time."""
        if told:
            self._deliver(self.coming)

    def _burst(self, table: Table, start: datetime | None, pause: int, frames: int) -> None:
        for frame in range(frames):
            number = next(self.names)
            name = f"{table.id}-{'ab'[number % 2]}a{number:04}"
            self._happen(table.put(name, start + frame * pause * MINUTE if start else None))

    def _pick(self, table: Table, pick: int) -> str | None:
        names = list(table.captures)
        return names[pick % len(names)] if names else None

    @rule(which=WHICH, start=MINUTES, pause=PAUSES, frames=BURSTS, told=TOLD)
    def add(self, which: int, start: datetime, pause: int, frames: int, told: bool) -> None:
        self._burst(self.tables[which], start, pause, frames)
        self._tell(told)

    @rule(which=WHICH, frames=st.integers(1, 3))
    def add_undated(self, which: int, frames: int) -> None:
        self._burst(self.tables[which], None, 0, frames)

    @rule(which=WHICH, picks=st.lists(PICKS, min_size=1, max_size=5), told=TOLD)
    def remove(self, which: int, picks: list[int], told: bool) -> None:
        for pick in picks:
            if name := self._pick(self.tables[which], pick):
                self._happen(self.tables[which].remove(name))
        self._tell(told)

    @rule(which=WHICH, pick=PICKS, to=st.none() | MINUTES)
    def date_anew(self, which: int, pick: int, to: datetime | None) -> None:
        if name := self._pick(self.tables[which], pick):
            self._happen(self.tables[which].put(name, to))

    @rule(which=WHICH, wanted=SETTINGS, told=TOLD)
    def change_the_rule(self, which: int, wanted: RuleSettings, told: bool) -> None:
        self._happen(self.tables[which].rule_by(wanted))
        self._tell(told)

    # What happens while a settler reads.

    @rule(which=WHICH, start=MINUTES, pick=PICKS, told=TOLD)
    def meanwhile_some_come_and_one_goes(self, which: int, start: datetime, pick: int, told: bool) -> None:
        table = self.tables[which]

        def change() -> None:
            if name := self._pick(table, pick):
                self._happen(table.remove(name))
            self._burst(table, start, 10, 2)
            self._tell(told)

        table.meanwhile.append(change)

    @rule(which=WHICH, budget=BUDGETS, rows=ROWS)
    def meanwhile_another_takes_over(self, which: int, budget: int, rows: int) -> None:
        table = self.tables[which]

        def overtake() -> None:
            table.expired = True
            self._deliver(self.coming)
            run(Settler(table, budget, rows, job=True).steps())

        table.meanwhile.append(overtake)

    # Events.

    def _deliver(self, events: list[Event]) -> None:
        for (owner, part), hours in touched(events).parts.items():
            self.tables[int(owner.id[1])].mark(part, hours)
        self.past += events
        self.coming = [event for event in self.coming if event not in events]

    @rule(share=st.integers(1, 4), backwards=st.booleans())
    def deliver(self, share: int, backwards: bool) -> None:
        events = self.coming[::-1] if backwards else list(self.coming)
        self._deliver(events[::share])

    @rule(pick=PICKS)
    def deliver_again(self, pick: int) -> None:
        self._deliver(self.past[pick % 7 :: 3])

    # Settlers.

    @rule(which=WHICH, budget=BUDGETS, rows=ROWS, job=st.booleans(), steps=st.integers(1, 12))
    def begin(self, which: int, budget: int, rows: int, job: bool, steps: int) -> None:
        self.settlers.append(Settler(self.tables[which], budget, rows, job).steps())
        self._advance(-1, steps)

    @rule(pick=PICKS, steps=st.integers(1, 12))
    def go_on(self, pick: int, steps: int) -> None:
        if self.settlers:
            self._advance(pick % len(self.settlers), steps)

    def _advance(self, at: int, steps: int) -> None:
        settler = self.settlers[at]
        if any(next(settler, "over") == "over" for _ in range(steps)):
            self.settlers.remove(settler)

    @rule(
        which=WHICH,
        settler=st.tuples(BUDGETS, ROWS, st.booleans()),
        steps=st.integers(2, 6),
        first=CHANGES,
        then=CHANGES,
        wanted=st.none() | SETTINGS,
        overtaken=st.booleans(),
        at_last=st.sampled_from(["ends", "dies", "dies", "sleeps"]),
    )
    def change_beside_a_settler(
        self,
        which: int,
        settler: tuple[int, int, bool],
        steps: int,
        first: tuple[datetime | float, int],
        then: tuple[datetime | float, int],
        wanted: RuleSettings | None,
        overtaken: bool,
        at_last: str,
    ) -> None:
        """Some is told before a settler begins, more when it is half-way; another may take its lease over;
        it may die."""
        table = self.tables[which]
        self._change(table, *first)
        self._deliver(self.coming)
        begun = Settler(table, *settler).steps()
        for _ in range(steps):
            next(begun, None)
        self._change(table, *then)
        if wanted:
            self._happen(table.rule_by(wanted))
        self._deliver(self.coming)
        if overtaken:
            table.expired = True
            run(Settler(table, 3, 2, job=True).steps())
        if at_last == "ends":
            run(begun)
        elif at_last == "dies":
            begun.close()
        else:
            self.settlers.append(begun)

    def _change(self, table: Table, at: datetime | float, frames: int) -> None:
        """A few more captures: at some moment, or beside the one so far along the timeline."""
        known = [moment for moment, _ in table.timeline]
        if isinstance(at, float):
            at = known[int(at * len(known))] - 10 * MINUTE if known else START
        self._burst(table, at, 10, frames)

    @rule(pick=PICKS)
    def die(self, pick: int) -> None:
        if self.settlers:
            self.settlers.pop(pick % len(self.settlers)).close()

    @rule(which=WHICH)
    def let_the_lease_expire(self, which: int) -> None:
        self.tables[which].expired = True

    # At rest.

    @rule(budget=BUDGETS, rows=ROWS)
    def rest(self, budget: int, rows: int) -> None:
        self._rest(budget, rows)

    def _rest(self, budget: int, rows: int) -> None:
        for table in self.tables:
            while table.meanwhile:
                table.meanwhile.pop(0)()
        self._deliver(self.coming)
        for table in self.tables:
            for _ in range(1000):
                if not table.marks:
                    break
                table.expired = True
                run(Settler(table, budget, rows, job=True).steps())
            assert not table.marks
            check(table)

    @rule(which=WHICH, start=MINUTES, pause=PAUSES, frames=BURSTS)
    def ids_stay_when_captures_come(self, which: int, start: datetime, pause: int, frames: int) -> None:
        self._one_change(which, lambda table: self._burst(table, start, pause, frames))

    @rule(which=WHICH, pick=PICKS)
    def ids_stay_when_a_capture_goes(self, which: int, pick: int) -> None:
        def change(table: Table) -> None:
            if name := self._pick(table, pick):
                self._happen(table.remove(name))

        self._one_change(which, change)

    @rule(which=WHICH, pick=PICKS, to=MINUTES)
    def ids_stay_when_a_capture_is_dated_anew(self, which: int, pick: int, to: datetime) -> None:
        def change(table: Table) -> None:
            if name := self._pick(table, pick):
                self._happen(table.put(name, to))

        self._one_change(which, change)

    @rule(which=WHICH, wanted=SETTINGS)
    def ids_stay_when_the_rule_changes(self, which: int, wanted: RuleSettings) -> None:
        self._one_change(which, lambda table: self._happen(table.rule_by(wanted)))

    def _one_change(self, which: int, change: Callable[[Table], None]) -> None:
        self._rest(WHOLE, WHOLE)
        table = self.tables[which]
        before = table.standing(None)
        change(table)
        self._rest(WHOLE, WHOLE)
        check_ids(before, table)

    @invariant()
    def counts_are_the_sum_of_the_sessions(self) -> None:
        for table in self.tables:
            sessions = table.sessions.values()
            assert table.counts.sessions_count == len(sessions)
            assert table.counts.captures_count == captures_in(sessions) + table.segments.total()

    def teardown(self) -> None:
        for settler in self.settlers:
            run(settler)
        self._rest(3, 2)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=int(os.environ.get("NIGHTJAR_EXAMPLES", "2000")),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
