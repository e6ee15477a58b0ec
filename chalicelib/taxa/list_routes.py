"""Lists of taxa over HTTP. One of a project is seen by whoever may see the project."""

import re

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.errors import Conflict
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route
from chalicelib.projects import service as projects
from chalicelib.taxa import list_store, reading, service
from chalicelib.taxa.rules import TaxaList
from chalicelib.taxa.schemas import ListAnswer, ListChange, ListMake, TaxonAnswer, Which

_CURSOR = re.compile(r"TAXA_LIST#.{0,400}#l[a-z2-7]{10}", re.DOTALL)
_MEMBERS_CURSOR = re.compile(r"TAXON#.{0,400}#t[a-z2-7]{16}", re.DOTALL)


def make(ask: Ask) -> ListAnswer:
    """POST: makes a list of taxa, of a project or of all."""
    body: ListMake = ask.body
    _see_project(ask, body.project_id)
    now = clock.now()
    made = TaxaList(ids.new_taxa_list_id(), created_at=now, updated_at=now, **body.model_dump())
    return ListAnswer.of(service.make_list(made), ask)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the lists of taxa of a project (`project_id`), else those of all, by name. Three requests, and one
    for the project."""
    project_id = ask.query.get("project_id") or None
    _see_project(ask, project_id)
    found, position = list_store.listed(project_id, paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [ListAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/taxa/lists", results, list_store.count(project_id), position)


def detail(ask: Ask) -> ListAnswer:
    """GET: one list of taxa."""
    return ListAnswer.of(seen(ask), ask)


def change(ask: Ask) -> ListAnswer:
    """PATCH: changes what is sent and nothing else."""
    body: ListChange = ask.body
    found = seen(ask)
    return ListAnswer.of(service.change_list(body.applied_to(found), found.updated_at, clock.now()), ask)


def remove(ask: Ask) -> Answer:
    """DELETE: deletes a list; the taxa in it stay."""
    service.delete(seen(ask).id)
    return Answer("", 204, content_type="text/plain")


def add(ask: Ask) -> dict[str, int]:
    """POST: adds taxa; answers how many were not in it."""
    body: Which = ask.body
    return {"added": service.add(_staying(seen(ask)).id, body.taxon_ids)}


def take_out(ask: Ask) -> dict[str, int]:
    """POST: takes taxa out; answers how many were in it."""
    body: Which = ask.body
    return {"removed": service.remove(_staying(seen(ask)).id, body.taxon_ids)}


def taxa(ask: Ask) -> dict[str, object]:
    """GET: the taxa in a list, by name. Three requests, and one for the list's project."""
    found = seen(ask)
    after = paging.cursor_of(ask, _MEMBERS_CURSOR)
    own, position = list_store.page(found.id, paging.limit_of(ask), after)
    there = reading.whole(own)
    results = [TaxonAnswer.of(there[each], ask) for each in own if each in there]
    return paging.page(ask, f"/taxa/lists/{found.id}/taxa", results, found.taxa_count, position)


def seen(ask: Ask) -> TaxaList:
    """The list that the path names, if whoever asks may see its project. Two requests, one for a list of
    all. Raises NotFound."""
    found = service.find_list(ask.path["list_id"])
    if found.project_id:
        draft = projects.find(found.project_id).draft
        ask.principal.must_see(f"taxa list with the id {found.id!r}", draft=draft)
    return found


def _see_project(ask: Ask, project_id: str | None) -> None:
    """Raises NotFound if there is no such project for whoever asks."""
    if project_id:
        draft = projects.find(project_id).draft
        ask.principal.must_see(f"project with the id {project_id!r}", draft=draft)


def _staying(found: TaxaList) -> TaxaList:
    if found.leaving:
        raise Conflict("The taxa list is being deleted.")
    return found


ROUTES = (
    Route("GET", "/api/v2/taxa/lists", listed),
    Route("POST", "/api/v2/taxa/lists", make, body=ListMake, status=201, open=False),
    Route("GET", "/api/v2/taxa/lists/{list_id}", detail),
    Route("PATCH", "/api/v2/taxa/lists/{list_id}", change, body=ListChange, open=False),
    Route("DELETE", "/api/v2/taxa/lists/{list_id}", remove, open=False),
    Route("POST", "/api/v2/taxa/lists/{list_id}/add", add, body=Which, open=False),
    Route("POST", "/api/v2/taxa/lists/{list_id}/remove", take_out, body=Which, open=False),
    Route("GET", "/api/v2/taxa/lists/{list_id}/taxa", taxa),
)
