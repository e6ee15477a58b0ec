"""Projects as they are sent and answered."""

from datetime import datetime

from chalicelib.http.fields import Body, Change, Counted, Description, GapSeconds, Name, counted
from chalicelib.http.routing import Ask
from chalicelib.projects.rules import Duplicates, Project


class ProjectMake(Body):
    """A new project."""

    name: Name
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None
    duplicates: Duplicates = "flag"


class ProjectChange(Change):
    """Changes of a project. A gap of null goes back to the default."""

    name: Name = ""
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None
    duplicates: Duplicates = "flag"


class ProjectAnswer(Counted):
    """A project."""

    id: str
    details: str
    name: str
    description: str
    draft: bool
    session_time_gap_seconds: int | None
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
            duplicates=project.duplicates,
            deployments_count=project.deployments_count,
            **counted(project.counts),
            created_at=project.created_at,
            updated_at=project.updated_at,
        )
