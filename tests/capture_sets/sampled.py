"""Frames to sample, ways to do it, and what to expect: brute force over lists, which shares no code with the
samplers but the ranks."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from hypothesis import strategies as st

from chalicelib.capture_sets.lowest import ranks
from chalicelib.capture_sets.sampling import Frame, sampler_of

DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
START = datetime(2026, 6, 9, 22)
MINUTE = timedelta(minutes=1)


def word(number: int, length: int) -> str:
    """A number in the letters of ids, so that words sort as their numbers do."""
    return (word(number // 32, length - 1) if length > 1 else "") + DIGITS[number % 32]


def station(number: int) -> str:
    return f"d{word(number, 10)}"


def night(number: int, deployment: int = 0) -> str:
    return f"{station(deployment)}-s{word(number, 10)}"


def frame(
    number: int,
    session: int | None = 0,
    *,
    deployment: int = 0,
    at: datetime | None = START,
    millisecond: int = 0,
    size: int = 1000,
    detected: bool = False,
) -> Frame:
    return Frame(
        capture_id=f"{station(deployment)}-{word(number, 16)}",
        deployment_id=station(deployment),
        session_id=None if session is None else night(session, deployment),
        timestamp=at,
        millisecond=millisecond,
        size=size,
        has_detections=detected,
    )


def nights(count: int, each: int, deployment: int = 0, apart: timedelta = MINUTE) -> list[Frame]:
    """Sessions of one deployment, a day after the other."""
    return [
        frame(
            session * each + place,
            session,
            deployment=deployment,
            at=START + timedelta(days=session) + place * apart,
        )
        for session in range(count)
        for place in range(each)
    ]


TWO_NIGHTS = nights(2, 10)


def ids(frames: Iterable[Frame]) -> list[str]:
    return [each.capture_id for each in frames]


def drawn(method: str, kwargs: Mapping[str, Any], frames: Iterable[Frame]) -> list[str]:
    """The sample, at one go."""
    sampler = sampler_of(method, kwargs)
    found = [each for met in frames for each in sampler.meet(met)]
    return found + sampler.end()


def drawn_with_rests(method: str, kwargs: Mapping[str, Any], frames: Iterable[Frame]) -> list[str]:
    """The sample, put away as text and taken up again around each frame."""
    found, text = [], "null"
    for met in frames:
        sampler = sampler_of(method, kwargs, json.loads(text))
        found += sampler.meet(met)
        text = json.dumps(sampler.state())
    return found + sampler_of(method, kwargs, json.loads(text)).end()


# What to expect.


def by_session(frames: list[Frame]) -> list[list[Frame]]:
    named = [each for each in frames if each.session_id]
    return [list(group) for _, group in groupby(named, key=lambda each: each.session_id)]


def between(value: int, start: int | None, end: int | None, first: int, last: int) -> bool:
    """Walks from start to end, as a hand of a clock does."""
    hand, stop = (first if start is None else start), (last if end is None else end)
    while hand != value:
        if hand == stop:
            return False
        hand = first if hand == last else hand + 1
    return True


def fits(kwargs: Mapping[str, Any], each: Frame) -> bool:
    get = kwargs.get
    if get("deployment_ids") and each.deployment_id not in kwargs["deployment_ids"]:
        return False
    if get("event_ids") and each.session_id not in kwargs["event_ids"]:
        return False
    times = [get(f"{unit}_{end}") for unit in ("date", "month", "hour") for end in ("start", "end")]
    if times == [None] * 6:
        return True
    if each.timestamp is None:
        return False
    day = each.timestamp.strftime("%Y-%m-%d")
    all_hours = get("hour_start") is not None and get("hour_start") == get("hour_end")
    return (
        (get("date_start") or day) <= day <= (get("date_end") or day)
        and between(each.timestamp.month, get("month_start"), get("month_end"), 1, 12)
        and (all_hours or between(each.timestamp.hour, get("hour_start"), get("hour_end"), 0, 23))
    )


def lowest(frames: list[Frame], most: int, seed: int) -> list[Frame]:
    rank = ranks(seed)
    return sorted(frames, key=lambda each: rank(each.capture_id))[:most]


def spaced(frames: list[Frame], minutes: int, excluded: list[str]) -> list[Frame]:
    taken: list[Frame] = []
    for each in frames:
        before = [one for one in taken if one.deployment_id == each.deployment_id]
        if each.moment is None or each.session_id in excluded:
            continue
        if not before or each.moment >= before[-1].moment + timedelta(minutes=minutes):
            taken.append(each)
    return taken


def at(frames: list[Frame], position: int) -> list[Frame]:
    try:
        return [frames[position]]
    except IndexError:
        return []


Expect = Callable[[list[Frame], Mapping[str, Any]], list[Frame]]


def each(of_one: Expect) -> Expect:
    return lambda frames, kwargs: [one for group in by_session(frames) for one in of_one(group, kwargs)]


EXPECTED: Mapping[str, Expect] = {
    "full": lambda frames, _: frames,
    "rule": lambda frames, _: frames,
    "random": lambda frames, kwargs: lowest(frames, kwargs["size"], kwargs["seed"]),
    "interval": lambda frames, kwargs: spaced(
        frames, kwargs["minute_interval"], kwargs.get("exclude_events", [])
    ),
    "random_from_each_event": each(lambda frames, kwargs: lowest(frames, kwargs["num_each"], kwargs["seed"])),
    "last_and_random_from_each_event": each(
        lambda frames, kwargs: lowest(frames[:-1], kwargs["num_each"], kwargs["seed"]) + frames[-1:]
    ),
    "greatest_file_size_from_each_event": each(
        lambda frames, kwargs: sorted(frames, key=lambda one: -one.size)[: kwargs["num_each"]]
    ),
    "detections_only": lambda frames, _: [one for one in frames if one.has_detections],
    "nth": each(lambda frames, kwargs: frames[:: kwargs["n"]]),
    "positional": each(lambda frames, kwargs: at(frames, kwargs["position"])),
}

# Projects and kwargs for Hypothesis: up to three stations with four nights each, some captures in none, some
# undated.

few = st.integers(1, 6)
seeds = st.integers(0, 2**53)


@st.composite
def projects(draw: st.DrawFn) -> list[Frame]:
    frames, numbers = [], iter(range(10_000))
    for deployment in range(draw(st.integers(0, 3))):
        moment = datetime(2026, draw(st.integers(1, 12)), 28, draw(st.integers(0, 23)))
        for session in range(draw(st.integers(0, 4))):
            for minutes in draw(st.lists(st.integers(0, 40), min_size=1, max_size=8)):
                moment += timedelta(minutes=minutes)
                within, millisecond = draw(
                    st.sampled_from([(session, 0), (session, 1), (session, 2), (None, 0)])
                )
                size, detected = draw(st.integers(0, 3)), draw(st.booleans())
                frames.append(
                    frame(
                        next(numbers),
                        within,
                        deployment=deployment,
                        at=moment,
                        millisecond=millisecond,
                        size=size,
                        detected=detected,
                    )
                )
            moment += timedelta(hours=draw(st.integers(3, 50)))
        undated = draw(st.integers(0, 3))
        frames += [frame(next(numbers), None, deployment=deployment, at=None) for _ in range(undated)]
    return sorted(frames, key=lambda one: (one.deployment_id, one.moment or datetime.max, one.capture_id))


_filters: dict[str, st.SearchStrategy[Any]] = {
    "deployment_ids": st.lists(st.integers(0, 3).map(station), max_size=2),
    "event_ids": st.lists(st.builds(night, st.integers(0, 3), st.integers(0, 2)), max_size=6),
    "date_start": st.dates(date(2026, 1, 1), date(2026, 6, 30)).map(date.isoformat),
    "date_end": st.dates(date(2026, 7, 1), date(2026, 12, 31)).map(date.isoformat),
    "month_start": st.integers(1, 12),
    "month_end": st.integers(1, 12),
    "hour_start": st.integers(0, 23),
    "hour_end": st.integers(0, 23),
}
filters = st.one_of(
    st.just({}), *(st.fixed_dictionaries({name: values}) for name, values in _filters.items())
) | st.fixed_dictionaries({}, optional=_filters)

_own: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "full": {},
    "rule": {},
    "random": {"size": st.integers(1, 30), "seed": seeds},
    "stratified_random": {"size": st.integers(1, 30), "seed": seeds},
    "interval": {
        "minute_interval": st.integers(1, 90),
        "exclude_events": st.lists(st.builds(night, st.integers(0, 3), st.integers(0, 2)), max_size=3),
    },
    "random_from_each_event": {"num_each": few, "seed": seeds},
    "last_and_random_from_each_event": {"num_each": few, "seed": seeds},
    "greatest_file_size_from_each_event": {"num_each": few},
    "detections_only": {},
    "nth": {"n": few},
    "positional": {"position": st.integers(-6, 6)},
}


def kwargs_of(method: str) -> st.SearchStrategy[dict[str, Any]]:
    """Kwargs of a method, mostly with few filters or none."""
    return st.builds(lambda own, common: own | common, st.fixed_dictionaries(_own[method]), filters)


DRAWN = tuple(_own)
