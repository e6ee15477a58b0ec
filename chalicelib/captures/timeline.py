"""Captures in the order of time: by deployment, by session, by project.

A deployment's timeline is read from `timeline` (consistent, keys only, so that grouping a million captures
is cheap); pages for people come whole, in one request either way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from chalicelib.aws import keys, table
from chalicelib.captures.rules import Capture
from chalicelib.captures.store import CaptureRow, capture_of
from chalicelib.errors import foreign_cursor
from chalicelib.ids import deployment_of

Order = Literal["timestamp", "-timestamp"]

Taken = tuple[datetime, str]
"""When a capture was taken, and its id."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which captures: of a deployment, or of a project where `deployment_id` is None; with `start` and
    `end` (both inclusive, to the second) only those taken then; or only the undated ones. Hidden captures
    stand apart: they are met only with `hidden`, and then only they."""

    project_id: str
    deployment_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    undated: bool = False
    hidden: bool = False


def taken(deployment_id: str) -> Iterator[Taken]:
    """A deployment's dated captures, ascending, read consistently. Requests as `sized`."""
    return (each[:2] for each in sized(deployment_id))


def sized(
    deployment_id: str, start: datetime | None = None, expected_end: datetime | None = None
) -> Iterator[tuple[datetime, str, int]]:
    """A deployment's dated captures from `start` on, with their bytes, ascending, read consistently.

    Streams: one request per megabyte of keys, some thousands of captures. `expected_end` is where the
    reader expects to stop: nothing past it is read unless the reader goes on.
    """
    lower = keys.captures_from(start) if start else keys.CAPTURES
    end = keys.CAPTURES + keys.LAST
    if expected_end:
        first_end = keys.captures_until(expected_end)
        yield from _taken(deployment_id, lower, first_end)
        lower = first_end
    yield from _taken(deployment_id, lower, end)


def taken_between(deployment_id: str, start: datetime, end: datetime) -> Iterator[Taken]:
    """The captures taken from `start` to `end`, both inclusive, ascending. Requests as `sized`."""
    lower, upper = keys.captures_from(start), keys.captures_until(end)
    return (each[:2] for each in _taken(deployment_id, lower, upper))


_PAGE = 10_000


def _taken(deployment_id: str, lower: str, upper: str) -> Iterator[tuple[datetime, str, int]]:
    within = CaptureRow.at.between(lower, upper)
    pk = keys.deployment(deployment_id)[0]
    # A megabyte ends a page before this does; but without it an engine may gather all that is left each time.
    for row in table.query(CaptureRow, pk, within, index=keys.TIMELINE, consistent=True, page=_PAGE):
        timestamp, _ = keys.time_of_capture(row.at)
        if timestamp is not None:
            yield timestamp, row.sk.removeprefix(keys.CAPTURES), int(row.bytes or 0)


def dated_count(deployment_id: str) -> int:
    """How many dated captures a deployment has, counted in its timeline, consistently. One request per
    megabyte of keys."""
    within = CaptureRow.at.between(keys.CAPTURES, keys.CAPTURES + keys.LAST)
    pk = keys.deployment(deployment_id)[0]
    return CaptureRow.count(pk, within, index_name=keys.TIMELINE, consistent_read=True)


def undated(deployment_id: str, segment: str) -> tuple[int, int]:
    """How many undated captures have an id whose own part begins with `segment`, and how many bytes. One
    request per megabyte of keys."""
    within = CaptureRow.at.startswith(keys.undated_from(deployment_id, segment))
    pk = keys.deployment(deployment_id)[0]
    rows = table.query(CaptureRow, pk, within, index=keys.TIMELINE, consistent=True, page=_PAGE)
    sizes = [int(row.bytes or 0) for row in rows]
    return len(sizes), sum(sizes)


def page(span: Span, order: Order, limit: int, after: str | None = None) -> list[Capture]:
    """Up to `limit` captures of `span`, in order, undated ones last either way, following the position
    `after` (see `position`). One request, two where dated captures end within the page."""
    found: list[Capture] = []
    for part in _parts(span, order, after):
        found += _read(span, part, limit - len(found))
        if len(found) == limit:
            break
    return found


