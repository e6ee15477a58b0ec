"""Taxa over HTTP. They are of nobody's project: whoever asks may read them."""

import re
import unicodedata

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.errors import Invalid
from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route
from chalicelib.taxa import importing, reading, service, store
from chalicelib.taxa.list_routes import ROUTES as LIST_ROUTES
from chalicelib.taxa.rules import Taxon, lineage
from chalicelib.taxa.schemas import (
    ImportAnswer,
    TaxaImport,
    TaxonAnswer,
    TaxonChange,
    TaxonDetail,
    TaxonMake,
)

_CURSOR = re.compile(r"TAXON#.{0,400}#t[a-z2-7]{16}", re.DOTALL)
_LONGEST_BEGINNING = 80
"""Characters: as many of a name as the order of names looks at."""


def make(ask: Ask) -> TaxonDetail:
    """POST: makes a taxon."""
    body: TaxonMake = ask.body
    now = clock.now()
    taxon = Taxon(id=ids.taxon_id(body.name), created_at=now, updated_at=now, **body.model_dump())
    return _detail(service.make(taxon), ask)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the taxa by name, or those whose names begin like `q`, in any case. Three requests."""
    beginning = unicodedata.normalize("NFC", ask.query.get("q", "").lstrip())
    if len(beginning) > _LONGEST_BEGINNING:
        why = f"at most {_LONGEST_BEGINNING} characters"
        raise Invalid(f"The parameter 'q' is to be {why}.", {"q": why})
    found, position = store.listed(beginning, paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [TaxonAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/taxa", results, store.count(beginning), position)


def detail(ask: Ask) -> TaxonDetail:
    """GET: one taxon, and those above it. One request, and one for each of these."""
    return _detail(service.find(ask.path["taxon_id"]), ask)


def change(ask: Ask) -> TaxonDetail:
    """PATCH: changes what is sent and nothing else."""
    body: TaxonChange = ask.body
    taxon = service.find(ask.path["taxon_id"])
    return _detail(service.change(body.applied_to(taxon), taxon.updated_at, clock.now()), ask)


def take(ask: Ask) -> ImportAnswer:
    """POST: takes in a table of taxa. What single lines lack is told of them, and keeps no other line out."""
    body: TaxaImport = ask.body
    return ImportAnswer.of(importing.take(body.csv, clock.now()))


def _detail(taxon: Taxon, ask: Ask) -> TaxonDetail:
    taxa = {taxon.id: taxon}
    if taxon.parent_id:
        taxa |= reading.with_above([taxon.parent_id])
    above = [taxa[each] for each in reversed(lineage(taxon.id, taxa)[1:])]
    return TaxonDetail.with_parents(taxon, above, ask)


ROUTES = (
    *LIST_ROUTES,
    Route("POST", "/api/v2/taxa/import", take, body=TaxaImport, open=False),
    Route("GET", "/api/v2/taxa", listed),
    Route("POST", "/api/v2/taxa", make, body=TaxonMake, status=201, open=False),
    Route("GET", "/api/v2/taxa/{taxon_id}", detail),
    Route("PATCH", "/api/v2/taxa/{taxon_id}", change, body=TaxonChange, open=False),
)
