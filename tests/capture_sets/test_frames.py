"""The filters that all methods share, at their edges; the brute force in test_sampling.py does the rest."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from sampled import START, filters, fits, frame, night, projects, station

from chalicelib.capture_sets.frames import Frame, passes
from chalicelib.capture_sets.methods import checked

UNDATED = frame(1, None, at=None)


def passed(kwargs: dict[str, Any], *moments: str) -> list[bool]:
    check = passes(kwargs)
    return [check(frame(1, at=datetime.fromisoformat(moment))) for moment in moments]


def test_without_filters_everything_passes() -> None:
    assert passes({})(frame(1))
    assert passes({})(UNDATED)
    assert passes(checked("full", {}))(UNDATED)


def test_only_of_some_stations() -> None:
    check = passes({"deployment_ids": [station(1), station(2)]})
    assert [check(frame(1, deployment=number)) for number in range(4)] == [False, True, True, False]
    assert check(frame(1, None, deployment=1, at=None))


def test_only_of_some_sessions() -> None:
    check = passes({"event_ids": [night(1)]})
    assert [check(frame(1, session)) for session in (0, 1, None)] == [False, True, False]


def test_dates_are_inclusive_to_the_last_second() -> None:
    kwargs = {"date_start": "2026-06-09", "date_end": "2026-06-10"}
    moments = "2026-06-08T23:59:59", "2026-06-09T00:00", "2026-06-10T23:59:59", "2026-06-11T00:00"
    assert passed(kwargs, *moments) == [False, True, True, False]
    assert passed({"date_start": "2026-06-10"}, *moments) == [False, False, True, True]
    assert passed({"date_end": "2026-06-09"}, *moments) == [True, True, False, False]
    assert passed({"date_end": "9999-12-31"}, *moments) == [True] * 4


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (4, 6, [4, 5, 6]),
        (6, 6, [6]),
        (11, 2, [1, 2, 11, 12]),
        (12, 1, [1, 12]),
        (11, None, [11, 12]),
        (None, 2, [1, 2]),
        (1, 12, list(range(1, 13))),
    ],
)
def test_months_are_of_every_year_and_go_over_new_year(
    start: int | None, end: int | None, months: list[int]
) -> None:
    check = passes({"month_start": start, "month_end": end})
    for year in (2025, 2026):
        fit = [month for month in range(1, 13) if check(frame(1, at=datetime(year, month, 28)))]
        assert fit == months


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (9, 15, list(range(9, 16))),
        (22, 4, [0, 1, 2, 3, 4, 22, 23]),
        (23, 0, [0, 23]),
        (7, 7, list(range(24))),
        (0, 0, list(range(24))),
        (23, None, [23]),
        (None, 0, [0]),
        (20, None, [20, 21, 22, 23]),
    ],
)
def test_hours_go_over_midnight_and_the_last_is_whole(
    start: int | None, end: int | None, hours: list[int]
) -> None:
    check = passes({"hour_start": start, "hour_end": end})
    for minute in (0, 59):
        fit = [hour for hour in range(24) if check(frame(1, at=datetime(2026, 6, 9, hour, minute, minute)))]
        assert fit == hours


@pytest.mark.parametrize(
    "kwargs",
    [
        {"date_start": "1990-01-01"},
        {"date_end": "2099-12-31"},
        {"month_start": 1},
        {"month_end": 12},
        {"hour_start": 0},
        {"hour_start": 5, "hour_end": 5},
    ],
)
def test_what_is_undated_fits_no_time_not_even_all_hours(kwargs: dict[str, Any]) -> None:
    assert passes(kwargs)(frame(1, at=START))
    assert not passes(kwargs)(UNDATED)


def test_what_only_a_method_knows_is_no_filter() -> None:
    kwargs = checked("interval", {"exclude_events": [night(0)], "hour_start": 23})
    assert not passes(kwargs)(frame(1, at=START))
    assert passes(kwargs)(frame(1, at=START.replace(hour=23)))


@given(projects(), filters)
def test_filters_are_what_brute_force_finds(frames: list[Frame], kwargs: dict[str, Any]) -> None:
    check = passes(checked("full", kwargs))
    assert [check(each) for each in frames] == [fits(kwargs, each) for each in frames]
