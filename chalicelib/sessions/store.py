"""Sessions in the table."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Moment, Row
from chalicelib.errors import foreign_cursor
from chalicelib.findings.rules import NOTHING, Found
from chalicelib.sessions.grouping import Session, Stretch, Undated


class SessionRow(Row):
    """A session; `at` says when it starts."""

    project_id = UnicodeAttribute()
    start = Moment()
    end = Moment()
    captures_count = NumberAttribute()
    first_capture_id = UnicodeAttribute()
    example_capture_id = UnicodeAttribute()
    found = JSONAttribute(null=True)


class UndatedSegmentRow(Row):
    """How many undated captures of a deployment have an id in one segment, and what was found on them."""

    undated_count = NumberAttribute()
    found = JSONAttribute(null=True)


def standing(deployment_id: str, start: datetime | None, page: int | None = None) -> Iterator[Session]:
    """The sessions of a deployment that start at `start` or later, ascending, read consistently and as
    they are taken, `page` at a time."""
    lower = keys.sessions_from(start) if start else keys.SESSIONS
    within = SessionRow.at.between(lower, keys.SESSIONS + keys.LAST)
    return _timeline(deployment_id, within, consistent=True, page=page)


def starting_by(
    deployment_id: str, moment: datetime, limit: int, *, consistent: bool = False
) -> list[Session]:
    """Up to `limit` sessions of a deployment that start at `moment` or earlier, the latest first."""
    within = SessionRow.at.between(keys.SESSIONS, keys.sessions_until(moment))
    return list(_timeline(deployment_id, within, consistent=consistent, forward=False, limit=limit))


def write(
    transaction: TransactWrite, project_id: str, put: Iterable[Session], delete: Iterable[Session]
) -> None:
    """Writes and deletes sessions, as a part of a transaction."""
    for session in put:
        at = keys.session_at(session.id, session.start)
        transaction.save(
            SessionRow(
                *keys.session(session.id),
                at=at,
                owner=keys.project(project_id)[0],
                rank=at,
                project_id=project_id,
                start=session.start,
                end=session.end,
                captures_count=session.captures_count,
                first_capture_id=session.first_capture_id,
                example_capture_id=session.example_capture_id,
                found=_plain(session.found),
            )
        )
    for session in delete:
        transaction.delete(SessionRow(*keys.session(session.id)))


def undated(deployment_id: str, segment: str) -> Undated:
    """What a segment comes to, as it stands."""
    row = table.get(UndatedSegmentRow, keys.undated_segment(deployment_id, segment), consistent=True)
    return undated_of(row) if row else Undated()


def write_undated(transaction: TransactWrite, deployment_id: str, segment: str, undated: Undated) -> None:
    """Writes what a segment comes to, as a part of a transaction."""
    transaction.save(
        UndatedSegmentRow(
            *keys.undated_segment(deployment_id, segment),
            undated_count=undated.count,
            found=_plain(undated.found),
        )
    )


def undated_of(row: Any) -> Undated:
    """What the segment comes to that a row holds."""
    return Undated(int(row.undated_count), Found.of(row.found))


def _plain(found: Found) -> dict[str, dict[str, int]] | None:
    return found.plain() if found != NOTHING else None


def stretches_of_project(project_id: str, start: datetime, end: datetime) -> list[Stretch]:
    """The sessions of a project that start between two moments, ascending. One request per megabyte."""
    within = SessionRow.rank.between(keys.sessions_from(start), keys.sessions_until(end))
    rows = table.query(SessionRow, keys.project(project_id)[0], within, index=keys.BY_OWNER)
    return [
        Stretch(row.sk.removeprefix(keys.SESSIONS), keys.start_of_session(row.rank), row.end) for row in rows
    ]


def stretches_around(deployment_id: str, start: datetime, end: datetime, most: int) -> list[Stretch]:
    """The sessions of a deployment that hold `most` moments between two, ascending. One request: there is
    no more than one for each moment, and the one that `start` may lie in."""
    within = SessionRow.at.between(keys.SESSIONS, keys.sessions_until(end))
    found: list[Stretch] = []
    for each in _timeline(deployment_id, within, forward=False, page=most + 1):
        found.append(each.stretch)
        if each.start <= start:
            break
    return found[::-1]


def of_project(
    project_id: str, limit: int, after: str | None, *, forward: bool
) -> tuple[list[Session], str | None]:
    """A page of a project's sessions by start, and the position it ended at. Two requests."""
    return table.page_of_rows(
        SessionRow,
        keys.project(project_id)[0],
        keys.SESSIONS,
        limit,
        after,
        forward=forward,
        key_of=lambda rank: keys.session(rank.rpartition("#")[2]),
        value_of=session_of,
    )


def of_deployment(
    deployment_id: str, limit: int, after: str | None, *, forward: bool
) -> tuple[list[Session], str | None]:
    """A page of a deployment's sessions by start, and the position it ended at. One request."""
    start = None
    if after is not None:
        pk, sk = keys.session(after.rpartition("#")[2])
        if pk != keys.deployment(deployment_id)[0]:
            raise foreign_cursor()
        start = {"pk": {"S": pk}, "sk": {"S": sk}, "at": {"S": after}}
    found = list(
        _timeline(
            deployment_id,
            SessionRow.at.startswith(keys.SESSIONS),
            forward=forward,
            limit=limit + 1,
            after=start,
        )
    )
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], keys.session_at(last.id, last.start) if last else None


def session_of(row: Any) -> Session:
    """The session a row holds."""
    return Session(
        row.sk.removeprefix(keys.SESSIONS),
        row.start,
        row.end,
        int(row.captures_count),
        row.first_capture_id,
        row.example_capture_id,
        Found.of(row.found),
    )


def _timeline(deployment_id: str, within: Any, **options: Any) -> Iterator[Session]:
    pk = keys.deployment(deployment_id)[0]
    return map(session_of, table.query(SessionRow, pk, within, index=keys.TIMELINE, whole=True, **options))
