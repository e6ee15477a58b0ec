"""Data sources over HTTP, where they are called storage. All of it needs a token, reading too: a source
tells where a project's photographs lie."""

import re

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route
from chalicelib.projects import service as projects
from chalicelib.sources import patterns, service, store, testing
from chalicelib.sources.listing import Filter
from chalicelib.sources.schemas import SourceAnswer, SourceChange, SourceMake, SourceTest, TestAnswer

_CURSOR = re.compile(r"SOURCE#.{0,400}#b[a-z2-7]{10}", re.DOTALL)


def make(ask: Ask) -> SourceAnswer:
    """POST: makes a data source of a project."""
    body: SourceMake = ask.body
    project = projects.find(body.project_id)
    source = body.source(ids.new_source_id(), clock.now())
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    made = service.make(source, body.opened_by(), private=ask.settings.private_endpoints)
    return SourceAnswer.of(made, ask)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the data sources of a project, by name."""
    project = projects.find(ask.required("project_id"))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    found, position = store.listed(project.id, paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [SourceAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/storage", results, store.count(project.id), position)


def detail(ask: Ask) -> SourceAnswer:
    """GET: one data source."""
    return SourceAnswer.of(service.find(ask.path["source_id"]), ask)


def change(ask: Ask) -> SourceAnswer:
    """PATCH: changes what is sent and nothing else."""
    body: SourceChange = ask.body
    source, now, private = service.find(ask.path["source_id"]), clock.now(), ask.settings.private_endpoints
    changed = body.changed(source)
    if not body.opens_anew:
        return SourceAnswer.of(service.change(changed, source.updated_at, now, private=private), ask)
    anew = service.change_credentials(changed, body.opened_by(), source.updated_at, now, private=private)
    return SourceAnswer.of(anew, ask)


def remove(ask: Ask) -> Answer:
    """DELETE: deletes a data source that no deployment uses, and its credentials."""
    service.remove(service.find(ask.path["source_id"]))
    return Answer("", 204, content_type="text/plain")


def test(ask: Ask) -> TestAnswer:
    """POST: tries whether a data source can be opened, and finds its first photograph."""
    body: SourceTest = ask.body
    source = service.find(ask.path["source_id"])
    matches = patterns.compiled(body.regex_filter) if body.regex_filter else None
    told = testing.test(source, Filter(body.subdir, matches), private=ask.settings.private_endpoints)
    return TestAnswer.of(source, told)


ROUTES = (
    Route("GET", "/api/v2/storage", listed, open=False),
    Route("POST", "/api/v2/storage", make, body=SourceMake, status=201, open=False),
    Route("GET", "/api/v2/storage/{source_id}", detail, open=False),
    Route("PATCH", "/api/v2/storage/{source_id}", change, body=SourceChange, open=False),
    Route("DELETE", "/api/v2/storage/{source_id}", remove, open=False),
    Route("POST", "/api/v2/storage/{source_id}/test", test, body=SourceTest, open=False),
)
