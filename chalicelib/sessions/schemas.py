"""Sessions as they are answered. In the API's paths a session is an event."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel

from chalicelib.captures.rules import Capture
from chalicelib.deployments.rules import Deployment
from chalicelib.http.counted import FoundOfSession
from chalicelib.http.routing import Ask
from chalicelib.sessions.density import Slot
from chalicelib.sessions.grouping import Session
from chalicelib.sessions.labels import date_label, duration_label, night
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
        readable = capture.facts.state != "unreadable"
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


class EventAnswer(FoundOfSession):
    """A session. `night` is the date on which its night began, counted from noon to noon; `duration` in
    seconds."""

    id: str
    details: str
    project_id: str
    deployment: DeploymentOfEvent | None
    name: str
    date_label: str
    night: date
    start: datetime
    end: datetime
    duration: int
    duration_label: str
    captures_count: int
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
            night=night(session.start),
            start=session.start,
            end=session.end,
            duration=int(duration.total_seconds()),
            duration_label=duration_label(duration),
            captures_count=session.captures_count,
            **session.found.told("session"),
            example_captures=[ExampleCapture.of(each, ask) for each in examples],
            first_capture=ExampleCapture.of(first, ask) if first else None,
        )


class SlotAnswer(BaseModel):
    """What was taken from `start` on, before `end`."""

    start: datetime
    end: datetime
    captures_count: int
    detections_count: int
    first_capture_id: str | None

    @classmethod
    def of(cls, slot: Slot) -> "SlotAnswer":
        """How such an interval is answered."""
        return cls(
            start=slot.start,
            end=slot.end,
            captures_count=slot.captures_count,
            detections_count=slot.detections_count,
            first_capture_id=slot.first_capture_id,
        )


class TimelineAnswer(BaseModel):
    """A session by intervals, which follow each other without a gap."""

    event_id: str
    resolution_minutes: int
    data: list[SlotAnswer]
