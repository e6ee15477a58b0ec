"""What people take occurrences for, over HTTP."""

import re
from collections.abc import Iterable

from chalicelib import ids
from chalicelib.captures import service as captures
from chalicelib.captures.rules import Capture
from chalicelib.errors import NotFound
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route
from chalicelib.occurrences import detail, identifying
from chalicelib.occurrences.identifying import Outcome, Said, Saying
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.occurrences.schemas import (
    BulkMake,
    IdentificationAnswer,
    IdentificationChange,
    IdentificationMake,
    SaidAnswer,
)

_CURSOR = re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{16}-i[a-z2-7]{10}", re.ASCII)


def make(ask: Ask) -> SaidAnswer:
    """POST: says what an occurrence is; the same user's earlier identification of it is withdrawn. Five
    requests."""
    return _said(identifying.say(ask.principal, _saying(ask.body)))


def make_many(ask: Ask) -> dict[str, object]:
    """POST: says what up to 200 occurrences of one project are, each by itself, and tells of each what became
    of it. Two requests for each, and a few."""
    body: BulkMake = ask.body
    outcomes = identifying.say_many(ask.principal, [_saying(each) for each in body.identifications])
    failed = sum(each.said is None for each in outcomes)
    return {
        "created_count": len(outcomes) - failed,
        "error_count": failed,
        "results": [_outcome(number, each) for number, each in enumerate(outcomes)],
    }


def listed(ask: Ask) -> dict[str, object]:
    """GET: what people said of an occurrence, the newest first, what is withdrawn too. Three requests."""
    known = detail.seen(ask, ask.required("occurrence_id"))
    people, after = known.identifications, paging.cursor_of(ask, _CURSOR)
    if after is not None:
        at = next((number for number, each in enumerate(people) if each.id == after), len(people))
        left = people[at + 1 :]
    else:
        left = people[paging.offset_of(ask) :]
    limit, taxonomy = paging.limit_of(ask), Taxonomy()
    shown = left[:limit]
    taxonomy.learn(_taxa(each.taxon_id for each in shown), above=False)
    results = [IdentificationAnswer.of(each, taxonomy) for each in shown]
    position = shown[-1].id if len(left) > limit else None
    return paging.page(ask, "/identifications", results, len(people), position)


def change(ask: Ask) -> SaidAnswer:
    """PATCH: changes the comment, withdraws an identification, or takes that back, which withdraws the same
    user's other one. Four requests."""
    body: IdentificationChange = ask.body
    identification_id, capture = _seen(ask)
    return _said(identifying.change(identification_id, capture, body.applied_to))


def remove(ask: Ask) -> Answer:
    """DELETE: takes an identification back; the one it had taken the place of counts again. Three
    requests."""
    identification_id, capture = _seen(ask)
    identifying.delete(identification_id, capture)
    return Answer("", 204, content_type="text/plain")


def _seen(ask: Ask) -> tuple[str, Capture]:
    """The identification that the path names, and its capture. One request. Raises NotFound."""
    identification_id = ids.check("identification", ask.path["identification_id"])
    deployment, capture = captures.with_deployment(ids.capture_of(identification_id), consistent=True)
    what = f"identification with the id {identification_id!r}"
    if deployment is None or capture is None:
        raise NotFound(f"There is no {what}.")
    ask.principal.must_see(what, draft=deployment.inherited.draft)
    return identification_id, capture


def _saying(body: IdentificationMake) -> Saying:
    return Saying(
        body.occurrence_id,
        body.taxon_id,
        body.comment,
        body.agreed_with_identification_id,
        body.agreed_with_prediction_id,
    )


def _said(said: Said) -> SaidAnswer:
    taxonomy, named = Taxonomy(), said.determination
    wanted = [said.identification.taxon_id, named.taxon_id if named else None]
    taxonomy.learn(_taxa(wanted), above=False)
    return SaidAnswer.with_effect(said.identification, named, taxonomy)


def _taxa(taxon_ids: Iterable[str | None]) -> set[str]:
    return {each for each in taxon_ids if each}


def _outcome(index: int, each: Outcome) -> dict[str, object]:
    told: dict[str, object] = {"index": index, "occurrence_id": each.occurrence_id}
    if each.said:
        return {**told, "status": "created", "id": each.said.identification.id}
    errors = {field: [why] for field, why in (each.errors or {}).items()}
    return {**told, "status": "error", "errors": errors}


ROUTES = (
    Route("GET", "/api/v2/identifications", listed),
    Route("POST", "/api/v2/identifications", make, body=IdentificationMake, status=201, open=False),
    Route("POST", "/api/v2/identifications/bulk", make_many, body=BulkMake, open=False),
    Route(
        "PATCH",
        "/api/v2/identifications/{identification_id}",
        change,
        body=IdentificationChange,
        open=False,
    ),
    Route("DELETE", "/api/v2/identifications/{identification_id}", remove, open=False),
)
