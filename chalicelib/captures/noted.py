"""Captures of which something is noted: that they are unreadable, or duplicates. In order of their ids."""

from typing import Literal

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.captures import reading
from chalicelib.captures.rules import Capture
from chalicelib.errors import foreign_cursor

Note = Literal["unreadable", "duplicate"]

_PREFIXES: dict[Note, str] = {"unreadable": keys.UNREADABLE, "duplicate": keys.DUPLICATES}


def page(
    note: Note, project_id: str, deployment_id: str | None, limit: int, after: str | None
) -> tuple[list[Capture], str | None]:
    """A page of them, and the position it ended at, if it did. Two requests."""
    prefix = _prefix(note, deployment_id)
    if after and not after.startswith(prefix):
        raise foreign_cursor()
    # "!" sorts before every sign an id goes on with, so this is what follows `after`.
    lower = f"{after}!" if after else prefix
    within = Row.rank.between(lower, prefix + keys.LAST)
    owner = keys.project(project_id)[0]
    rows = list(table.query(Row, owner, within, index=keys.BY_OWNER, limit=limit + 1))
    wanted = [(row.rank or "").partition("#")[2] for row in rows[:limit]]
    found = table.get_many(map(reading.wanted, wanted))
    return reading.among(found, wanted), rows[limit - 1].rank if len(rows) > limit else None


def count(note: Note, project_id: str, deployment_id: str | None) -> int | None:
    """How many there are, if that is not too many to count. One request."""
    return table.count(Row, keys.project(project_id)[0], _prefix(note, deployment_id))


def _prefix(note: Note, deployment_id: str | None) -> str:
    return f"{_PREFIXES[note]}{deployment_id}-" if deployment_id else _PREFIXES[note]
