"""Occurrences over HTTP."""

import math
import re

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.errors import Invalid
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route, redirect
from chalicelib.occurrences import detail, listing, observed, settled
from chalicelib.occurrences.choosing import Choice
from chalicelib.occurrences.crops import Cropping, url
from chalicelib.occurrences.identification_routes import ROUTES as IDENTIFICATION_ROUTES
from chalicelib.occurrences.listing import Asked, Order
from chalicelib.occurrences.schemas import OccurrenceAnswer, OccurrenceDetail, Place

_BY_SCORE = re.compile(r"OCCURRENCE#[01]\.\d{9}#d[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{16}", re.ASCII)
_BY_TIME = re.compile(
    r"(CAPTURE#\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}#|UNDATED#)"
    r"d[a-z2-7]{10}-[a-z2-7]{16}(-[a-z2-7]{16})?",
    re.ASCII,
)
_ORDERS: tuple[Order, ...] = ("-determination_score", "determination_score", "timestamp", "-timestamp")
_MOST_ALGORITHMS = 20
BROWSER_CACHE = 300
"""Seconds a browser may keep a redirect; less if the URL in it does not live as long."""


def listed(ask: Ask) -> dict[str, object]:
    """GET: the named occurrences of a project, by `ordering`, those that pass its default filters unless
    `apply_defaults=false`; of a `deployment=`, an `event=`, a `taxon=` and all below it, from a
    `classification_threshold=` on, that one of some `algorithm=` has looked at, `verified=` or not.

    What is seldom is sought for within bounds (see `by_score` and `by_time`): a page may hold fewer than
    `limit`, or none, and still have a `next`.
    """
    asked, order = _asked(ask), _order(ask)
    if ask.query.get("offset"):
        raise Invalid("Occurrences are listed page by page: follow 'next'.", {"offset": "not here"})
    after = paging.cursor_of(ask, _BY_TIME if order.endswith("timestamp") else _BY_SCORE)
    found = listing.listed(ask.principal, asked, order, paging.limit_of(ask), after)
    results = []
    for each in found.page.occurrences:
        capture = found.page.captures[each.capture_id]
        place = Place(capture, found.deployments.get(capture.deployment_id), found.sessions.get(capture.id))
        results.append(OccurrenceAnswer.of(each, place, found.taxonomy, ask))
    return paging.page(ask, "/occurrences", results, found.count, found.page.position)


def one(ask: Ask) -> OccurrenceDetail:
    """GET: one occurrence with all that was said of it. Three requests, and one for each level above its
    taxa. With a `project_id=` as its list has it: one that its default filters leave out is not there, unless
    `apply_defaults=false`."""
    known = detail.seen(ask, ask.path["occurrence_id"], ask.query.get("project_id"))
    if not _defaults(ask):
        known = detail.unfiltered(known)
    return detail.answer(known, ask)


def recompute(ask: Ask) -> OccurrenceDetail:
    """POST: has what follows from the facts of its capture written now, as settling would. Two requests more
    than reading it, and a transaction if anything differs."""
    known = detail.seen(ask, ask.path["occurrence_id"])
    settled.settle(known.capture.id)
    return detail.answer(detail.seen(ask, known.occurrence.id), ask)


def crop(ask: Ask) -> Answer:
    """GET: to the picture of an occurrence. One request of the table if there is one; else it is cut out of
    the photograph first. `verify=true` looks whether its blob is still there."""
    occurrence_id = ids.check("occurrence", ask.path["occurrence_id"])
    blob = Cropping(ask.settings, clock.now).fresh(ask.principal, occurrence_id, verify=ask.flag("verify"))
    kept = min(BROWSER_CACHE, ask.settings.url_lifetime // 2)
    return redirect(url(blob, ask.settings), f"private, max-age={kept}")


def _asked(ask: Ask) -> Asked:
    project_id = ids.check("project", ask.required("project_id"))
    for name in ("collection", "collections"):
        if ask.query.get(name):
            raise Invalid("Occurrences are not listed by capture set.", {name: "not here"})
    deployment_id, session_id = ask.query.get("deployment") or None, ask.query.get("event") or None
    taxon_id = ask.query.get("taxon") or None
    choice = Choice(
        project_id,
        deployment_id=ids.check("deployment", deployment_id) if deployment_id else None,
        taxon_id=ids.check("taxon", taxon_id) if taxon_id else None,
        algorithms=_algorithms(ask),
        verified=ask.flag("verified") if ask.query.get("verified") else None,
    )
    session_id = ids.check("session", session_id) if session_id else None
    return Asked(choice, session_id, _threshold(ask), _defaults(ask))


def _defaults(ask: Ask) -> bool:
    return ask.flag("apply_defaults") if ask.query.get("apply_defaults") else True


def _threshold(ask: Ask) -> float | None:
    text = ask.query.get("classification_threshold")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        why = "a number from 0 to 1"
        raise Invalid(
            f"The parameter 'classification_threshold' is to be {why}.", {"classification_threshold": why}
        )
    return value


def _algorithms(ask: Ask) -> frozenset[str]:
    text = ask.query.get("algorithm") or ask.query.get("algorithms") or ""
    found = frozenset(each.strip() for each in text.split(",") if each.strip())
    if len(found) > _MOST_ALGORITHMS:
        why = f"at most {_MOST_ALGORITHMS} keys, parted by commas"
        raise Invalid(f"The parameter 'algorithm' is to be {why}.", {"algorithm": why})
    return found


def _order(ask: Ask) -> Order:
    given = ask.query.get("ordering") or _ORDERS[0]
    for each in _ORDERS:
        if each == given:
            return each
    why = " or ".join(_ORDERS)
    raise Invalid(f"Occurrences are ordered by {why}.", {"ordering": why})


ROUTES = (
    *IDENTIFICATION_ROUTES,
    Route("GET", "/api/v2/taxa/observed", observed.listed),
    Route("GET", "/api/v2/occurrences", listed),
    Route("GET", "/api/v2/occurrences/{occurrence_id}", one),
    Route("POST", "/api/v2/occurrences/{occurrence_id}/recompute", recompute, open=False),
    Route("GET", "/api/v2/occurrences/{occurrence_id}/crop", crop),
)
