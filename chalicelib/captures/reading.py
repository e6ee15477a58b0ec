"""Reading captures together with other rows, in one request; and all of a deployment, past every index."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.captures import store
from chalicelib.captures.rules import Capture, Seen


def wanted(capture_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads a capture by."""
    return store.CaptureRow, keys.capture(capture_id)


def among(found: Mapping[keys.Key, Any], capture_ids: Sequence[str]) -> list[Capture]:
    """The captures among the rows of `table.get_many`, in the order of their ids given."""
    captures = (seen_among(found, capture_id).capture for capture_id in capture_ids)
    return [capture for capture in captures if capture]


def seen_among(found: Mapping[keys.Key, Any], capture_id: str) -> Seen:
    """What there is of a capture among the rows of `table.get_many`."""
    return store.seen_of(found.get(keys.capture(capture_id)))


def whole(capture_ids: Iterable[str]) -> dict[str, Capture]:
    """Captures by id, in that order, read consistently; none for what has gone. One request per hundred."""
    asked = list(capture_ids)
    found = table.get_many(map(wanted, asked), consistent=True)
    return {each.id: each for each in among(found, asked)}


def places(deployment_id: str) -> Iterator[str]:
    """Where the captures of a deployment stand in time, as their own rows say it, in the order of their ids:
    without the index by which they are settled, and read consistently. One request per megabyte of rows, some
    eight hundred."""
    pk, begin = keys.capture(f"{deployment_id}-")
    rows = store.CaptureRow.query(
        pk,
        store.CaptureRow.sk.startswith(begin),
        consistent_read=True,
        attributes_to_get=["sk", "at"],
        page_size=_PAGE,
    )
    for row in rows:
        if row.at:  # of one that was removed only a trace is left
            yield row.at


_PAGE = 10_000
"""More than a megabyte: without a limit some engines gather all that is left for each page."""
