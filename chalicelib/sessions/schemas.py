"""Sessions as they are answered. In the API's paths a session is an event."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from chalicelib.captures.rules import Capture
from chalicelib.deployments.rules import Deployment
from chalicelib.http.routing import Ask
from chalicelib.sessions.grouping import Session
from chalicelib.sessions.labels import date_label, duration_label
from chalicelib.thumbnails import service as thumbnails


class ExampleCapture(BaseModel):
    """A capture that shows what a session looks like."""

    id: str
    details: str
    timestamp: datetime | None
    width: int | None
    height: int | None
    thumbnails: dict[str, str]

    @classmethod
    def of(cls, capture: Capture, ask: Ask) -> "ExampleCapture":
        """How such a capture is answered."""
        endpoint = ask.url(f"/captures/thumbnails/{capture.id}")
        readable = capture.facts.state == "ready"
        return cls(
            id=capture.id,
            details=ask.url(f"/captures/{capture.id}"),
            timestamp=capture.timestamp,
            width=capture.facts.width,
            height=capture.facts.height,
            thumbnails=thumbnails.urls(capture.thumbnails, capture.facts.version, endpoint, ask.settings)
            if readable
            else {},
        )


class DeploymentOfEvent(BaseModel):
    """The deployment of a session."""

    id: str
    name: str
    details: str


class EventAnswer(BaseModel):
    """A session. `duration` in seconds; `first_capture` is told by the session itself, null in a list."""

    id: str
    details: str
    project_id: str
    deployment: DeploymentOfEvent | None
    name: str
    date_label: str
    start: datetime
    end: datetime
    duration: int
    duration_label: str
    captures_count: int
    detections_count: int
    occurrences_count: int
    taxa_count: int
    example_captures: list[ExampleCapture]
    first_capture: ExampleCapture | None

    @classmethod
    def of(
        cls,
        session: Session,
        project_id: str,
        deployment: Deployment | None,
        examples: Sequence[Capture],
        ask: Ask,
        first: Capture | None = None,
    ) -> "EventAnswer":
        """How a session is answered."""
        label = date_label(session.start, session.end)
        duration = session.end - session.start
        return cls(
            id=session.id,
            details=ask.url(f"/events/{session.id}"),
            project_id=project_id,
            deployment=DeploymentOfEvent(
                id=deployment.id, name=deployment.name, details=ask.url(f"/deployments/{deployment.id}")
            )
            if deployment
            else None,
            name=label,
            date_label=label,
            start=session.start,
            end=session.end,
            duration=int(duration.total_seconds()),
            duration_label=duration_label(duration),
            captures_count=session.captures_count,
            detections_count=0,
            occurrences_count=0,
            taxa_count=0,
            example_captures=[ExampleCapture.of(each, ask) for each in examples],
            first_capture=ExampleCapture.of(first, ask) if first else None,
        )
