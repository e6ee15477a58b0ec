"""Deployments as they are sent and answered."""

from datetime import datetime

from chalicelib.captures.timestamps import SOURCES
from chalicelib.deployments.rules import Deployment
from chalicelib.http.fields import (
    Body,
    Change,
    ClockOffset,
    Counted,
    Description,
    GapSeconds,
    Latitude,
    Longitude,
    Name,
    TimestampSources,
    TimeZone,
    counted,
)
from chalicelib.http.routing import Ask


class DeploymentMake(Body):
    """A new deployment. Without a gap of its own it goes by its project's."""

    project_id: str
    name: Name
    description: Description = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: TimeZone = "UTC"
    session_time_gap_seconds: GapSeconds | None = None
    timestamp_sources: TimestampSources = SOURCES
    camera_observes_dst: bool = False
    clock_offset_seconds: ClockOffset = 0


class DeploymentChange(Change):
    """Changes of a deployment. A gap of null goes back to the project's."""

    name: Name = ""
    description: Description = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: TimeZone = "UTC"
    session_time_gap_seconds: GapSeconds | None = None
    timestamp_sources: TimestampSources = SOURCES
    camera_observes_dst: bool = False
    clock_offset_seconds: ClockOffset = 0


class DeploymentAnswer(Counted):
    """A deployment."""

    id: str
    details: str
    project_id: str
    name: str
    description: str
    latitude: float | None
    longitude: float | None
    timezone: str
    session_time_gap_seconds: int | None
    timestamp_sources: tuple[str, ...]
    camera_observes_dst: bool
    clock_offset_seconds: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, deployment: Deployment, ask: Ask) -> "DeploymentAnswer":
        """How a deployment is answered."""
        return cls(
            id=deployment.id,
            details=ask.url(f"/deployments/{deployment.id}"),
            project_id=deployment.project_id,
            name=deployment.name,
            description=deployment.description,
            latitude=deployment.latitude,
            longitude=deployment.longitude,
            timezone=deployment.timezone,
            session_time_gap_seconds=deployment.session_time_gap_seconds,
            timestamp_sources=deployment.timestamp_sources,
            camera_observes_dst=deployment.camera_observes_dst,
            clock_offset_seconds=deployment.clock_offset_seconds,
            **counted(deployment.counts),
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
        )
