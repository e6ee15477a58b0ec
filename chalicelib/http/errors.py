"""Errors to statuses, each once, and the one shape in which they are told."""

from collections.abc import Mapping

from chalicelib import errors
from chalicelib.http.routing import Answer

STATUSES: Mapping[type[errors.NightjarError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unreadable: 422,
    errors.LeaseLost: 503,
    errors.Busy: 503,
    errors.SourceGone: 404,
    errors.SourceSlow: 504,
    errors.SourceFault: 400,
    errors.StorageFault: 503,
}

_AGAIN = {"Retry-After": "5"}
_HEADERS: Mapping[int, Mapping[str, str]] = {401: {"WWW-Authenticate": "Token"}, 503: _AGAIN, 504: _AGAIN}


def answer(error: errors.NightjarError) -> Answer:
    """How an error is told: `{"detail": …}`, `fields` where single fields are wrong, and the `code` of a data
    source that cannot be opened."""
    content: dict[str, object] = {"detail": error.detail}
    if isinstance(error, errors.Invalid) and error.fields:
        content["fields"] = error.fields
    if isinstance(error, errors.SourceFault):
        content["code"] = error.code
    status = STATUSES[type(error)]
    return Answer(content, status, _HEADERS.get(status, {}))
