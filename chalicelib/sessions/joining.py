"""Which session each capture of a page belongs to: one range query, then a match."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from chalicelib.captures.rules import Capture
from chalicelib.deployments.rules import Deployment
from chalicelib.sessions import store
from chalicelib.sessions.grouping import Stretch
from chalicelib.sessions.rules import DEFAULT_CAP


def of_deployment(captures: Sequence[Capture], deployment_id: str) -> Mapping[str, Stretch]:
    """The session of each dated capture of one deployment, by capture id. One request.

    A capture that is not settled yet has no session.
    """
    moments = [capture.timestamp for capture in captures if capture.timestamp]
    if not moments:
        return {}
    return match(captures, store.stretches_around(deployment_id, min(moments), max(moments), len(moments)))


def of_project(
    captures: Sequence[Capture], project_id: str, deployments: Mapping[str, Deployment]
) -> Mapping[str, Stretch]:
    """The session of each dated capture, by capture id. One request, and one more for each deployment among
    `deployments` whose sessions may last for more than a day, if some of its captures are without.
    """
    moments = [capture.timestamp for capture in captures if capture.timestamp]
    if not moments:
        return {}
    found = store.stretches_of_project(project_id, min(moments) - DEFAULT_CAP, max(moments))
    matched = dict(match(captures, found))
    for deployment_id, deployment in deployments.items():
        if deployment.rule.cap is None or deployment.rule.cap > DEFAULT_CAP:
            rest = [each for each in captures if each.deployment_id == deployment_id]
            matched |= of_deployment([each for each in rest if each.id not in matched], deployment_id)
    return matched


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
