"""What is in the sample, on plain values; then each method beside a brute force over lists."""

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled import (
    DRAWN,
    EXPECTED,
    MINUTE,
    START,
    TWO_NIGHTS,
    drawn,
    drawn_with_rests,
    fits,
    frame,
    ids,
    kwargs_of,
    night,
    nights,
    projects,
    station,
)

from chalicelib.capture_sets.sampling import Frame, passes, sampler_of
from chalicelib.errors import Invalid

SEED = {"seed": 7}
BY_ID = {each.capture_id: each for each in TWO_NIGHTS}


def per_night(sample: list[str]) -> list[int]:
    found = Counter(BY_ID[each].session_id for each in sample)
    return [found[night(0)], found[night(1)]]


def test_all_is_all() -> None:
    assert drawn("full", {}, TWO_NIGHTS) == drawn("rule", {}, TWO_NIGHTS) == ids(TWO_NIGHTS)


def test_ten_at_random_are_ten() -> None:
    sample = drawn("random", {"size": 10} | SEED, TWO_NIGHTS)
    assert len(set(sample)) == 10
    assert set(sample) < set(BY_ID)


def test_two_stations_of_three_are_both_in_a_sample_and_the_third_is_not() -> None:
    frames = [each for number in range(3) for each in nights(2, 10, number)]
    sample = drawn("random", {"deployment_ids": [station(0), station(2)]} | SEED, frames)
    assert sorted(sample) == ids(nights(2, 10, 0) + nights(2, 10, 2))


def test_within_a_night_captures_at_intervals_of_ten_minutes_are_ten_minutes_apart() -> None:
    frames = nights(2, 60)
    times = {each.capture_id: each.timestamp for each in frames}
    sample = [times[each] for each in drawn("interval", {"minute_interval": 10}, frames)]
    steps = [two - one for one, two in pairwise(sample) if two - one < timedelta(hours=12)]
    assert steps == [10 * MINUTE] * 10


def test_an_interval_is_reached_to_the_millisecond() -> None:
    late = frame(2, at=START + 10 * MINUTE, millisecond=499)
    enough = frame(3, at=START + 10 * MINUTE, millisecond=500)
    sample = drawn("interval", {}, [frame(1, millisecond=500), late, enough])
    assert sample == ids([frame(1), enough])


def test_intervals_do_not_begin_anew_with_a_session_but_with_a_station() -> None:
    frames = [frame(1, 0), frame(2, 1, at=START + 5 * MINUTE), frame(3, 0, deployment=1)]
    assert drawn("interval", {}, frames) == ids([frames[0], frames[2]])


def test_nothing_of_an_excluded_session_is_taken() -> None:
    sample = drawn("interval", {"minute_interval": 5, "exclude_events": [night(0)]}, TWO_NIGHTS)
    assert sample == ids([TWO_NIGHTS[10], TWO_NIGHTS[15]])


def test_what_is_in_no_session_does_not_vanish_when_one_is_excluded() -> None:
    frames = [*nights(1, 3), frame(8, None, at=START + timedelta(hours=1)), frame(9, None, at=None)]
    assert drawn("interval", {"exclude_events": [night(0)]}, frames) == ids([frames[3]])
    assert drawn("interval", {"minute_interval": 60}, frames) == ids([frames[0], frames[3]])


def test_the_last_and_two_others_of_two_nights_are_six() -> None:
    sample = drawn("last_and_random_from_each_event", {"num_each": 2} | SEED, TWO_NIGHTS)
    assert per_night(sample) == [3, 3]
    assert {TWO_NIGHTS[9].capture_id, TWO_NIGHTS[19].capture_id} < set(sample)


def test_the_last_is_only_itself_in_a_session_of_one() -> None:
    assert drawn("last_and_random_from_each_event", {"num_each": 5} | SEED, nights(3, 1)) == ids(nights(3, 1))


def test_two_at_random_of_each_of_two_nights_are_four() -> None:
    assert per_night(drawn("random_from_each_event", {"num_each": 2} | SEED, TWO_NIGHTS)) == [2, 2]


def test_the_largest_files_of_each_night_and_the_earlier_of_equal_ones() -> None:
    sizes = [5, 9, 9, 1, 9]
    frames = [frame(place, 0, size=size, at=START + place * MINUTE) for place, size in enumerate(sizes)]
    frames += [frame(9, 1, size=2)]
    sample = drawn("greatest_file_size_from_each_event", {"num_each": 2}, frames)
    assert sample == ids([frames[1], frames[2], frames[5]])


def test_only_what_has_detections() -> None:
    frames = [frame(1), frame(2, detected=True), frame(3, None, at=None, detected=True)]
    assert drawn("detections_only", {}, frames) == ids(frames[1:])


def test_every_nth_is_of_every_session_not_of_the_first_alone() -> None:
    sample = drawn("nth", {"n": 4}, TWO_NIGHTS)
    assert sample == ids(TWO_NIGHTS[place] for place in (0, 4, 8, 10, 14, 18))


@pytest.mark.parametrize("position", range(-12, 12))
def test_a_position_is_the_same_in_every_session(position: int) -> None:
    frames = nights(4, 10)
    there = position if position >= 0 else 10 + position
    expected = [frames[10 * session + there] for session in range(4)] if 0 <= there < 10 else []
    assert drawn("positional", {"position": position}, frames) == ids(expected)


