"""Reading captures together with other rows, in one request."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.captures import store
from chalicelib.captures.rules import Capture


def wanted(capture_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads a capture by."""
    return store.CaptureRow, keys.capture(capture_id)


def among(found: Mapping[keys.Key, Any], capture_ids: Sequence[str]) -> list[Capture]:
    """The captures among the rows of `table.get_many`, in the order of their ids given."""
    rows = (found.get(keys.capture(capture_id)) for capture_id in capture_ids)
    return [store.capture_of(row) for row in rows if row]
