"""The rule of sessions beside what others published: the events of camera-trap data packages, and whole
series of real cameras beside a brute force."""

import csv
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.sessions.grouping import group
from chalicelib.sessions.rules import DEFAULT_CAP, Rule

Run = tuple[datetime, datetime, int]
Series = dict[str, list[datetime]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def grouped(timestamps: Iterable[datetime], rule: Rule) -> list[Run]:
    taken = [(timestamp, f"c{number}") for number, timestamp in enumerate(sorted(timestamps))]
    return [(each.start, each.end, each.captures_count) for each in group(taken, rule)]


# Published events. They are animals that pass, so nothing caps them: the rule is tried without a cap, which
# would only add splits of its own.


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def camtrap_dp(data: Path) -> list[tuple[str, str, datetime]]:
    """Deployment, event and moment of every photograph; events are told of by the observations."""
    folder = data / "camtrapdp" / "tdwg_subset"
    events = {each["mediaID"]: each["eventID"] for each in rows(folder / "observations.csv")}
    return [
        (each["deploymentID"], events[each["mediaID"]], instant(each["timestamp"]))
        for each in rows(folder / "media.csv")
    ]


def agouti(data: Path) -> list[tuple[str, str, datetime]]:
    """Deployment, sequence and moment of every photograph."""
    return [
        (each["deploymentID"], each["sequenceID"], instant(each["timestamp"]))
        for each in rows(data / "timestamps" / "ct_ctdp_media.csv")
    ]


Published = Callable[[Path], list[tuple[str, str, datetime]]]


def reproduced(published: list[tuple[str, str, datetime]], gap: int) -> bool:
    """Whether the rule gives exactly the published events, of every deployment."""
    series: Series = defaultdict(list)
    events: dict[str, Series] = defaultdict(lambda: defaultdict(list))
    for deployment, event, moment in published:
        series[deployment].append(moment)
        events[deployment][event].append(moment)
    rule = Rule(gap=timedelta(seconds=gap), cap=None)
    return all(
        grouped(series[each], rule)
        == sorted((min(moments), max(moments), len(moments)) for moments in events[each].values())
        for each in series
    )


# The longest pause within an event is 33 s, the shortest between two 468 s; in the other, 118 s and 1919 s.
# A pause of exactly the gap splits: so they are reproduced from one second more than the former on.


@pytest.mark.parametrize(
    ("published", "photographs", "events", "gaps"),
    [
        (camtrap_dp, 300, 20, (34, 60, 180, 354, 468)),
        (agouti, 346, 19, (119, 300, 900, 1800, 1918, 1919)),
    ],
)
def test_every_gap_between_the_ends_reproduces_the_published_events(
    data: Path, published: Published, photographs: int, events: int, gaps: tuple[int, ...]
) -> None:
    known = published(data)
    assert (len(known), len({event for _, event, _ in known})) == (photographs, events)
    assert {gap: reproduced(known, gap) for gap in gaps} == dict.fromkeys(gaps, True)


@pytest.mark.parametrize(
    ("published", "gaps"), [(camtrap_dp, (1, 32, 33, 469, 7200)), (agouti, (1, 117, 118, 1920, 7200 * 3))]
)
def test_a_gap_beyond_the_ends_does_not(data: Path, published: Published, gaps: tuple[int, ...]) -> None:
    known = published(data)
    assert {gap: reproduced(known, gap) for gap in gaps} == dict.fromkeys(gaps, False)


# Whole series.


def mothbox(data: Path) -> Series:
    found = rows(data / "timestamps" / "mothbox08_night_2024-03-09.csv")
    return {"": [datetime.fromisoformat(each["exif_DateTimeOriginal"]) for each in found]}


def penessoulou(data: Path) -> Series:
    series: Series = defaultdict(list)
    for each in rows(data / "timestamps" / "penessoulou_benin_a.csv"):
        # Some hours have one digit.
        moment = datetime.strptime(each["datetimes"], "%Y-%m-%d %H:%M:%S")
        series[f"{each['project']} {each['camera']}"].append(moment)
    return series


def algar(data: Path) -> Series:
    series: Series = defaultdict(list)
    for each in rows(data / "timestamps" / "wildcam_algar_a.csv"):
        series[each["deployment_id"]].append(datetime.fromisoformat(each["timestamp"]))
    return series


def brute_force(timestamps: list[datetime], rule: Rule) -> list[Run]:
    """From each start, the nearest of three ends: the next long pause, the cap, the cut."""
    moments = sorted(timestamps)
    pauses = [number for number, (one, two) in enumerate(pairwise(moments), 1) if two - one >= rule.gap]
    starts = [0]
    while starts[-1] < len(moments):
        first = moments[starts[-1]]
        ends = [len(moments), *pauses[bisect_right(pauses, starts[-1]) :][:1]]
        if rule.cap is not None:
            ends.append(bisect_right(moments, first + rule.cap))
        if rule.cut is not None:
            midnight = datetime.combine(first.date(), time())
            cuts = (midnight + timedelta(days=day, hours=rule.cut.hour) for day in (0, 1))
            ends.append(bisect_left(moments, next(each for each in cuts if each > first)))
        starts.append(min(ends))
    return [(moments[begin], moments[end - 1], end - begin) for begin, end in pairwise(starts)]


SERIES = [(mothbox, 127, 1), (penessoulou, 2514, 21), (algar, 5946, 55)]
GAPS = (30, 600, 3600, 7200, 86_400)


@pytest.mark.parametrize(("read", "photographs", "cameras"), SERIES)
@pytest.mark.parametrize("seconds", GAPS)
@pytest.mark.parametrize(
    ("cap", "cut"), [(DEFAULT_CAP, None), (None, None), (timedelta(hours=6), None), (None, time(12))], ids=str
)
def test_real_series_equal_a_brute_force(
    data: Path,
    read: Callable[[Path], Series],
    photographs: int,
    cameras: int,
    seconds: int,
    cap: timedelta | None,
    cut: time | None,
) -> None:
    series = read(data)
    assert (sum(map(len, series.values())), len(series)) == (photographs, cameras)
    rule = Rule(gap=timedelta(seconds=seconds), cap=cap, cut=cut)
    for camera, moments in series.items():
        assert grouped(moments, rule) == brute_force(moments, rule), camera


def test_the_pause_of_126_minutes_within_a_night_parts_it_at_two_hours_and_not_at_three(data: Path) -> None:
    [night] = mothbox(data).values()
    before, after = grouped(night, Rule())
    assert (after[0] - before[1]) // timedelta(minutes=1) == 126
    assert before[2] + after[2] == 127
    assert [count for _, _, count in grouped(night, Rule(gap=timedelta(hours=3)))] == [127]
