"""What ingest could not place, and what it could not do, over HTTP."""

import re

from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route
from chalicelib.ingest import store

_CURSOR = re.compile(r"[0-9TZ:.\-]{20,40}#[0-9a-f]{24}", re.ASCII)


def unassigned(ask: Ask) -> dict[str, object]:
    """GET: objects in the photos bucket that belong to no known deployment, the oldest first."""
    found, position = store.listed(paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [
        {
            "id": each.id,
            "bucket": each.bucket,
            "key": each.key,
            "size": each.size,
            "reason": each.reason,
            "created_at": each.created_at.isoformat().replace("+00:00", "Z"),
        }
        for each in found
    ]
    return paging.page(ask, "/ingest/unassigned", results, store.count(), position)


ROUTES = (Route("GET", "/api/v2/ingest/unassigned", unassigned, open=False),)
