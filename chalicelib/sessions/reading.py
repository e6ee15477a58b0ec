"""Reading sessions together with other rows, and the one around a capture."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.captures.rules import Capture
from chalicelib.sessions import store
from chalicelib.sessions.grouping import Session, Undated


def wanted(session_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads a session by."""
    return store.SessionRow, keys.session(session_id)


def among(found: Mapping[keys.Key, Any], session_id: str) -> Session | None:
    """The session among the rows of `table.get_many`, if it is there."""
    row = found.get(keys.session(session_id))
    return store.session_of(row) if row else None


def around(capture: Capture) -> Session | None:
    """The session a capture belongs to; None if it is undated, hidden, or not settled yet. One request."""
    if capture.timestamp is None or capture.hidden:
        return None
    latest = store.starting_by(capture.deployment_id, capture.timestamp, 1)
    return latest[0] if latest and capture.timestamp <= latest[0].end else None


def stored(deployment_id: str) -> Iterator[Session]:
    """The sessions of a deployment, as their own rows say it, in the order of their ids, read consistently.
    One request per megabyte: some two thousand."""
    pk, within = keys.deployment(deployment_id)[0], store.SessionRow.sk.startswith(keys.SESSIONS)
    return map(store.session_of, table.query(store.SessionRow, pk, within, consistent=True))


def undated_segments(deployment_id: str) -> dict[str, Undated]:
    """What a deployment's undated captures come to by segment, read consistently. One request."""
    pk, begin = keys.undated_segment(deployment_id, "")
    rows = table.query(
        store.UndatedSegmentRow, pk, store.UndatedSegmentRow.sk.startswith(begin), consistent=True
    )
    return {row.sk.removeprefix(begin): store.undated_of(row) for row in rows}
