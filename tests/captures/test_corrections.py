"""Correcting a capture's time, and taking it back: plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.captures.corrections import corrected, dated, shifted, unshifted
from chalicelib.captures.rules import Capture, Facts
from chalicelib.errors import Invalid

EVENING = datetime(2026, 6, 9, 21, 30)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
FACTS = Facts(key="k", filename="k", version="v1", size=1, last_modified=NOW, state="ready")


def a_capture(timestamp: datetime | None, millisecond: int = 0) -> Capture:
    return Capture("daaaaaaaaaa-x", "p", timestamp, millisecond, FACTS)


def test_a_date_by_hand_outranks_and_is_taken_back() -> None:
    capture = a_capture(EVENING, 250)
    by_hand = dated(capture, datetime(2025, 1, 2, 3, 4, 5, 678000))
    assert (by_hand.timestamp, by_hand.millisecond) == (datetime(2025, 1, 2, 3, 4, 5), 678)
    assert dated(by_hand, None) == capture
    assert dated(dated(by_hand, EVENING), None) == capture


def test_an_undated_one_is_dated_and_undated_again() -> None:
    capture = a_capture(None)
    by_hand = dated(capture, EVENING)
    assert by_hand.timestamp == EVENING
    assert dated(by_hand, None) == capture


def test_a_shift_is_made_once_by_each_job() -> None:
    once = shifted(a_capture(EVENING, 250), "j1", 3600)
    assert (once.timestamp, once.millisecond) == (EVENING + timedelta(hours=1), 250)
    assert shifted(once, "j1", 3600) is once
    assert shifted(once, "j2", -60).timestamp == EVENING + timedelta(minutes=59)


def test_what_has_no_clock_is_not_shifted() -> None:
    undated, by_hand = a_capture(None), dated(a_capture(EVENING), EVENING)
    assert shifted(undated, "j1", 60) is undated
    assert shifted(by_hand, "j1", 60) is by_hand


def test_a_shift_to_no_possible_time_is_refused() -> None:
    for seconds in (-40 * 366 * 86400, 10**12, -(10**12)):
        with pytest.raises(Invalid):
            shifted(a_capture(EVENING), "j1", seconds)


def test_a_date_by_hand_hides_shifts_until_it_is_taken_back() -> None:
    once = shifted(a_capture(EVENING), "j1", 60)
    by_hand = dated(once, datetime(2025, 1, 1))
    assert dated(by_hand, None) == once
    assert dated(unshifted(by_hand, "j1"), None) == a_capture(EVENING)


def test_a_new_reading_keeps_what_people_said() -> None:
    before = shifted(a_capture(EVENING), "j1", 60)
    again = corrected(a_capture(EVENING + timedelta(days=1)), before.corrections)
    assert again.timestamp == EVENING + timedelta(days=1, minutes=1)
    assert unshifted(again, "j1") == a_capture(EVENING + timedelta(days=1))
    by_hand = dated(before, datetime(2025, 1, 1))
    assert corrected(a_capture(None), by_hand.corrections).timestamp == datetime(2025, 1, 1)
    plain = a_capture(EVENING)
    assert corrected(plain, plain.corrections) is plain


def test_a_new_reading_without_a_time_drops_what_a_shift_has_nothing_to_work_on() -> None:
    before = shifted(a_capture(EVENING), "j1", 60)
    assert corrected(a_capture(None), before.corrections).timestamp is None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("hand"), st.none() | st.datetimes(datetime(1995, 1, 1), datetime(2026, 1, 1))),
        st.tuples(st.just("shift"), st.integers(0, 3)),
        st.tuples(st.just("back"), st.integers(0, 3)),
    ),
    max_size=12,
)


@given(steps=steps, is_dated=st.booleans())
def test_however_it_was_corrected_taking_all_back_restores_what_was_read(steps: list, is_dated: bool) -> None:
    capture = read = a_capture(EVENING if is_dated else None, 7 if is_dated else 0)
    for what, value in steps:
        if what == "hand":
            moment = value.replace(microsecond=value.microsecond // 1000 * 1000) if value else None
            capture = dated(capture, moment)
        elif what == "shift":
            capture = shifted(capture, f"j{value}", (value - 1) * 1000)
        else:
            capture = unshifted(capture, f"j{value}")
    expected = capture.corrections.manual or (
        EVENING.replace(microsecond=7000) + timedelta(seconds=sum(capture.corrections.shifts.values()))
        if is_dated
        else None
    )
    assert capture.moment == expected
    capture = dated(capture, None)
    for job in range(4):
        capture = unshifted(capture, f"j{job}")
    assert capture == read
    assert replace(capture, corrections=read.corrections) == read
