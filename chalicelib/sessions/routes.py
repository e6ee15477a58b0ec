"""Sessions over HTTP, under the name the API's clients know: events."""

import re
from datetime import timedelta
from typing import Any

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.aws.keys import Key
from chalicelib.captures import reading as captures
from chalicelib.captures import timeline
from chalicelib.captures.timeline import Span
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Invalid, NotFound
from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route
from chalicelib.projects import reading as projects
from chalicelib.sessions import finding, reading, store
from chalicelib.sessions.density import slots
from chalicelib.sessions.grouping import Session
from chalicelib.sessions.schemas import EventAnswer, SlotAnswer, TimelineAnswer

_CURSOR = re.compile(r"SESSION#\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d#d[a-z2-7]{10}-s[a-z2-7]{10}", re.ASCII)
_EXAMPLES = 5


def listed(ask: Ask) -> dict[str, object]:
    """GET: the sessions of a project or of one deployment, by start, each with an example of its captures.

    Three requests for a deployment, four for a project.
    """
    project_id = ids.check("project", ask.required("project_id"))
    limit, after, forward = paging.limit_of(ask), paging.cursor_of(ask, _CURSOR), _forward(ask)
    deployment_id = ask.query.get("deployment")
    if deployment_id:
        ids.check("deployment", deployment_id)
        found, position = store.of_deployment(deployment_id, limit, after, forward=forward)
    else:
        found, position = store.of_project(project_id, limit, after, forward=forward)
    rows = _rows(found, project_id, deployment_id)
    project = projects.among(rows, project_id)
    if project is None:
        raise NotFound(f"There is no project with the id {project_id!r}.")
    ask.principal.must_see(f"project with the id {project_id!r}", draft=project.draft)
    count = project.counts.sessions_count
    if deployment_id:
        deployment = deployments.among(rows, deployment_id)
        if deployment is None or deployment.project_id != project_id:
            raise NotFound(f"There is no deployment with the id {deployment_id!r} in this project.")
        count = deployment.counts.sessions_count
    results = [
        EventAnswer.of(
            each,
            project_id,
            deployments.among(rows, ids.deployment_of(each.id)),
            captures.among(rows, [each.example_capture_id]),
            ask,
            next(iter(captures.among(rows, [each.first_capture_id])), None),
        )
        for each in found
    ]
    return paging.page(ask, "/events", results, count, position)


def detail(ask: Ask) -> EventAnswer:
    """GET: one session, with some of its captures. Two requests."""
    session, deployment = _seen(ask)
    span = Span(deployment.project_id, deployment.id, session.start, session.end)
    examples = timeline.page(span, "timestamp", _EXAMPLES)
    first = examples[0] if examples else None
    return EventAnswer.of(session, deployment.project_id, deployment, examples, ask, first)


def density(ask: Ask) -> TimelineAnswer:
    """GET: how densely the captures of a session lie, and what was found on them, by intervals of
    `resolution_minutes`. Two requests, and one for each seven thousand captures; writes nothing."""
    minutes = ask.number("resolution_minutes", 10, 1, 31 * 24 * 60)
    session, deployment = _seen(ask)
    captures = timeline.taken_between(deployment.id, session.start, session.end)
    detections = finding.detections_between(deployment, session.start, session.end)
    found = slots(session.stretch, timedelta(minutes=minutes), captures, detections)
    return TimelineAnswer(
        event_id=session.id, resolution_minutes=minutes, data=[SlotAnswer.of(each) for each in found]
    )


def _seen(ask: Ask) -> tuple[Session, Deployment]:
    session_id = ids.check("session", ask.path["session_id"])
    deployment_id = ids.deployment_of(session_id)
    rows = table.get_many([reading.wanted(session_id), deployments.wanted(deployment_id)])
    session, deployment = reading.among(rows, session_id), deployments.among(rows, deployment_id)
    what = f"session with the id {session_id!r}"
    if session is None or deployment is None:
        raise NotFound(f"There is no {what}.")
    ask.principal.must_see(what, draft=deployment.inherited.draft)
    return session, deployment


def _rows(found: list[Session], project_id: str, deployment_id: str | None) -> dict[Key, Any]:
    """The project, the deployments and two captures each of a page of sessions."""
    places = {ids.deployment_of(each.id) for each in found} | ({deployment_id} if deployment_id else set())
    return table.get_many(
        [
            projects.wanted(project_id),
            *map(deployments.wanted, places),
            *(captures.wanted(each.example_capture_id) for each in found),
            *(captures.wanted(each.first_capture_id) for each in found),
        ]
    )


def _forward(ask: Ask) -> bool:
    given = ask.query.get("ordering") or "start"
    if given not in ("start", "-start"):
        raise Invalid("Sessions are ordered by start.", {"ordering": "start or -start"})
    return given == "start"


ROUTES = (
    Route("GET", "/api/v2/events", listed),
    Route("GET", "/api/v2/events/{session_id}", detail),
    Route("GET", "/api/v2/events/{session_id}/timeline", density),
)
