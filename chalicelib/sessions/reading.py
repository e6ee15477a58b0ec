"""Reading sessions together with other rows, and the one around a capture."""

from collections.abc import Mapping
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.captures.rules import Capture
from chalicelib.sessions import store
from chalicelib.sessions.grouping import Session


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
