"""What was found in the intervals of a deployment's time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from chalicelib.deployments.rules import Deployment
from chalicelib.findings import reading
from chalicelib.findings.rules import NOTHING, Filters, Found, found, total
from chalicelib.sessions.grouping import Interval


class Sized:
    """Captures in the order of time, as a sweep takes them; notes on the way how many bytes they have."""

    def __init__(self, captures: Iterable[tuple[datetime, str, int]]) -> None:
        self._captures = captures
        self._sizes: list[tuple[datetime, int]] = []

    def __iter__(self) -> Iterator[tuple[datetime, str]]:
        for timestamp, capture_id, size in self._captures:
            self._sizes.append((timestamp, size))
            yield timestamp, capture_id

    def within(self, intervals: Iterable[Interval]) -> list[int]:
        """How many bytes the captures of each of some intervals have that it has taken."""
        return [sum(size for _, size in self._sizes[self._part(each)]) for each in intervals]

    def _part(self, interval: Interval) -> slice:
        begin = bisect_left(self._sizes, interval.start, key=_when)
        return slice(begin, bisect_right(self._sizes, interval.end, key=_when))


def _when(one: tuple[datetime, int]) -> datetime:
    return one[0]


def in_intervals(deployment_id: str, intervals: Sequence[Interval], filters: Filters) -> list[Found]:
    """What was found in each of some intervals, which follow each other. One request per megabyte of
    findings: some thousands of captures."""
    if not intervals:
        return []
    result = [NOTHING] * len(intervals)
    several = list(reading.between(deployment_id, intervals[0].start, intervals[-1].end))
    lineage = reading.lineage(filters, (findings for _, findings in several))
    index = 0

    def place(timestamp: datetime) -> int:
        nonlocal index
        while index < len(intervals) - 1 and intervals[index].end < timestamp:
            index += 1
        return index

    for number, those in groupby(several, key=lambda one: place(one[0])):
        result[number] = total(found(findings, filters, lineage) for _, findings in those)
    return result


def undated(deployment_id: str, segment: str, filters: Filters) -> Found:
    """What was found on the undated captures of a segment. One request."""
    several = list(reading.undated(deployment_id, segment))
    lineage = reading.lineage(filters, several)
    return total(found(each, filters, lineage) for each in several)


def detections_between(
    deployment: Deployment, start: datetime, end: datetime
) -> Iterator[tuple[datetime, int]]:
    """How many detections that count were made on the captures of a period, by their time. One request."""
    filters = deployment.inherited.filters
    several = list(reading.between(deployment.id, start, end))
    lineage = reading.lineage(filters, (findings for _, findings in several))
    for timestamp, findings in several:
        yield timestamp, found(findings, filters, lineage).counts.get("detections", 0)
