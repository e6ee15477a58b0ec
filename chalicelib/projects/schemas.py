"""Projects as they are sent and answered."""

from datetime import datetime

from chalicelib.http.fields import (
    Body,
    CapSeconds,
    Change,
    Counted,
    CutTime,
    Description,
    GapSeconds,
    Name,
    counted,
)
from chalicelib.http.routing import Ask
from chalicelib.projects.rules import Duplicates, Project


class ProjectMake(Body):
    """A new project."""

    name: Name
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None
    session_max_duration_seconds: CapSeconds | None = None
    session_cut_time: CutTime | None = None
    duplicates: Duplicates = "flag"


class ProjectChange(Change):
    """Changes of a project. What is null of the rule of sessions goes back to the default."""

    name: Name = ""
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None
    session_max_duration_seconds: CapSeconds | None = None
    session_cut_time: CutTime | None = None
    duplicates: Duplicates = "flag"


class ProjectAnswer(Counted):
    """A project."""

    id: str
    details: str
    name: str
    description: str
    draft: bool
    session_time_gap_seconds: int | None
    session_max_duration_seconds: int | None
    session_cut_time: str | None
    duplicates: Duplicates
    deployments_count: int
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
            session_max_duration_seconds=project.session_max_duration_seconds,
            session_cut_time=project.session_cut_time,
            duplicates=project.duplicates,
            deployments_count=project.deployments_count,
            **counted(project.counts),
            created_at=project.created_at,
            updated_at=project.updated_at,
        )