def test_a_negative_position_counts_from_each_end_of_sessions_of_different_length() -> None:
    frames = [
        frame(10 * session + place, session, at=START + timedelta(days=session) + place * MINUTE)
        for session, length in enumerate((3, 1, 5, 2))
        for place in range(length)
    ]
    assert drawn("positional", {"position": -2}, frames) == ids([frames[1], frames[7], frames[9]])


def test_kwargs_that_nobody_knows_are_refused_before_anything_is_drawn() -> None:
    with pytest.raises(Invalid) as told:
        sampler_of("full", {"birthday": "today", "cake": True})
    assert set(told.value.fields) == {"birthday", "cake"}


@pytest.mark.parametrize(("method", "kwargs"), [("manual", {"capture_ids": []}), ("starred", {})])
def test_what_is_picked_by_hand_is_not_drawn(method: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="cannot be sampled"):
        sampler_of(method, kwargs)
    assert passes(kwargs)(frame(1))


@pytest.mark.parametrize("method", [method for method in DRAWN if "random" in method])
def test_nothing_is_drawn_at_random_without_a_seed(method: str) -> None:
    with pytest.raises(Invalid) as told:
        sampler_of(method, {"seed": None})
    assert set(told.value.fields) == {"seed"}


def test_a_capture_that_is_added_takes_one_place_at_the_most() -> None:
    frames = nights(5, 40)
    before = set(drawn("random", {"size": 50} | SEED, frames))
    for number in range(1000, 1100):
        after = set(drawn("random", {"size": 50} | SEED, [*frames, frame(number, 9)]))
        assert len(after - before) <= 1


def test_a_capture_whose_time_is_corrected_meanwhile_is_not_counted_twice() -> None:
    frames = [*TWO_NIGHTS, *TWO_NIGHTS[:5]]
    assert len(set(drawn("random", {"size": 20} | SEED, frames))) == 20


@pytest.mark.parametrize("method", ["random", "stratified_random"])
def test_over_many_seeds_each_capture_is_drawn_as_often_as_any_other(method: str) -> None:
    frames = [
        frame(100 * session + place, session, at=START + timedelta(days=session))
        for session, length in enumerate((1, 7, 2, 2, 20, 1, 1, 6))
        for place in range(length)
    ]
    found = Counter(
        each for seed in range(1500) for each in drawn(method, {"size": 10, "seed": seed}, frames)
    )
    # 375 are expected, with a deviation of 17.
    assert len(found) == 40
    assert all(285 < times < 465 for times in found.values())


@pytest.mark.parametrize("method", DRAWN)
def test_what_is_remembered_does_not_grow_with_the_project(method: str) -> None:
    kwargs = {"size": 5} if method in ("random", "stratified_random") else {}
    kwargs |= SEED if "random" in method else {}
    sampler, longest = sampler_of(method, kwargs), 0
    for number in range(3000):
        sampler.meet(frame(number, number // 3, at=START + number * MINUTE))
        if number % 100 == 0:
            longest = max(longest, len(json.dumps(sampler.state())))
    assert longest < 2500


@pytest.mark.parametrize("method", EXPECTED)
@given(st.data())
def test_each_method_is_what_brute_force_over_lists_finds(method: str, data: st.DataObject) -> None:
    frames, kwargs = data.draw(projects()), data.draw(kwargs_of(method))
    passing = [each for each in frames if fits(kwargs, each)]
    sample = drawn(method, kwargs, frames)
    assert sorted(sample) == sorted(ids(EXPECTED[method](passing, kwargs)))


@pytest.mark.parametrize("method", DRAWN)
@given(st.data())
@settings(max_examples=40)
def test_a_sampler_put_away_around_each_frame_finds_the_same(method: str, data: st.DataObject) -> None:
    frames, kwargs = data.draw(projects()), data.draw(kwargs_of(method))
    assert drawn_with_rests(method, kwargs, frames) == drawn(method, kwargs, frames)


@pytest.mark.parametrize("method", DRAWN)
@given(st.data())
@settings(max_examples=40)
def test_a_sample_has_nothing_twice_and_nothing_that_does_not_pass(method: str, data: st.DataObject) -> None:
    frames, kwargs = data.draw(projects()), data.draw(kwargs_of(method))
    passing = passes(kwargs)
    sampler = sampler_of(method, kwargs)
    sample = [each for met in frames for each in sampler.meet(met)] + sampler.end()
    assert len(set(sample)) == len(sample)
    assert set(sample) <= {each.capture_id for each in frames if passing(each)}
    assert sampler.end() == []


@pytest.mark.parametrize("method", ["random", "stratified_random"])
@given(st.data())
def test_as_many_as_wanted_are_drawn_or_all_there_are(method: str, data: st.DataObject) -> None:
    frames, kwargs = data.draw(projects()), data.draw(kwargs_of(method))
    available = sum(fits(kwargs, each) for each in frames)
    assert len(drawn(method, kwargs, frames)) == min(kwargs["size"], available)


@given(st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3)), max_size=30), st.integers(1, 600))
def test_no_two_captures_at_intervals_are_too_close(moments: list[datetime], minutes: int) -> None:
    frames: list[Frame] = [
        frame(number, at=moment.replace(microsecond=0), millisecond=moment.microsecond // 1000)
        for number, moment in enumerate(sorted(moments))
    ]
    sample = set(drawn("interval", {"minute_interval": minutes}, frames))
    taken = [each.moment for each in frames if each.capture_id in sample]
    assert all(two - one >= minutes * MINUTE for one, two in pairwise(taken) if one and two)
    assert bool(taken) == bool(frames)
