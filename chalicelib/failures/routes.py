"""What could not be processed, over HTTP."""

import re

from chalicelib.aws import clock
from chalicelib.failures import store
from chalicelib.failures.schemas import FailureAnswer, Replay
from chalicelib.failures.service import Failing
from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route

_CURSOR = re.compile(r"[0-9TZ:.\-]{20,40}#[0-9a-f]{24}", re.ASCII)


def failed(ask: Ask) -> dict[str, object]:
    """GET: messages that could not be processed, being tried again or given up, the oldest first."""
    after = paging.cursor_of(ask, _CURSOR)
    found, position = store.listed(paging.limit_of(ask), after, clock.now())
    results = [FailureAnswer.of(each) for each in found]
    return paging.page(ask, "/ingest/failures", results, store.count(), position)


def replay(ask: Ask) -> dict[str, object]:
    """POST: puts messages that are given up back on the queue."""
    body: Replay = ask.body
    failing = Failing(ask.settings, clock.now)
    done = failing.replay(body.ids) if body.ids else failing.replay_all()
    return {"replayed": done.replayed, "left": done.left}


ROUTES = (
    Route("GET", "/api/v2/ingest/failures", failed, open=False),
    Route("POST", "/api/v2/ingest/failures/replay", replay, body=Replay, open=False),
)
