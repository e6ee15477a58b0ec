"""How the API says that it is there."""

import time

from chalicelib.http.routing import Ask, Route
from chalicelib.settings import VERSION

_started = time.monotonic()


def status(ask: Ask) -> dict[str, object]:
    """GET: version, engine, and for how many seconds this process has been up."""
    return {
        "version": VERSION,
        "engine": ask.settings.engine,
        "uptime_seconds": round(time.monotonic() - _started, 1),
    }


ROUTES = (Route("GET", "/api/v2/status", status),)
