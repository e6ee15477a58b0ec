"""Which session each capture of a page belongs to: one range query, then a match."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from chalicelib.captures.rules import Capture
from chalicelib.sessions import store
from chalicelib.sessions.grouping import DEFAULT_CAP, Stretch


def sessions_of(
    captures: Sequence[Capture], project_id: str, deployment_id: str | None
) -> Mapping[str, Stretch]:
    """The session of each dated capture, by capture id. One request.

    A session lasts no longer than the cap, so whatever holds one of these captures starts within the cap
    before the first of them. A capture that is not settled yet has no session.
    """
    moments = [capture.timestamp for capture in captures if capture.timestamp]
    if not moments:
        return {}
    start, end = min(moments) - DEFAULT_CAP, max(moments)
    if deployment_id:
        found = store.stretches_of_deployment(deployment_id, start, end)
    else:
        found = store.stretches_of_project(project_id, start, end)
    return match(captures, found)


def match(captures: Sequence[Capture], sessions: Sequence[Stretch]) -> Mapping[str, Stretch]:
    """The session that holds each capture's timestamp, by capture id; `sessions` ascending by start."""
    by_deployment: dict[str, list[Stretch]] = defaultdict(list)
    for session in sessions:
        by_deployment[session.id.partition("-")[0]].append(session)
    matched = {}
    for capture in captures:
        own = by_deployment[capture.deployment_id]
        if capture.timestamp is None or capture.hidden or not own:
            continue
        latest = bisect_right(own, capture.timestamp, key=lambda session: session.start) - 1
        if latest >= 0 and capture.timestamp <= own[latest].end:
            matched[capture.id] = own[latest]
    return matched
