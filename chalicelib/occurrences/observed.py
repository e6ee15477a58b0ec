"""The taxa that were observed in a project, with how many of its occurrences are each."""

import re

from pynamodb.attributes import NumberAttribute

from chalicelib import ids
from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.errors import Invalid
from chalicelib.http import paging
from chalicelib.http.routing import Ask
from chalicelib.projects import service as projects
from chalicelib.taxa import reading as taxa
from chalicelib.taxa.schemas import TaxonAnswer

_CURSOR = re.compile(r"\d{1,12}#t[a-z2-7]{16}", re.ASCII)
_ORDERS = ("-occurrences_count", "occurrences_count")


class ObservedRow(Row):
    """How many occurrences of a taxon a project has; settling writes it."""

    occurrences_count = NumberAttribute()


class ObservedAnswer(TaxonAnswer):
    """A taxon of which a project has occurrences: those whose very determination it is, not those below
    it."""

    occurrences_count: int


def listed(ask: Ask) -> dict[str, object]:
    """GET: the taxa observed in a project, by how many of its occurrences are each, as its default filters
    count them. One request for the project, one per megabyte of its taxa (some five thousand), one for those
    on the page."""
    project = projects.find(ids.check("project", ask.required("project_id")))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    if ask.query.get("apply_defaults", "true") != "true":
        raise Invalid("Taxa are counted with the project's default filters.", {"apply_defaults": "true"})
    falling = _order(ask) == _ORDERS[0]
    counted = _counted(project.id)
    ranked = sorted(counted, key=lambda each: (-counted[each] if falling else counted[each], each))
    after, limit = paging.cursor_of(ask, _CURSOR), paging.limit_of(ask)
    if after is None:
        left = ranked[paging.offset_of(ask) :]
    else:
        count, _, last = after.partition("#")
        place = (-int(count) if falling else int(count), last)
        left = [each for each in ranked if (-counted[each] if falling else counted[each], each) > place]
    shown = left[:limit]
    known = taxa.whole(shown)
    results = [
        ObservedAnswer(**dict(TaxonAnswer.of(known[each], ask)), occurrences_count=counted[each])
        for each in shown
        if each in known
    ]
    position = f"{counted[shown[-1]]}#{shown[-1]}" if len(left) > limit else None
    return paging.page(ask, "/taxa/observed", results, len(counted), position)


def _order(ask: Ask) -> str:
    given = ask.query.get("ordering") or _ORDERS[0]
    if given not in _ORDERS:
        why = " or ".join(_ORDERS)
        raise Invalid(f"Observed taxa are ordered by {why}.", {"ordering": why})
    return given


def _counted(project_id: str) -> dict[str, int]:
    pk, begin = keys.taxon_count(keys.project(project_id)[0], "")
    rows = table.query(ObservedRow, pk, ObservedRow.sk.startswith(begin), consistent=True)
    return {row.sk.removeprefix(begin): int(row.occurrences_count) for row in rows}
