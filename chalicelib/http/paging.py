"""Pages: limit, offset, an opaque cursor, and the links between them."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from chalicelib.errors import foreign_cursor
from chalicelib.http.routing import Ask

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_OFFSET = 10_000
"""A page by offset is read by walking there; whoever wants to go further follows `next`."""


def limit_of(ask: Ask) -> int:
    """How many are asked for."""
    return ask.number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)


def offset_of(ask: Ask) -> int:
    """How many are to be left out first."""
    return ask.number("offset", 0, 0, MAX_OFFSET)


def cursor_of(ask: Ask, shape: re.Pattern[str]) -> str | None:
    """The position a cursor stands for, if it has the shape of one of this list.

    A position is a place within the list the request names itself, never a way into another.
    Raises Invalid for anything else.
    """
    text = ask.query.get("cursor")
    if not text:
        return None
    try:
        position = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        position = ""
    if not shape.fullmatch(position):
        raise foreign_cursor()
    return position


def cursor(position: str) -> str:
    """A position as callers see it."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def page(
    ask: Ask, path: str, results: Sequence[Any], count: int | None, position: str | None
) -> dict[str, Any]:
    """A page as it is answered. `position` is where it ended, None if nothing follows."""
    return {
        "count": count,
        "next": _link(ask, path, {"cursor": cursor(position)}) if position else None,
        "previous": _previous(ask, path),
        "results": results,
    }


def _previous(ask: Ask, path: str) -> str | None:
    offset = offset_of(ask)
    if not offset or ask.query.get("cursor"):
        return None
    return _link(ask, path, {"offset": str(max(0, offset - limit_of(ask)))})


def _link(ask: Ask, path: str, changed: Mapping[str, str]) -> str:
    kept = {name: value for name, value in ask.query.items() if name not in ("cursor", "offset")}
    return f"{ask.url(path)}?{urlencode({**kept, **changed})}"
