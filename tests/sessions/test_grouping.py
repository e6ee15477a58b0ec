"""The rule of sessions, on plain values."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.sessions.grouping import Interval, Session, beginning, group, plan, sweep
from chalicelib.sessions.rules import Rule, RuleSettings, rule_of, unusable

START = datetime(2023, 4, 24, 3, 22, 38)
HOUR = timedelta(hours=1)


def taken(timestamps: list[datetime]) -> list[tuple[datetime, str]]:
    return [(timestamp, f"c{number}") for number, timestamp in enumerate(timestamps)]


def every(minutes: int, frames: int, start: datetime = START) -> list[datetime]:
    return [start + timedelta(minutes=minutes * number) for number in range(frames)]


def counts(timestamps: list[datetime], rule: Rule | None = None) -> list[int]:
    return [interval.captures_count for interval in group(taken(timestamps), rule or Rule())]


def test_no_captures_make_no_sessions() -> None:
    assert group([], Rule()) == []


def test_a_pause_of_exactly_the_gap_splits_and_a_second_less_does_not() -> None:
    assert counts([START, START + 2 * HOUR]) == [1, 1]
    assert counts([START, START + 2 * HOUR - timedelta(seconds=1)]) == [2]


@pytest.mark.parametrize(
    ("minutes", "frames", "expected"),
    [(10, 432, [145, 145, 142]), (5, 864, [289, 289, 286]), (60, 26, [25, 1])],
)
def test_a_camera_that_never_pauses_is_cut_at_the_cap(minutes: int, frames: int, expected: list[int]) -> None:
    assert counts(every(minutes, frames)) == expected


def test_a_session_of_exactly_the_cap_stays_whole() -> None:
    assert counts(every(60, 25)) == [25]


def test_without_a_cap_nothing_but_a_pause_splits() -> None:
    assert counts(every(10, 432), Rule(cap=None)) == [432]


def test_two_bursts_of_one_date_are_two_sessions_if_the_pause_is_long_enough() -> None:
    bursts = every(5, 6, datetime(2023, 8, 5, 20)) + every(5, 6, datetime(2023, 8, 5, 22))
    assert counts(bursts, Rule(gap=HOUR)) == [6, 6]


def test_a_pause_across_midnight_is_a_pause_like_any_other() -> None:
    bursts = every(5, 6, datetime(2023, 8, 5, 22)) + every(5, 6, datetime(2023, 8, 6, 1))
    assert counts(bursts, Rule(gap=2 * HOUR)) == [6, 6]
    assert counts(bursts, Rule(gap=4 * HOUR)) == [12]


def test_equal_timestamps_all_count() -> None:
    assert counts([START, START, START + 3 * HOUR]) == [2, 1]


@pytest.mark.parametrize(
    ("gaps", "hours"),
    [
        ((None, None), 2),
        ((3600, None), 1),
        ((None, 4 * 3600), 4),
        ((3600, 4 * 3600), 1),
        ((0, 3600), 1),
        ((-5, None), 2),
        ((10**12, None), 2),
    ],
)
def test_the_nearest_usable_gap_counts(gaps: tuple[int | None, ...], hours: int) -> None:
    settings = [RuleSettings(gap_seconds=gap) for gap in gaps]
    assert rule_of(*settings) == Rule(gap=hours * HOUR)
    assert len(list(unusable(*settings))) == sum(gap in (0, -5, 10**12) for gap in gaps)


@pytest.mark.parametrize(
    ("caps", "hours"),
    [((None, None), 24), ((0, 3600), None), ((None, 0), None), ((-1, 7200), 2), ((3600, 0), 1)],
)
def test_a_cap_of_zero_is_none(caps: tuple[int | None, ...], hours: int | None) -> None:
    cap = None if hours is None else hours * HOUR
    assert rule_of(*(RuleSettings(cap_seconds=each) for each in caps)) == Rule(cap=cap)


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        ((None, None), None),
        (("12:00", None), time(12)),
        (("off", "12:00"), None),
        ((None, "06:30"), time(6, 30)),
        (("25:00", "06:30"), time(6, 30)),
        (("noon", None), None),
        (("12:00+02:00", None), None),
    ],
)
def test_the_nearest_usable_cut_counts(cuts: tuple[str | None, ...], expected: time | None) -> None:
    settings = [RuleSettings(cut_time=each) for each in cuts]
    assert rule_of(*settings).cut == expected
    assert len(list(unusable(*settings))) == sum(cut in ("25:00", "noon", "12:00+02:00") for cut in cuts)


NOON = time(12)


def test_a_cut_at_noon_gives_a_camera_that_never_pauses_its_nights() -> None:
    start = datetime(2026, 6, 9, 18)
    intervals = group(taken(every(10, 3 * 144, start)), Rule(cut=NOON))
    assert [(each.start, each.end) for each in intervals] == [
        (start, datetime(2026, 6, 10, 11, 50)),
        (datetime(2026, 6, 10, 12), datetime(2026, 6, 11, 11, 50)),
        (datetime(2026, 6, 11, 12), datetime(2026, 6, 12, 11, 50)),
        (datetime(2026, 6, 12, 12), datetime(2026, 6, 12, 17, 50)),
    ]


def test_a_session_that_begins_at_the_cut_lasts_until_the_next() -> None:
    at_noon = datetime(2026, 6, 9, 12)
    rule = Rule(gap=30 * HOUR, cap=None, cut=NOON)
    assert counts([at_noon, at_noon + 24 * HOUR - timedelta(seconds=1)], rule) == [2]
    assert counts([at_noon, at_noon + 24 * HOUR], rule) == [1, 1]
    assert counts([at_noon - timedelta(seconds=1), at_noon, at_noon], rule) == [1, 2]


def test_moments_that_several_captures_have_are_counted_once_each() -> None:
    moments = [START, START, START, START + HOUR, START + 5 * HOUR, START + 5 * HOUR]
    assert sweep(taken(moments), (), Rule(), datetime.max).duplicate_timestamps == 2


# The whole of a timeline, as a brute force that shares no code with the sweep.

moments = st.lists(st.integers(0, 60 * 72), max_size=60).map(
    lambda minutes: [START + timedelta(minutes=minute) for minute in sorted(minutes)]
)
rules = st.builds(
    Rule,
    gap=st.integers(1, 300).map(lambda minutes: timedelta(minutes=minutes)),
    cap=st.none() | st.integers(60, 1500).map(lambda minutes: timedelta(minutes=minutes)),
    cut=st.none() | st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60)),
)


def day_of(timestamp: datetime, cut: time) -> date:
    """The day a moment belongs to, when days begin at `cut`."""
    return (timestamp - timedelta(hours=cut.hour, minutes=cut.minute)).date()


def brute_force(timestamps: list[datetime], rule: Rule) -> list[tuple[datetime, datetime, int]]:
    runs: list[list[datetime]] = []
    for timestamp in timestamps:
        fits = (
            runs
            and timestamp - runs[-1][-1] < rule.gap
            and (rule.cap is None or timestamp - runs[-1][0] <= rule.cap)
            and not (rule.cut and day_of(timestamp, rule.cut) != day_of(runs[-1][0], rule.cut))
        )
        if fits:
            runs[-1].append(timestamp)
        else:
            runs.append([timestamp])
    return [(run[0], run[-1], len(run)) for run in runs]


def shown(intervals: list[Interval] | list[Session]) -> list[tuple[datetime, datetime, int]]:
    return [(each.start, each.end, each.captures_count) for each in intervals]


@given(moments, rules)
def test_every_capture_is_in_exactly_one_session(timestamps: list[datetime], rule: Rule) -> None:
    intervals = group(taken(timestamps), rule)
    assert shown(intervals) == brute_force(timestamps, rule)
    assert sum(interval.captures_count for interval in intervals) == len(timestamps)
    assert all(one.end < two.start for one, two in pairwise(intervals))


def sessions_of(timestamps: list[datetime], rule: Rule, prefix: str) -> list[Session]:
    return [
        Session(f"{prefix}{number}", one.start, one.end, one.captures_count, "c", "c")
        for number, one in enumerate(group(taken(timestamps), rule))
    ]


@given(moments, moments, moments, rules)
def test_settling_what_changed_equals_grouping_it_all_anew(
    kept: list[datetime], removed: list[datetime], added: list[datetime], rule: Rule
) -> None:
    before = sessions_of(sorted(kept + removed), rule, "old")
    now = sorted(kept + added)
    touched = sorted(removed + added)
    if not touched:
        return
    earlier = [session for session in before if session.start <= touched[0]]
    begin = beginning(earlier[-1] if earlier else None, touched[0], rule)
    window = sweep(
        [(moment, "c") for moment in now if moment >= begin],
        [session for session in before if session.start >= begin],
        rule,
        touched[-1],
    )
    names = iter(range(10_000))
    changes = plan(window, lambda: f"new{next(names)}")
    standing = {session.id: session for session in before}
    for session in changes.delete:
        del standing[session.id]
    standing |= {session.id: session for session in changes.put}
    result = sorted(standing.values(), key=lambda session: session.start)
    assert shown(result) == brute_force(now, rule)


@given(moments, rules, rules, st.integers(1, 10))
def test_settling_in_budgeted_steps_equals_settling_at_once(
    timestamps: list[datetime], old_rule: Rule, rule: Rule, budget: int
) -> None:
    standing = {session.id: session for session in sessions_of(timestamps, old_rule, "old")}
    names = iter(range(10_000))
    start: datetime | None = None
    for _ in range(len(timestamps) + 2):
        ordered = sorted(standing.values(), key=lambda session: session.start)
        earlier = [session for session in ordered if start and session.start <= start]
        begin = beginning(earlier[-1] if earlier else None, start, rule) if start else datetime.min
        window = sweep(
            [(moment, "c") for moment in timestamps if moment >= begin],
            [session for session in ordered if session.start >= begin],
            rule,
            datetime.max,
            budget,
        )
        changes = plan(window, lambda: f"new{next(names)}")
        for session in changes.delete:
            del standing[session.id]
        standing |= {session.id: session for session in changes.put}
        start = window.resume
        if start is None:
            break
    result = sorted(standing.values(), key=lambda session: session.start)
    assert shown(result) == brute_force(timestamps, rule)


def test_the_session_that_shares_most_captures_gives_its_id_and_the_rest_are_deleted() -> None:
    small = every(10, 3)
    large = every(10, 6, START + 3 * HOUR)
    bridge = [START + 90 * timedelta(minutes=1)]
    before = sessions_of(small + large, Rule(), "s")
    window = sweep(taken(sorted(small + bridge + large)), before, Rule(), bridge[0])
    changes = plan(window, lambda: "new")
    assert [session.id for session in changes.put] == ["s1"]
    assert [session.id for session in changes.delete] == ["s0"]


def test_of_two_equal_sessions_the_earlier_gives_its_id() -> None:
    one, two = every(10, 4), every(10, 4, START + 3 * HOUR)
    bridge = [START + 90 * timedelta(minutes=1)]
    before = sessions_of(one + two, Rule(), "s")
    changes = plan(sweep(taken(sorted(one + bridge + two)), before, Rule(), bridge[0]), lambda: "new")
    assert [session.id for session in changes.put] == ["s0"]


def test_a_session_that_falls_apart_leaves_its_id_to_the_larger_part() -> None:
    timestamps = every(30, 10)
    before = sessions_of(timestamps, Rule(), "s")
    left = timestamps[:3] + timestamps[8:]
    window = sweep(taken(left), before, Rule(), timestamps[7])
    changes = plan(window, lambda: "new")
    assert [(session.id, session.captures_count) for session in changes.put] == [("s0", 3), ("new", 2)]
    assert changes.delete == []


def test_a_sweep_stops_where_a_session_begins_as_before() -> None:
    nights = [every(10, 10, START + timedelta(days=day)) for day in range(5)]
    before = sessions_of([moment for night in nights for moment in night], Rule(), "s")
    read = []

    def reading():  # type: ignore[no-untyped-def]
        for night in nights:
            for moment in night:
                read.append(moment)
                yield moment, "c"

    window = sweep(reading(), before, Rule(), nights[0][-1])
    assert not window.ended
    assert read == [*nights[0], nights[1][0]]