def position(capture: Capture) -> str:
    """Where a page that ends with this capture ended."""
    return keys.capture_at(capture.id, capture.timestamp, capture.millisecond, hidden=capture.hidden)


def position_of(span: Span, order: Order, offset: int) -> str | None:
    """The position of the capture number `offset` (from 1); None if there are fewer.

    Reads keys up to there: its cost grows with `offset`, which callers bound.
    """
    for part in _parts(span, order, None):
        rows = list(_query(span, part, offset, whole=False))
        if len(rows) == offset:
            return str(rows[-1].at or rows[-1].rank)
        offset -= len(rows)
    return None


def count_until(span: Span, capture: Capture) -> int:
    """How many captures of a deployment's `span` stand at or before `capture` in time."""
    assert span.deployment_id  # noqa: S101  (a programming error, not an input)
    return CaptureRow.count(
        keys.deployment(span.deployment_id)[0],
        CaptureRow.at.between(_lower(span), position(capture)),
        index_name=keys.TIMELINE,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    lower: str
    upper: str
    forward: bool
    after: str | None = None


def _parts(span: Span, order: Order, after: str | None) -> list[_Part]:
    if after and span.deployment_id and deployment_of(after.rpartition("#")[2]) != span.deployment_id:
        raise foreign_cursor()
    dated = _Part(_lower(span), _upper(span), order == "timestamp")
    undated = _Part(keys.UNDATED, keys.UNDATED + keys.LAST, forward=True)
    is_one = span.start or span.end or span.hidden
    parts = [undated] if span.undated else [dated] if is_one else [dated, undated]
    if after is None:
        return parts
    if after.startswith(keys.UNDATED):
        return [replace(undated, after=after)] if undated in parts else []
    return parts if span.undated else [*_following(dated, after), *parts[1:]]


def _following(part: _Part, after: str) -> list[_Part]:
    """What is left of a part behind a position, which may lie outside it by now: a session may have shrunk
    since its last page."""
    if part.lower <= after <= part.upper:
        return [replace(part, after=after)]
    is_before = after < part.lower if part.forward else after > part.upper
    return [part] if is_before else []


def _lower(span: Span) -> str:
    if span.hidden:
        return _hidden(span)[0]
    return keys.captures_from(span.start) if span.start else keys.CAPTURES


def _upper(span: Span) -> str:
    if span.hidden:
        return _hidden(span)[1]
    return keys.captures_until(span.end) if span.end else keys.CAPTURES + keys.LAST


def _hidden(span: Span) -> tuple[str, str]:
    if span.start or span.end:
        return keys.captures_between(span.start, span.end, hidden=True)
    return keys.HIDDEN, keys.HIDDEN + keys.LAST


def _read(span: Span, part: _Part, limit: int) -> list[Capture]:
    return [capture_of(row) for row in _query(span, part, limit, whole=True)]


def _query(span: Span, part: _Part, limit: int, *, whole: bool) -> Any:
    if span.deployment_id:
        pk, index, attribute = keys.deployment(span.deployment_id)[0], keys.TIMELINE, CaptureRow.at
    else:
        pk, index, attribute = keys.project(span.project_id)[0], keys.BY_OWNER, CaptureRow.rank
    return table.query(
        CaptureRow,
        pk,
        attribute.between(part.lower, part.upper),
        index=index,
        forward=part.forward,
        limit=limit,
        after=_start_key(index, pk, part.after) if part.after else None,
        whole=whole and index == keys.TIMELINE,
    )


def _start_key(index: str, pk: str, at: str) -> dict[str, Any]:
    own_pk, sk = keys.capture(at.rpartition("#")[2])
    names = (
        {"pk": own_pk, "sk": sk, "at": at}
        if index == keys.TIMELINE
        else {
            "pk": own_pk,
            "sk": sk,
            "owner": pk,
            "rank": at,
        }
    )
    return {name: {"S": value} for name, value in names.items()}
