"""Capture sets over HTTP."""

import re
import secrets
from dataclasses import replace

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.capture_sets import clearing, ordering, populating, reading, service, store
from chalicelib.capture_sets.methods import checked
from chalicelib.capture_sets.rules import LIVE, MANUAL, STARRED, CaptureSet
from chalicelib.capture_sets.schemas import SetAnswer, SetChange, SetMake, Which
from chalicelib.captures.asked import seen as capture_seen
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects

_CURSOR = re.compile(r"SET#.{0,400}#c[a-z2-7]{10}", re.DOTALL)
_SEEDS = 2**53
_NOBODY = {"capture_ids": list[str]()}


def make(ask: Ask) -> SetAnswer:
    """POST: makes a capture set of a project."""
    body: SetMake = ask.body
    project = projects.find(ids.check("project", body.project_id))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    if body.method == STARRED:
        raise Invalid("A project has its starred captures already.", {"method": "made by starring"})
    now = clock.now()
    made = CaptureSet(
        id=ids.new_set_id(),
        project_id=project.id,
        name=body.name,
        description=body.description,
        method=body.method or MANUAL,
        kwargs=_kwargs(body.method, body.kwargs) if body.method else _kwargs(MANUAL, _NOBODY | body.kwargs),
        generation=service.new_generation(),
        created_at=now,
        updated_at=now,
    )
    service.make(made)
    if made.is_live:
        _started(ask, made, populating.KEY)
    return SetAnswer.of(made, ask)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the capture sets of a project, by name: four requests, however many there are; or in the order of
    one of their counts (`ordering=-source_images_count`): two more for every hundred."""
    project = projects.find(ids.check("project", ask.required("project_id")))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    by_count, count = ordering.count_of(ask.query.get("ordering")), store.count(project.id)
    if by_count:
        found, position = _by_count(ask, project.id, by_count, count)
    else:
        found, position = store.listed(project.id, paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [SetAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/captures/collections", results, count, position)


def _by_count(
    ask: Ask, project_id: str, by_count: tuple[ordering.Count, bool], count: int | None
) -> tuple[list[CaptureSet], str | None]:
    if count is None or count > ordering.MOST:
        raise Invalid(
            f"A project of more than {ordering.MOST:,} capture sets has them by name only.",
            {"ordering": "name"},
        )
    after = paging.cursor_of(ask, ordering.CURSOR)
    counted, greatest_first = by_count
    return ordering.page(
        reading.of_project(project_id), counted, paging.limit_of(ask), after, greatest_first=greatest_first
    )


def detail(ask: Ask) -> SetAnswer:
    """GET: one capture set."""
    return SetAnswer.of(seen(ask), ask)


def change(ask: Ask) -> SetAnswer:
    """PATCH: changes what is sent and nothing else."""
    body: SetChange = ask.body
    before = seen(ask)
    after = body.applied_to(before)
    if (before.method == STARRED) != (after.method == STARRED):
        raise Invalid("The starred captures are what people have starred.", {"method": "starred stays"})
    if not body.model_fields_set & {"method", "kwargs"}:
        return SetAnswer.of(service.change(after, before.updated_at, clock.now()), ask)
    if "kwargs" not in body.model_fields_set and after.method != before.method:
        after = replace(after, kwargs=_NOBODY if after.method == MANUAL else {})
    after = replace(after, kwargs=_kwargs(after.method, after.kwargs))
    if after.is_live:
        _open(ask, before)
    changed = service.change(after, before.updated_at, clock.now())
    if after.is_live:
        _started(ask, changed, populating.KEY)
    return SetAnswer.of(changed, ask)


def remove(ask: Ask) -> Answer:
    """DELETE: deletes a capture set, which is seen no more at once; its members are cleared by a job. One
    that is being deleted may be deleted again, should that job not have come to its end."""
    found = _seen(ask, store.get(ids.check("set", ask.path["set_id"])))
    _open(ask, found)
    store.leave(found)
    return Answer(_started(ask, found, clearing.KEY), 202)


def populate(ask: Ask) -> dict[str, str]:
    """POST: has the captures of a set chosen anew by its method, as a job."""
    found = seen(ask)
    if found.method == STARRED:
        raise Invalid("The starred captures are what people have starred: they are not populated.")
    return _started(ask, found, populating.KEY)


def add(ask: Ask) -> dict[str, int]:
    """POST: adds captures of the project."""
    found = _by_hand(_open(ask, seen(ask)))
    body: Which = ask.body
    return {"added": service.add(found, body.capture_ids)}


def take_out(ask: Ask) -> dict[str, int]:
    """POST: takes captures out."""
    found = _by_hand(_open(ask, seen(ask)))
    body: Which = ask.body
    return {"removed": service.remove(found, body.capture_ids)}


def star(ask: Ask) -> dict[str, str]:
    """POST: stars a capture: adds it to the starred ones of its project."""
    capture, _ = capture_seen(ask)
    found = service.starred(capture.project_id, clock.now())
    service.add(found, [capture.id])
    return {"capture_id": capture.id, "collection_id": found.id}


def unstar(ask: Ask) -> dict[str, str]:
    """POST: stars a capture no more."""
    capture, _ = capture_seen(ask)
    found = service.starred(capture.project_id, clock.now())
    service.remove(found, [capture.id])
    return {"capture_id": capture.id, "collection_id": found.id}


def seen(ask: Ask) -> CaptureSet:
    """The set that the path names, if whoever asks may see its project. Two requests. Raises NotFound."""
    return _seen(ask, service.find(ask.path["set_id"]))


def _seen(ask: Ask, found: CaptureSet | None) -> CaptureSet:
    what = f"capture set with the id {ask.path['set_id']!r}"
    if found is None:
        raise NotFound(f"There is no {what}.")
    ask.principal.must_see(what, draft=projects.find(found.project_id).draft)
    return found


def _open(ask: Ask, found: CaptureSet) -> CaptureSet:
    """The set, for its members to be changed. Raises Conflict while a job is at them."""
    if jobs(ask.settings).is_taken(clearing.slot(found.id)):
        raise Conflict("The capture set is being populated: wait until that job has ended, or cancel it.")
    return found


def _by_hand(found: CaptureSet) -> CaptureSet:
    """The set, if people may say who is in it. Raises Invalid."""
    if found.is_live:
        raise Invalid("This capture set follows its rule: change that.", {"method": "a rule"})
    return found


def _kwargs(method: str, kwargs: object) -> dict[str, object]:
    """Checked, with a seed of its own where chance has a part and none is given."""
    told = checked(method, kwargs if isinstance(kwargs, dict) else {})
    if method == LIVE and told.get("event_ids"):
        raise Invalid(
            "A rule knows no events: which capture is in which may change.", {"kwargs.event_ids": "not here"}
        )
    if "seed" in told and told["seed"] is None:
        told["seed"] = secrets.randbelow(_SEEDS)
    return told


def _started(ask: Ask, found: CaptureSet, key: str) -> dict[str, str]:
    name = f"{'Populate' if key == populating.KEY else 'Delete'} {found.name}"
    job = jobs(ask.settings).start(Start(key, found.project_id, None, {"set_id": found.id}, name))
    return {"job_id": job.id, "collection_id": found.id, "project_id": found.project_id}


ROUTES = (
    Route("GET", "/api/v2/captures/collections", listed),
    Route("POST", "/api/v2/captures/collections", make, body=SetMake, status=201, open=False),
    Route("GET", "/api/v2/captures/collections/{set_id}", detail),
    Route("PATCH", "/api/v2/captures/collections/{set_id}", change, body=SetChange, open=False),
    Route("DELETE", "/api/v2/captures/collections/{set_id}", remove, open=False),
    Route("POST", "/api/v2/captures/collections/{set_id}/populate", populate, status=202, open=False),
    Route("POST", "/api/v2/captures/collections/{set_id}/add", add, body=Which, open=False),
    Route("POST", "/api/v2/captures/collections/{set_id}/remove", take_out, body=Which, open=False),
    Route("POST", "/api/v2/captures/{capture_id}/star", star, open=False),
    Route("POST", "/api/v2/captures/{capture_id}/unstar", unstar, open=False),
)
