"""The console's files, served from where they lie beside this one."""

from pathlib import Path

from chalicelib.errors import NotFound
from chalicelib.http.routing import Answer, Ask, Route

_FOLDER = Path(__file__).parent
_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_SAFETY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' http: https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def index(ask: Ask) -> Answer:  # noqa: ARG001
    """GET: the console's page."""
    return _file("index.html")


def file(ask: Ask) -> Answer:
    """GET: one of the console's files."""
    return _file(ask.path["name"])


def _file(name: str) -> Answer:
    if name not in _TYPES:
        raise NotFound("There is no such file.")
    headers = {**_SAFETY, "Cache-Control": "no-cache"}
    return Answer((_FOLDER / name).read_text(), 200, headers, _TYPES[name])


ROUTES = (Route("GET", "/", index), Route("GET", "/web/{name}", file))
