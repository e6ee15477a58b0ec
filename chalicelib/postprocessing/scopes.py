"""Over what a task is run: a capture set, a session, a deployment, or one occurrence; and its captures, page
by page. Hidden captures, which are in no count, are in no scope either, but for that of an occurrence on one.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.capture_sets import reading as set_reading
from chalicelib.capture_sets import service as sets
from chalicelib.captures import reading as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture
from chalicelib.deployments import service as deployments
from chalicelib.detections import proposals
from chalicelib.errors import Invalid, NotFound
from chalicelib.postprocessing.contract import KINDS, Kind
from chalicelib.sessions import reading as sessions

PAGE = 100


class Scope(BaseModel):
    """Exactly one of these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_image_collection_id: str | None = Field(default=None, max_length=100)
    occurrence_id: str | None = Field(default=None, max_length=100)
    event_id: str | None = Field(default=None, max_length=100)
    deployment_id: str | None = Field(default=None, max_length=100)

    @model_validator(mode="after")
    def _is_one(self) -> "Scope":
        if sum(getattr(self, each) is not None for each in KINDS) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> Kind:
        """Which of them it is."""
        return next(each for each in KINDS if getattr(self, each) is not None)

    @property
    def id(self) -> str:
        """Its id."""
        return str(getattr(self, self.kind))


@dataclass(frozen=True, slots=True)
class Place:
    """What a scope is when a run begins. A session that is regrouped meanwhile stays what it was then, by its
    first and last moment; a set that is populated anew, by its generation, is refused."""

    kind: Kind
    id: str
    project_id: str
    name: str
    captures_count: int
    deployment_id: str | None = None
    start: str | None = None
    end: str | None = None
    generation: str | None = None

    def plain(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def place(scope: Scope) -> Place:
    """What a scope is just now. One request, or two. Raises NotFound."""
    if scope.kind == "deployment_id":
        found = deployments.find(scope.id)
        count = found.counts.captures_count
        return Place(scope.kind, found.id, found.project_id, found.name, count, found.id)
    if scope.kind == "source_image_collection_id":
        made = sets.find(scope.id)
        return Place(
            scope.kind,
            made.id,
            made.project_id,
            made.name,
            made.captures_count,
            generation=made.generation,
        )
    return _session(scope) if scope.kind == "event_id" else _occurrence(scope)


def _session(scope: Scope) -> Place:
    session_id = ids.check("session", scope.id)
    found = sessions.among(table.get_many([sessions.wanted(session_id)], consistent=True), session_id)
    if found is None:
        raise NotFound(f"There is no event with the id {session_id!r}.")
    deployment = deployments.find(ids.deployment_of(session_id))
    start, end = found.start.isoformat(), found.end.isoformat()
    name = f"{deployment.name}, {found.start:%Y-%m-%d}"
    count = found.captures_count
    return Place(scope.kind, found.id, deployment.project_id, name, count, deployment.id, start, end)


def _occurrence(scope: Scope) -> Place:
    occurrence_id = ids.check("occurrence", scope.id)
    capture_id = ids.capture_of(occurrence_id)
    capture = captures.whole([capture_id]).get(capture_id)
    boxes = {each.id for each in proposals.present(capture_id).results.detections if each.box}
    if capture is None or occurrence_id not in boxes:
        raise NotFound(f"There is no occurrence with the id {occurrence_id!r}.")
    name = f"one occurrence on {capture.facts.filename[:40]}"
    return Place(scope.kind, occurrence_id, capture.project_id, name, 1, capture.deployment_id)


Met = tuple[str, Capture]
"""A capture, and the position behind it."""


def pages(over: Place, position: str | None) -> Iterator[list[Met]]:
    """The captures of a scope that follow a position, in the order of time. Of a deployment or a session one
    request per hundred, of a set two. Raises Invalid for a set that has other captures by now."""
    if over.kind == "occurrence_id":
        capture_id = ids.capture_of(over.id)
        yield [(capture_id, each) for each in captures.whole([capture_id]).values() if position is None]
    elif over.kind == "source_image_collection_id":
        yield from _of_set(over, position)
    else:
        start, end = (datetime.fromisoformat(each) if each else None for each in (over.start, over.end))
        span = timeline.Span(over.project_id, over.deployment_id, start, end)
        while page := timeline.page(span, "timestamp", PAGE, position):
            position = timeline.position(page[-1])
            yield [(timeline.position(each), each) for each in page]
            if len(page) < PAGE:
                return


def _of_set(over: Place, position: str | None) -> Iterator[list[Met]]:
    while True:
        made = sets.find(over.id)
        if made.generation != over.generation:
            raise Invalid("The capture set was populated anew meanwhile: start a new run.")
        places = set_reading.page(made, "timestamp", PAGE, position)
        found = captures.whole(set_reading.capture_of(each) for each in places)
        known = ((each, found.get(set_reading.capture_of(each))) for each in places)
        yield [(at, capture) for at, capture in known if capture and not capture.hidden]
        if len(places) < PAGE:
            return
        position = places[-1]
