"""Deployments as they are sent and answered."""

from datetime import datetime

from pydantic import BaseModel

from chalicelib.deployments.rules import Deployment
from chalicelib.http.fields import Body, Change, Description, GapSeconds, Latitude, Longitude, Name, TimeZone
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


class DeploymentChange(Change):
    """Changes of a deployment. A gap of null goes back to the project's."""

    name: Name = ""
    description: Description = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: TimeZone = "UTC"
    session_time_gap_seconds: GapSeconds | None = None


class DeploymentAnswer(BaseModel):
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
    captures_count: int
    undated_count: int
    events_count: int
    first_capture_timestamp: datetime | None
    last_capture_timestamp: datetime | None
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
            captures_count=deployment.counts.captures_count,
            undated_count=deployment.counts.undated_count,
            events_count=deployment.counts.sessions_count,
            first_capture_timestamp=deployment.counts.first_timestamp,
            last_capture_timestamp=deployment.counts.last_timestamp,
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
        )
