"""Recounting by hand: sessions by brute force are those of the settler; what differs is told once."""

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auditing import rules
from chalicelib.auditing.grouping import Run, recounted, runs, second
from chalicelib.auditing.rules import Drift, Sums
from chalicelib.counts import Counts
from chalicelib.sessions.grouping import Session, group
from chalicelib.sessions.rules import Rule

NOON = datetime(2026, 6, 9, 12)
MOMENTS = st.lists(
    st.builds(
        lambda minutes, seconds: NOON + timedelta(minutes=minutes, seconds=seconds),
        st.integers(-3000, 3000),
        st.sampled_from([0, 0, 0, 1, 59]),
    ),
    max_size=60,
)
RULES = st.builds(
    Rule,
    gap=st.sampled_from([1, 60, 3600, 7200, 90_000]).map(lambda each: timedelta(seconds=each)),
    cap=st.none() | st.sampled_from([1, 3600, 86_400]).map(lambda each: timedelta(seconds=each)),
    cut=st.none() | st.sampled_from([time(0), time(12), time(0, 1), time(23, 59, 59, 500_000)]) | st.times(),
)


@given(MOMENTS, RULES)
def test_sessions_by_brute_force_are_those_of_the_settler(moments: list[datetime], rule: Rule) -> None:
    settled = group(((each, "c") for each in sorted(moments)), rule)
    found = runs(map(second, moments), rule)
    assert found == [Run(each.start, each.end, each.captures_count) for each in settled]


def test_places_in_any_order_come_to_counts() -> None:
    places = [
        "CAPTURE#2026-06-09T23:30:00.250#d1-x",
        "UNDATED#d1-abcd",
        "HIDDEN#2026-06-09T20:00:00.000#d1-y",
        "HIDDEN#UNDATED#d1-z",
        "CAPTURE#2026-06-09T21:30:00.000#d1-w",
        "UNDATED#d1-abzz",
    ]
    found = recounted(places, Rule())
    assert found.undated == {"ab": 2}
    assert found.counts == Counts(4, 2, 2, datetime(2026, 6, 9, 21, 30), datetime(2026, 6, 9, 23, 30))


def a_session(name: str, start: int, end: int, count: int) -> Session:
    hours = timedelta(hours=1)
    return Session(name, NOON + start * hours, NOON + end * hours, count, "first", "example")


def test_sessions_are_told_apart_by_their_ends() -> None:
    true = [Run(NOON + timedelta(hours=at), NOON + timedelta(hours=at + 1), 5) for at in (0, 5, 10, 15)]
    stored = [
        a_session("same", 0, 1, 5),
        a_session("counted", 5, 6, 999),
        a_session("moved", 9, 11, 5),
        a_session("surplus", 0, 3, 2),
    ]
    told = [each.told for each in rules.sessions("d1", stored, true)]
    assert told == [
        "session counted: captures_count is 999, true is 5",
        "session moved: start is 2026-06-09T21:00:00, true is 2026-06-09T22:00:00",
        "session surplus: session is 2026-06-09T12:00:00 to 2026-06-09T15:00:00 (2), true is none",
        "deployment d1: session is none, true is 2026-06-10T03:00:00 to 2026-06-10T04:00:00 (5)",
    ]


def test_what_one_side_lacks_is_nothing() -> None:
    assert rules.compare("set c1", {"segment a": 0, "segment b": 2}, {"segment c": 1}, 0) == [
        Drift("set c1", "segment b", 2, 0),
        Drift("set c1", "segment c", 0, 1),
    ]


def test_sums_are_the_same_after_a_step() -> None:
    first = Counts(3, 1, 1, NOON, NOON + timedelta(hours=1), {"processed": 2, "bytes": 5})
    one = (
        Sums().plus(first, 4, {"moth": 3, "bee": -1}).plus(Counts(1, 0, 1, found={"bytes": 2}), 2, {"bee": 1})
    )
    assert one.counts == Counts(4, 1, 2, NOON, NOON + timedelta(hours=1), {"processed": 2, "bytes": 7})
    assert one.taxa_off == {"moth": 3}
    assert Sums.of(one.plain()) == one
    assert (one.deployments_count, one.writings) == (2, 6)


def test_too_many_wrong_taxa_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_OFF", 1)
    found = Sums().plus(Counts(), 1, {"moth": 1, "bee": 1})
    assert (found.is_complete, found.taxa_off) == (False, {})
