"""Projects over HTTP."""

import re

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.errors import Invalid, LeaseLost
from chalicelib.findings.rules import Filters
from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service, store
from chalicelib.projects.rules import Project
from chalicelib.projects.schemas import ProjectAnswer, ProjectChange, ProjectMake
from chalicelib.taxa import reading as taxa

_CURSOR = re.compile(r"(PUBLIC|DRAFT)#.{0,400}#p[a-z2-7]{10}", re.DOTALL)


def make(ask: Ask) -> ProjectAnswer:
    """POST: makes a project."""
    body: ProjectMake = ask.body
    project = body.project(ids.new_project_id(), clock.now())
    _check_taxa(project.filters)
    return ProjectAnswer.of(service.make(project), ask)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the projects one may see, by name; drafts, for those who may see them, before the others."""
    drafts = ask.principal.may_see(draft=True)
    after = paging.cursor_of(ask, _CURSOR)
    found, position = store.listed(paging.limit_of(ask), after, drafts=drafts)
    results = [ProjectAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/projects", results, store.count(drafts=drafts), position)


def detail(ask: Ask) -> ProjectAnswer:
    """GET: one project."""
    return ProjectAnswer.of(seen(ask, ask.path["project_id"]), ask)


def change(ask: Ask) -> ProjectAnswer:
    """PATCH: changes what is sent and nothing else."""
    body: ProjectChange = ask.body
    project = seen(ask, ask.path["project_id"])
    wanted = body.applied_to(project)
    if wanted.filters != project.filters:
        _check_taxa(wanted.filters)
    try:
        changed = service.change(wanted, project.updated_at, clock.now())
    except LeaseLost:  # it is written, and changed again already
        _apply_duplicates(ask, project.id)
        raise
    _apply_duplicates(ask, project.id)
    return ProjectAnswer.of(changed, ask)


def _check_taxa(filters: Filters) -> None:
    """Raises Invalid for a taxon that is not there. One request per hundred taxa, if any are named."""
    for field, wanted in (("include", filters.include), ("exclude", filters.exclude)):
        missing = sorted(set(wanted) - set(taxa.whole(wanted))) if wanted else []
        if missing:
            raise Invalid(
                f"There is no taxon with the id {missing[0]!r}.",
                {f"default_filters_{field}_taxa": f"{missing[0]} is not there"},
            )


def _apply_duplicates(ask: Ask, project_id: str) -> None:
    # Also if it was so before: an earlier change may have ended before its job was started.
    if "duplicates" in ask.body.model_fields_set:
        jobs(ask.settings).start(Start("apply_duplicates", project_id, None, {}))


def seen(ask: Ask, project_id: str) -> Project:
    """The project, if whoever asks may see it. Raises NotFound."""
    project = service.find(ids.check("project", project_id))
    ask.principal.must_see(f"project with the id {project_id!r}", draft=project.draft)
    return project


ROUTES = (
    Route("GET", "/api/v2/projects", listed),
    Route("POST", "/api/v2/projects", make, body=ProjectMake, status=201, open=False),
    Route("GET", "/api/v2/projects/{project_id}", detail),
    Route("PATCH", "/api/v2/projects/{project_id}", change, body=ProjectChange, open=False),
)
