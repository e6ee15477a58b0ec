"""Reading captures together with other rows, in one request."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws import keys
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
