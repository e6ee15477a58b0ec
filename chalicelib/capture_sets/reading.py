"""Reading capture sets together with other rows, and their members in the order of time."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.capture_sets import members as member_rows
from chalicelib.capture_sets import segments as segment_rows
from chalicelib.capture_sets import store
from chalicelib.capture_sets.rules import CaptureSet, Member, Tally

Order = Literal["timestamp", "-timestamp"]


def wanted(set_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads a set by."""
    return store.SetRow, keys.capture_set(set_id)


def among(found: Mapping[keys.Key, Any], set_id: str) -> CaptureSet | None:
    """The set among the rows of `table.get_many`, if it is there and stays."""
    row = found.get(keys.capture_set(set_id))
    made = store.set_of(row) if row else None
    return made if made and not made.leaving else None


def page(found: CaptureSet, order: Order, limit: int, after: str | None) -> list[str]:
    """The places in time of up to `limit` members, the undated ones last either way, following the place
    `after`. One request, two where the dated ones end within the page."""
    places: list[str] = []
    for undated in (False, True):
        if after and after.startswith(keys.UNDATED) and not undated:
            continue
        within = after if after and after.startswith(keys.UNDATED) == undated else None
        forward = undated or order == "timestamp"
        left = limit - len(places)
        places += member_rows.page(
            found.id, found.generation, undated=undated, forward=forward, limit=left, after=within
        )
        if len(places) == limit:
            break
    return places


def capture_of(place: str) -> str:
    """The id of the capture that stands there."""
    return place.rpartition("#")[2]


def of_project(project_id: str) -> Iterator[CaptureSet]:
    """All of a project's sets, by name. Two requests per hundred."""
    return table.walked(partial(store.listed, project_id))


def stored(set_id: str) -> tuple[CaptureSet | None, int]:
    """A set, read consistently, None if it is not there or leaves; and how often it was settled with
    something to write. One request."""
    row = table.get(store.SetRow, keys.capture_set(set_id), consistent=True)
    made = store.set_of(row) if row else None
    return (made if made and not made.leaving else None), int(row.settled or 0) if row else 0


def filed(found: CaptureSet) -> Iterator[Member]:
    """The members of a set that is served, as they are filed, in the order of their ids, read consistently.
    One request per megabyte: some five thousand."""
    return member_rows.filed(found.id, found.generation)


def segments(found: CaptureSet) -> dict[str, Tally]:
    """What the segments of a set that is served come to, read consistently. One request per megabyte."""
    return segment_rows.standing(found.id, found.generation)
