"""Each session's share of a stratified sample, which is to be exact, whatever is forgotten on the way."""

from collections import Counter
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled import START, drawn, drawn_with_rests, frame, nights

from chalicelib.capture_sets.frames import Frame
from chalicelib.capture_sets.stratified import Stratified

Stratum = tuple[str, str | None]


def stations(lengths: list[list[int]], loose: int = 0) -> list[Frame]:
    """Deployments with sessions of these lengths, and so many captures of no session between these."""
    frames: list[Frame] = []
    for deployment, sessions in enumerate(lengths):
        for session, length in enumerate(sessions):
            for place in [*range(length), *[None] * loose]:
                of = None if place is None else session
                at = START + timedelta(days=session, minutes=place or 0)
                frames.append(frame(len(frames), of, deployment=deployment, at=at))
    return frames


def strata(frames: list[Frame]) -> Counter[Stratum]:
    return Counter((each.deployment_id, each.session_id) for each in frames)


def shares(frames: list[Frame], size: int, seed: int) -> Counter[Stratum]:
    by_id = {each.capture_id: each for each in frames}
    sample = drawn("stratified_random", {"size": size, "seed": seed}, frames)
    assert len(set(sample)) == len(sample) == min(size, len(frames))
    return strata([by_id[each] for each in sample])


def must_be_proportional(frames: list[Frame], size: int, seed: int) -> None:
    found = shares(frames, size, seed)
    for stratum, count in strata(frames).items():
        share = Fraction(count * min(size, len(frames)), len(frames))
        assert abs(found[stratum] - share) < 1
    for deployment_id, count in Counter(each.deployment_id for each in frames).items():
        of_it = sum(found[stratum] for stratum in found if stratum[0] == deployment_id)
        assert abs(of_it - Fraction(count * min(size, len(frames)), len(frames))) < 3


def test_two_equal_nights_have_half_each() -> None:
    assert sorted(shares(nights(2, 10), 10, 7).values()) == [5, 5]


def test_a_night_of_nine_tenths_has_nine_tenths() -> None:
    assert sorted(shares(stations([[90, 10]]), 20, 7).values()) == [2, 18]


def test_what_is_in_no_session_has_its_share_too() -> None:
    frames = [*nights(1, 30), *(frame(100 + number, None, at=None) for number in range(10))]
    assert sorted(shares(frames, 20, 7).values()) == [5, 15]


@pytest.mark.parametrize("seed", range(20))
def test_a_large_station_does_not_starve_small_ones(seed: int) -> None:
    found = shares(stations([[1000], *[[10]] * 10]), 110, seed)
    assert sorted(found.values()) == [*[1] * 10, 100]


@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6), min_size=1, max_size=4),
    st.integers(0, 2),
    st.integers(1, 60),
    st.integers(0, 2**53),
)
def test_each_session_has_its_share_to_less_than_one(
    lengths: list[list[int]], loose: int, size: int, seed: int
) -> None:
    must_be_proportional(stations(lengths, loose), size, seed)


@given(
    st.lists(st.integers(1, 4) | st.integers(1, 40), min_size=20, max_size=120),
    st.integers(1, 4),
    st.integers(0, 2**53),
)
def test_so_it_has_where_there_are_more_sessions_than_are_wanted(
    lengths: list[int], size: int, seed: int
) -> None:
    must_be_proportional(stations([lengths]), size, seed)


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 4), st.integers(0, 2**53))
@settings(max_examples=40)
def test_when_it_forgets_makes_no_difference(lengths: list[int], size: int, seed: int) -> None:
    frames, kwargs = stations([lengths], loose=1), {"size": size, "seed": seed}
    rested = drawn_with_rests("stratified_random", kwargs, frames)
    assert rested == drawn("stratified_random", kwargs, frames)


@pytest.mark.parametrize("seed", range(20))
def test_nor_does_it_where_a_bin_is_longer_than_a_session_in_it_may_be(seed: int) -> None:
    # After 15 captures 3 and 7 share a bin of 10; after 17, bins may hold sessions of no more than 8.
    frames, kwargs = stations([[4, 3, 7, 3]]), {"size": 1, "seed": seed}
    rested = drawn_with_rests("stratified_random", kwargs, frames)
    assert rested == drawn("stratified_random", kwargs, frames)


def test_what_it_holds_is_bounded_even_if_nobody_puts_it_away() -> None:
    sampler = Stratified(5, 7)
    for number in range(5000):
        sampler.meet(frame(number, number // 3))
        assert len(sampler._strata.bins) <= 9 * 5


def test_over_many_seeds_sessions_that_share_a_bin_are_drawn_as_often_as_they_are_long() -> None:
    lengths = [1, 3, 1, 1, 2, 5, 1, 1, 8, 1, 1, 3, 2, 2, 4, 4, 1, 7, 1, 1]
    frames = stations([lengths])
    found: Counter[Stratum] = Counter()
    for seed in range(1500):
        found += shares(frames, 2, seed)
    for stratum, count in strata(frames).items():
        # Sixty are expected for each capture.
        assert 35 * count < found[stratum] < 85 * count


def test_a_few_captures_more_leave_most_of_the_sample_as_it_was() -> None:
    before = set(drawn("stratified_random", {"size": 50, "seed": 7}, nights(300, 10)))
    more = nights(300, 10)
    more[1000:1000] = [frame(9000 + number, 99, at=more[999].timestamp) for number in range(3)]
    after = set(drawn("stratified_random", {"size": 50, "seed": 7}, more))
    assert len(before & after) >= 40
