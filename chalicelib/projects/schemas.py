"""Projects as they are sent and answered."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints

from chalicelib.findings.rules import DEFAULT_SCORE, USUAL, Filters
from chalicelib.http.counted import Counted, counted
from chalicelib.http.fields import (
    Body,
    CapSeconds,
    Change,
    CutTime,
    Description,
    GapSeconds,
    Name,
)
from chalicelib.http.routing import Ask
from chalicelib.projects.rules import Duplicates, Project

T = TypeVar("T")

Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TaxonIds = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^t[a-z2-7]{16}$")]], Field(max_length=100)
]


class ProjectMake(Body):
    """A new project."""

    name: Name
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None
    session_max_duration_seconds: CapSeconds | None = None
    session_cut_time: CutTime | None = None
    duplicates: Duplicates = "flag"
    default_filters_score_threshold: Score = DEFAULT_SCORE
    default_filters_include_taxa: TaxonIds = Field(default_factory=list)
    default_filters_exclude_taxa: TaxonIds = Field(default_factory=list)

    def project(self, project_id: str, now: datetime) -> Project:
        """The project."""
        sent = self.model_dump(exclude=set(_FILTERS))
        return Project(project_id, created_at=now, updated_at=now, filters=_filters(self, USUAL), **sent)


class ProjectChange(Change):
    """Changes of a project. What is null of the rule of sessions goes back to the default."""

    name: Name = ""
    description: Description = ""
    draft: bool = False
    session_time_gap_seconds: GapSeconds | None = None
    session_max_duration_seconds: CapSeconds | None = None
    session_cut_time: CutTime | None = None
    duplicates: Duplicates = "flag"
    default_filters_score_threshold: Score = DEFAULT_SCORE
    default_filters_include_taxa: TaxonIds = Field(default_factory=list)
    default_filters_exclude_taxa: TaxonIds = Field(default_factory=list)

    def applied_to(self, value: T) -> T:
        """The project with the fields that were sent."""
        if not isinstance(value, Project):
            raise TypeError(type(value))
        sent = {name: getattr(self, name) for name in self.model_fields_set if name not in _FILTERS}
        return replace(value, **sent, filters=_filters(self, value.filters))


def _filters(body: "ProjectMake | ProjectChange", before: Filters) -> Filters:
    sent: dict[str, Any] = {}
    for name in body.model_fields_set & set(_FILTERS):
        told = getattr(body, name)
        sent[_FILTERS[name]] = tuple(sorted(set(told))) if isinstance(told, list) else told
    return replace(before, **sent)


_FILTERS = {
    "default_filters_score_threshold": "score",
    "default_filters_include_taxa": "include",
    "default_filters_exclude_taxa": "exclude",
}


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
    default_filters_score_threshold: float
    default_filters_include_taxa: list[str]
    default_filters_exclude_taxa: list[str]
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
            default_filters_score_threshold=project.filters.score,
            default_filters_include_taxa=list(project.filters.include),
            default_filters_exclude_taxa=list(project.filters.exclude),
            deployments_count=project.deployments_count,
            **counted(project.counts),
            created_at=project.created_at,
            updated_at=project.updated_at,
        )
