"""Projects as they are sent and answered."""

from datetime import datetime

from pydantic import BaseModel

from chalicelib.http.fields import Body, Change, Description, GapSeconds, Name
from chalicelib.http.routing import Ask
from chalicelib.projects.rules import Project


class ProjectMake(Body):
    """A new project."""

    name: Name
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None


class ProjectChange(Change):
    """Changes of a project. A gap of null goes back to the default."""

    name: Name = ""
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None


class ProjectAnswer(BaseModel):
    """A project."""

    id: str
    details: str
    name: str
    description: str
    draft: bool
    session_time_gap_seconds: int | None
    deployments_count: int
    captures_count: int
    undated_count: int
    events_count: int
    first_capture_timestamp: datetime | None
    last_capture_timestamp: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, project: Project, ask: Ask) -> "ProjectAnswer":
        """How a project is answered."""
        return cls(
            id=project.id,
            details=ask.url(f"/projects/{project.id}"),
            name=project.name,
            description=project.description,
            draft=project.draft,
            session_time_gap_seconds=project.session_time_gap_seconds,
            deployments_count=project.deployments_count,
            captures_count=project.counts.captures_count,
            undated_count=project.counts.undated_count,
            events_count=project.counts.sessions_count,
            first_capture_timestamp=project.counts.first_timestamp,
            last_capture_timestamp=project.counts.last_timestamp,
            created_at=project.created_at,
            updated_at=project.updated_at,
        )
