"""Captures over HTTP."""

import re

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.captures import listing, originals, service, timeline
from chalicelib.captures.asked import seen
from chalicelib.captures.listing import Only, Turn
from chalicelib.captures.rules import Capture
from chalicelib.captures.schemas import (
    CaptureAnswer,
    CaptureChange,
    CaptureDetail,
    Place,
    UploadAnswer,
    UploadMake,
)
from chalicelib.captures.timeline import Order, Span
from chalicelib.captures.wall_clock import AHEAD
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Invalid
from chalicelib.findings import reading as findings
from chalicelib.findings.rules import NEVER, Looked
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route, redirect
from chalicelib.sessions import reading as sessions
from chalicelib.sessions.grouping import Session

_CURSOR = re.compile(
    r"(CAPTURE#\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}#|UNDATED#)d[a-z2-7]{10}-[a-z2-7]{16}", re.ASCII
)

_NOTED = re.compile(r"(UNREADABLE|DUPLICATE)#d[a-z2-7]{10}-[a-z2-7]{16}", re.ASCII)

_COUNTED = 10_000
"""In sessions of more captures, a capture's number is not counted out: it would take many requests."""


def announce(ask: Ask) -> Answer:
    """POST: where to send the bytes of a photograph; 200 instead of 201 if they are here already."""
    body: UploadMake = ask.body
    upload = service.announce(
        body.deployment_id, body.filename, body.content_type, body.size, body.sha256, ask.settings
    )
    content = UploadAnswer(
        capture_id=upload.capture_id,
        status="awaited" if upload.url else "present",
        url=upload.url,
        fields=upload.fields,
        duplicate_of=upload.duplicate_of,
    )
    return Answer(content, 201 if upload.url else 200)


def listed(ask: Ask) -> dict[str, object]:
    """GET: captures of a project, a set (`collections=`), a deployment or an `event=` by time, undated
    ones last in either direction; or only those `undated=true`, `state=unreadable` or `duplicate=true`. One
    request more than `listing` tells: for what was found on them."""
    project_id = ids.check("project", ask.required("project_id"))
    only = _only(ask)
    after = paging.cursor_of(ask, _NOTED if only in ("unreadable", "duplicate") else _CURSOR)
    turn = Turn(_order(ask), paging.limit_of(ask), after, paging.offset_of(ask), only)
    if set_id := ask.query.get("collections"):
        found = listing.of_set(ask.principal, project_id, set_id, _plain(ask, turn))
    elif session_id := ask.query.get("event"):
        found = listing.of_session(ask.principal, project_id, session_id, turn)
    elif deployment_id := ask.query.get("deployment"):
        found = listing.of_deployment(ask.principal, project_id, deployment_id, turn)
    else:
        found = listing.of_project(ask.principal, project_id, turn)
    homes = found.deployments
    filters = {each: homes[each].inherited.filters for each in homes}
    looked = findings.looked(
        {each.id: filters[each.deployment_id] for each in found.captures if each.deployment_id in filters}
    )
    results = [
        CaptureAnswer.of(
            each,
            homes.get(each.deployment_id),
            found.sessions.get(each.id),
            ask,
            looked.get(each.id, NEVER),
        )
        for each in found.captures
    ]
    return paging.page(ask, "/captures", results, found.count, found.position)


def _plain(ask: Ask, turn: Turn) -> Turn:
    """The turn, if it picks nothing out. Raises Invalid for what a capture set cannot be asked for."""
    if turn.only or turn.offset or ask.query.get("deployment") or ask.query.get("event"):
        raise Invalid("Captures of a set are listed all of them, and page by page by 'cursor' alone.")
    return turn


def detail(ask: Ask) -> CaptureDetail:
    """GET: one capture, with its place in its session. Six requests, seven in a session of thousands."""
    capture, deployment = seen(ask)
    session = sessions.around(capture)
    stretch = session.stretch if session else None
    place = _place(capture, session) if session else Place()
    return CaptureDetail.with_place(capture, deployment, stretch, ask, place, _looked(capture, deployment))


def _looked(capture: Capture, deployment: Deployment) -> Looked:
    return findings.looked({capture.id: deployment.inherited.filters}).get(capture.id, NEVER)


def original(ask: Ask) -> Answer:
    """GET: to the photograph itself, wherever it lies. For those who may edit: it tells where it was taken.
    One request of the table, two for a data source, and now and then those for its keys."""
    capture, _ = seen(ask)
    return redirect(originals.url(capture.facts, ask.settings), "private, no-store")


def change(ask: Ask) -> CaptureAnswer:
    """PATCH: dates a capture by hand; a timestamp of null goes back to what its sources told."""
    body: CaptureChange = ask.body
    capture_id = ids.check("capture", ask.path["capture_id"])
    seen(ask)
    if "timestamp" not in body.model_fields_set:
        raise Invalid("Say what to change: the timestamp.", {"timestamp": "required"})
    if body.timestamp and body.timestamp > clock.now().replace(tzinfo=None) + AHEAD:
        raise Invalid("The timestamp lies in the future.", {"timestamp": "in the future"})
    deployment, capture = service.date(capture_id, body.timestamp)
    return CaptureAnswer.of(capture, deployment, None, ask, _looked(capture, deployment))


def _place(capture: Capture, session: Session) -> Place:
    span = Span(capture.project_id, capture.deployment_id, session.start, session.end)
    here = timeline.position(capture)
    before = timeline.page(span, "-timestamp", 1, here)
    after = timeline.page(span, "timestamp", 1, here)
    return Place(
        previous_id=before[0].id if before else None,
        next_id=after[0].id if after else None,
        index=timeline.count_until(span, capture) if session.captures_count <= _COUNTED else None,
        total=session.captures_count,
    )


def _only(ask: Ask) -> Only | None:
    wanted: list[Only] = []
    for name, value, only in _PICKS:
        given = ask.query.get(name)
        if given == value:
            wanted.append(only)
        elif given:
            raise Invalid(f"The parameter {name!r} may only be {value!r}.", {name: value})
    if len(wanted) > 1 or (wanted and ask.query.get("event")):
        raise Invalid("Of 'event', 'undated', 'state' and 'duplicate' only one can be asked for at a time.")
    return wanted[0] if wanted else None


_PICKS: tuple[tuple[str, str, Only], ...] = (
    ("undated", "true", "undated"),
    ("state", "unreadable", "unreadable"),
    ("duplicate", "true", "duplicate"),
)


def _order(ask: Ask) -> Order:
    given = ask.query.get("ordering") or "timestamp"
    if given == "timestamp":
        return "timestamp"
    if given == "-timestamp":
        return "-timestamp"
    raise Invalid("Captures are ordered by timestamp.", {"ordering": "timestamp or -timestamp"})


ROUTES = (
    Route("POST", "/api/v2/captures/uploads", announce, body=UploadMake, open=False),
    Route("GET", "/api/v2/captures", listed),
    Route("GET", "/api/v2/captures/{capture_id}", detail),
    Route("GET", "/api/v2/captures/{capture_id}/original", original, open=False),
    Route("PATCH", "/api/v2/captures/{capture_id}", change, body=CaptureChange, open=False),
)
