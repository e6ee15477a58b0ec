"""Pages of captures with all that a page shows: two or three requests, whatever the page or the table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from chalicelib import ids
from chalicelib.access.rules import Principal
from chalicelib.aws import table
from chalicelib.capture_sets import reading as capture_sets
from chalicelib.captures import noted, reading, timeline
from chalicelib.captures.rules import Capture
from chalicelib.captures.timeline import Order, Span
from chalicelib.counts import Counts
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import NotFound
from chalicelib.projects import reading as projects
from chalicelib.projects.rules import Project
from chalicelib.sessions import joining
from chalicelib.sessions import reading as sessions
from chalicelib.sessions.grouping import Stretch

_A_MONTH = timedelta(days=31)

Only = Literal["undated", "unreadable", "duplicate"]


@dataclass(frozen=True, slots=True)
class Turn:
    """Which page: `after` a position, or else leaving out the first `offset`. `only` picks out the undated,
    or those of which something is noted, which come in the order of their ids and know no offset."""

    order: Order
    limit: int
    after: str | None = None
    offset: int = 0
    only: Only | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of captures, their deployments and sessions, how many there are in all (None: too many to
    count), and the position the page ended at, None if nothing follows."""

    captures: list[Capture]
    deployments: Mapping[str, Deployment]
    sessions: Mapping[str, Stretch]
    count: int | None
    position: str | None


def of_project(principal: Principal, project_id: str, turn: Turn) -> Listing:
    """A page of a project. Three requests, four of those of which something is noted."""
    captures, position = _page(Span(project_id), turn)
    wanted = {capture.deployment_id for capture in captures}
    found = table.get_many([projects.wanted(project_id), *map(deployments.wanted, wanted)])
    project = _seen(principal, projects.among(found, project_id), project_id)
    places = {each: place for each in wanted if (place := deployments.among(found, each))}
    return Listing(
        captures,
        places,
        joining.of_project(captures, project_id, places),
        _count(Span(project_id), turn, project.counts),
        position,
    )


def of_deployment(principal: Principal, project_id: str, deployment_id: str, turn: Turn) -> Listing:
    """A page of a deployment. As many requests as of a project."""
    ids.check("deployment", deployment_id)
    found = table.get_many([projects.wanted(project_id), deployments.wanted(deployment_id)])
    _seen(principal, projects.among(found, project_id), project_id)
    deployment = deployments.among(found, deployment_id)
    if deployment is None or deployment.project_id != project_id:
        raise NotFound(f"There is no deployment with the id {deployment_id!r} in this project.")
    captures, position = _page(Span(project_id, deployment_id), turn)
    return Listing(
        captures,
        {deployment_id: deployment},
        joining.of_deployment(captures, deployment_id),
        _count(Span(project_id, deployment_id), turn, deployment.counts),
        position,
    )


def of_session(principal: Principal, project_id: str, session_id: str, turn: Turn) -> Listing:
    """A page of a session. Two requests."""
    deployment_id = ids.deployment_of(ids.check("session", session_id))
    found = table.get_many(
        [
            projects.wanted(project_id),
            deployments.wanted(deployment_id),
            sessions.wanted(session_id),
        ]
    )
    _seen(principal, projects.among(found, project_id), project_id)
    deployment, session = deployments.among(found, deployment_id), sessions.among(found, session_id)
    if deployment is None or deployment.project_id != project_id or session is None:
        raise NotFound(f"There is no session with the id {session_id!r} in this project.")
    captures, position = _page(Span(project_id, deployment_id, session.start, session.end), turn)
    return Listing(
        captures,
        {deployment_id: deployment},
        {capture.id: session.stretch for capture in captures},
        session.captures_count,
        position,
    )


def of_set(principal: Principal, project_id: str, set_id: str, turn: Turn) -> Listing:
    """A page of a capture set, in either order of time. Four requests, five where its dated captures end in
    the page. It knows no offset. Sessions are told of a page that spans a month at the most: those of more
    would be read in vain by the thousand."""
    wanted = [projects.wanted(project_id), capture_sets.wanted(ids.check("set", set_id))]
    found = table.get_many(wanted)
    _seen(principal, projects.among(found, project_id), project_id)
    chosen = capture_sets.among(found, set_id)
    if chosen is None or chosen.project_id != project_id:
        raise NotFound(f"There is no capture set with the id {set_id!r} in this project.")
    places = capture_sets.page(chosen, turn.order, turn.limit + 1, turn.after)
    more, places = len(places) > turn.limit, places[: turn.limit]
    capture_ids = [capture_sets.capture_of(each) for each in places]
    homes = {ids.deployment_of(each) for each in capture_ids}
    rows = table.get_many([*map(reading.wanted, capture_ids), *map(deployments.wanted, homes)])
    captures = reading.among(rows, capture_ids)
    known = {each: home for each in homes if (home := deployments.among(rows, each))}
    moments = [each.timestamp for each in captures if each.timestamp]
    is_short = bool(moments) and max(moments) - min(moments) <= _A_MONTH
    joined = joining.of_project(captures, project_id, known) if is_short else {}
    return Listing(captures, known, joined, chosen.captures_count, places[-1] if more else None)


def _count(span: Span, turn: Turn, counts: Counts) -> int | None:
    if turn.only is None:
        return counts.captures_count
    if turn.only == "undated":
        return counts.undated_count
    return noted.count(turn.only, span.project_id, span.deployment_id)


def _page(span: Span, turn: Turn) -> tuple[list[Capture], str | None]:
    after = turn.after
    if turn.only == "unreadable" or turn.only == "duplicate":
        return noted.page(turn.only, span.project_id, span.deployment_id, turn.limit, after)
    span = replace(span, undated=turn.only == "undated")
    if after is None and turn.offset:
        after = timeline.position_of(span, turn.order, turn.offset)
        if after is None:
            return [], None
    found = timeline.page(span, turn.order, turn.limit + 1, after)
    more = len(found) > turn.limit
    return found[: turn.limit], timeline.position(found[turn.limit - 1]) if more else None


def _seen(principal: Principal, project: Project | None, project_id: str) -> Project:
    if project is None:
        raise NotFound(f"There is no project with the id {project_id!r}.")
    principal.must_see(f"project with the id {project_id!r}", draft=project.draft)
    return project
