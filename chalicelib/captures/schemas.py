"""Captures as they are sent and answered."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chalicelib.captures import originals
from chalicelib.captures.rules import Capture
from chalicelib.captures.wall_clock import EARLIEST_YEAR
from chalicelib.deployments.rules import Deployment
from chalicelib.findings.rules import NEVER, Looked
from chalicelib.http.counted import FoundOfCapture
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask
from chalicelib.sessions.grouping import Stretch
from chalicelib.sessions.labels import date_label
from chalicelib.thumbnails import service as thumbnails

LATEST_YEAR = 2100


class UploadMake(Body):
    """One photograph that is about to be sent. `filename` may hold folders, parted by "/"."""

    deployment_id: str
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    content_type: Annotated[str, StringConstraints(max_length=100)]
    size: Annotated[int, Field(strict=True)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


def _camera_time(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is not None:
        raise ValueError("a camera's wall clock has no zone: send it like '2026-06-09T21:30:00'")
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"a year from {EARLIEST_YEAR} to {LATEST_YEAR}")
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class CaptureChange(Body):
    """What a person says of a capture. `timestamp` is the camera's wall clock; null takes the hand's date
    back."""

    timestamp: Annotated[datetime | None, AfterValidator(_camera_time)] = None


class UploadAnswer(BaseModel):
    """Where to send the bytes: a POST of all `fields`, then the file. `status` says "present" when they
    are here already and nothing is to be sent; `duplicate_of` names who holds them under another name."""

    capture_id: str
    status: str
    url: str | None
    fields: dict[str, str] | None
    duplicate_of: str | None


class DeploymentOfCapture(BaseModel):
    """The deployment of a capture."""

    id: str
    name: str | None
    details: str


class EventOfCapture(BaseModel):
    """The session of a capture."""

    id: str
    name: str
    date_label: str
    details: str

    @classmethod
    def of(cls, session: Stretch, ask: Ask) -> "EventOfCapture":
        """How a capture's session is answered."""
        label = date_label(session.start, session.end)
        return cls(id=session.id, name=label, date_label=label, details=ask.url(f"/events/{session.id}"))


class CaptureAnswer(FoundOfCapture):
    """A capture in a list. Sizes in pixels of the displayed frame; `size` in bytes."""

    id: str
    details: str
    project_id: str
    deployment: DeploymentOfCapture
    event: EventOfCapture | None
    path: str
    url: str | None
    timestamp: datetime | None
    timestamp_source: str | None
    timestamp_conflict: bool
    undated_reason: str | None
    timestamp_shift_seconds: int
    duplicate_of: str | None
    hidden: bool
    state: str
    reason: str | None
    truncated: bool
    width: int | None
    height: int | None
    orientation: int
    size: int
    size_display: str
    content_type: str | None
    checksum: str
    checksum_algorithm: str
    sha256: str | None
    last_modified: datetime
    missing_since: datetime | None
    processed: bool
    processed_by: list[str]
    thumbnails: dict[str, str]

    @classmethod
    def of(
        cls,
        capture: Capture,
        deployment: Deployment | None,
        session: Stretch | None,
        ask: Ask,
        looked: Looked = NEVER,
    ) -> "CaptureAnswer":
        """How a capture is answered."""
        return cls(**_fields(capture, deployment, session, ask, looked))


class OriginOfCapture(BaseModel):
    """Which camera took it, and where by its GPS, in degrees."""

    make: str | None
    model: str | None
    serial: str | None
    latitude: float | None
    longitude: float | None


class CaptureDetail(CaptureAnswer):
    """A capture by itself: with its place in its session. `origin` is for those who may edit, null for all
    others."""

    origin: OriginOfCapture | None
    event_prev_capture_id: str | None
    event_next_capture_id: str | None
    event_current_capture_index: int | None
    event_total_captures: int | None

    @classmethod
    def with_place(
        cls,
        capture: Capture,
        deployment: Deployment,
        session: Stretch | None,
        ask: Ask,
        place: "Place",
        looked: Looked,
    ) -> "CaptureDetail":
        """How a capture is answered by itself."""
        origin = capture.origin
        return cls(
            **_fields(capture, deployment, session, ask, looked),
            origin=OriginOfCapture(**asdict(origin)) if ask.principal.is_admin else None,
            event_prev_capture_id=place.previous_id,
            event_next_capture_id=place.next_id,
            event_current_capture_index=place.index,
            event_total_captures=place.total,
        )


class Place(BaseModel):
    """Where a capture stands in its session; `index` counts from 1."""

    previous_id: str | None = None
    next_id: str | None = None
    index: int | None = None
    total: int | None = None


def _fields(
    capture: Capture, deployment: Deployment | None, session: Stretch | None, ask: Ask, looked: Looked
) -> dict[str, Any]:
    facts = capture.facts
    return {
        "id": capture.id,
        "details": ask.url(f"/captures/{capture.id}"),
        "project_id": capture.project_id,
        "deployment": DeploymentOfCapture(
            id=capture.deployment_id,
            name=deployment.name if deployment else None,
            details=ask.url(f"/deployments/{capture.deployment_id}"),
        ),
        "event": EventOfCapture.of(session, ask) if session else None,
        "path": facts.filename,
        "url": _original_url(capture, ask),
        "timestamp": capture.moment,
        "timestamp_source": "manual" if capture.corrections.manual else facts.timestamp_source,
        "timestamp_shift_seconds": 0
        if capture.corrections.manual
        else sum(capture.corrections.shifts.values()),
        "duplicate_of": capture.duplicate_of if _flags_duplicates(deployment) else None,
        "hidden": capture.hidden,
        "timestamp_conflict": facts.timestamp_conflict,
        "undated_reason": facts.undated_reason if capture.timestamp is None else None,
        "state": facts.state,
        "reason": facts.reason,
        "truncated": facts.truncated,
        "width": facts.width,
        "height": facts.height,
        "orientation": facts.orientation,
        "size": facts.size,
        "size_display": size_display(facts.size),
        "content_type": facts.content_type,
        "checksum": facts.version,
        "checksum_algorithm": "ETag",
        "sha256": facts.sha256,
        "last_modified": facts.last_modified,
        "missing_since": facts.missing_since,
        **looked.found.told("capture"),
        "processed": looked.processed,
        "processed_by": list(looked.algorithms),
        "thumbnails": thumbnails.urls(
            capture.thumbnails,
            facts.version,
            ask.url(f"/captures/thumbnails/{capture.id}"),
            ask.settings,
        )
        if facts.state != "unreadable"
        else {},
    }


def _flags_duplicates(deployment: Deployment | None) -> bool:
    return deployment is None or deployment.inherited.duplicates != "keep"


def _original_url(capture: Capture, ask: Ask) -> str | None:
    # Originals hold the place where they were taken in their EXIF: only for those who may edit.
    if not ask.principal.is_admin:
        return None
    if capture.facts.source:  # signing its address takes the source's keys, which no list is to fetch
        return ask.url(f"/captures/{capture.id}/original")
    return originals.url(capture.facts, ask.settings)


def size_display(size: int) -> str:
    """Bytes as people read them: "498 KB", "2.6 MB"."""
    if size < 1000:
        return f"{size} B"
    if size < 999_500:
        return f"{size / 1000:.0f} KB"
    if size < 999_950_000:
        return f"{size / 1_000_000:.1f} MB"
    return f"{size / 1_000_000_000:.1f} GB"
