"""Deployments as they are sent and answered."""

from datetime import datetime

from chalicelib.captures.timestamps import SOURCES
from chalicelib.deployments.rules import Deployment
from chalicelib.http.counted import Counted, counted
from chalicelib.http.fields import (
    Body,
    CapSeconds,
    Change,
    ClockOffset,
    CutTime,
    Description,
    GapSeconds,
    Latitude,
    Longitude,
    Name,
    TimestampSources,
    TimeZone,
)
from chalicelib.http.routing import Ask
from chalicelib.sources.fields import Path, Pattern


class DeploymentMake(Body):
    """A new deployment. What it does not say of the rule of sessions, its project says."""

    project_id: str
    name: Name
    description: Description = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: TimeZone = "UTC"
    session_time_gap_seconds: GapSeconds | None = None
    session_max_duration_seconds: CapSeconds | None = None
    session_cut_time: CutTime | None = None
    timestamp_sources: TimestampSources = SOURCES
    camera_observes_dst: bool = False
    clock_offset_seconds: ClockOffset = 0
    data_source: str | None = None
    data_source_subdir: Path | None = None
    data_source_regex: Pattern | None = None


class DeploymentChange(Change):
    """Changes of a deployment. What is null of the rule of sessions is left to the project."""

    name: Name = ""
    description: Description = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: TimeZone = "UTC"
    session_time_gap_seconds: GapSeconds | None = None
    session_max_duration_seconds: CapSeconds | None = None
    session_cut_time: CutTime | None = None
    timestamp_sources: TimestampSources = SOURCES
    camera_observes_dst: bool = False
    clock_offset_seconds: ClockOffset = 0
    data_source: str | None = None
    data_source_subdir: Path | None = None
    data_source_regex: Pattern | None = None


class DeploymentAnswer(Counted):
    """A deployment. Where its photographs come from is told only to those who may edit."""

    id: str
    details: str
    project_id: str
    name: str
    description: str
    latitude: float | None
    longitude: float | None
    timezone: str
    session_time_gap_seconds: int | None
    session_max_duration_seconds: int | None
    session_cut_time: str | None
    timestamp_sources: tuple[str, ...]
    camera_observes_dst: bool
    clock_offset_seconds: int
    data_source: str | None
    data_source_subdir: str | None
    data_source_regex: str | None
    data_source_connected: bool
    data_source_total_files: int
    data_source_total_size: int
    data_source_last_checked: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, deployment: Deployment, ask: Ask) -> "DeploymentAnswer":
        """How a deployment is answered."""
        may_edit = ask.principal.is_admin
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
            session_max_duration_seconds=deployment.session_max_duration_seconds,
            session_cut_time=deployment.session_cut_time,
            timestamp_sources=deployment.timestamp_sources,
            camera_observes_dst=deployment.camera_observes_dst,
            clock_offset_seconds=deployment.clock_offset_seconds,
            data_source=deployment.data_source if may_edit else None,
            data_source_subdir=deployment.data_source_subdir if may_edit else None,
            data_source_regex=deployment.data_source_regex if may_edit else None,
            data_source_connected=deployment.data_source is not None,
            data_source_total_files=deployment.data_source_total_files,
            data_source_total_size=deployment.data_source_total_size,
            data_source_last_checked=deployment.data_source_last_checked,
            **counted(deployment.counts),
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
        )
